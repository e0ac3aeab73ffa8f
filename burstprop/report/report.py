"""Claims, figures, parameters and provenance of a result, as text and as one page to mail to a colleague.

A `Claim` is a measured number with the bounds stated for it beforehand. A reproduction returns a list of
them; the command line prints `claims_text` and fails when one does not hold; `write_report` puts everything
on one HTML page that needs no other file and nothing from the network.
"""

from __future__ import annotations

import datetime
import os
import platform
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from burstprop.parameters import text_table
from burstprop.report import page, prose
from burstprop.report.claim import Claim, number
from burstprop.system.files import write_text
from burstprop.system.machine import cpu_model, versions


def claims_frame(claims: Iterable[Claim]) -> pd.DataFrame:
    """Return the claims as a frame: ``claim, measured, unit, low, high, reference, passed, verdict``."""
    columns = ["claim", "measured", "unit", "low", "high", "reference", "passed", "verdict"]
    return pd.DataFrame([[getattr(c, name) for name in columns] for c in claims], columns=columns)


def verdict(claims: Sequence[Claim]) -> str:
    """Return the one-line result: how many claims hold or fail, and how many were not judged."""
    judged = [c for c in claims if not c.not_judged]
    left = f", {len(claims) - len(judged)} not judged" if len(judged) < len(claims) else ""
    failed = sum(c.failed for c in claims)
    if failed:
        return f"{failed} of {len(judged)} claims FAIL{left}"
    return f"{len(judged)} of {len(judged)} claims hold{left}" if judged else f"nothing was checked{left}"


def claims_text(claims: Sequence[Claim]) -> str:
    """Return the claims as a table for the terminal, failures marked, the verdict in the last line."""
    header = ("claim", "measured", "allowed", "unit", "reference", "result")
    rows: list[tuple[str, ...]] = [
        (c.claim, number(c.measured), c.allowed, c.unit, c.reference, c.verdict) for c in claims
    ]
    return f"{text_table(rows, header)}\n{verdict(claims)}"


def provenance(
    *, command: str | Sequence[str], seed: int, parameters: Mapping[str, Any], **more: Any
) -> dict[str, Any]:
    """Return what somebody needs to get the same result: command, seed, parameters, versions, machine, date.

    Parameters
    ----------
    command : str or sequence of str
        The command line that runs it again, as one string or as its words.
    seed : int
        The seed of the run.
    parameters : mapping
        Every parameter by name, ``dataclasses.asdict(params)``.
    **more
        Anything else worth keeping: duration, threads, realizations, wall time.
    """
    return {
        "run_again": command if isinstance(command, str) else shlex.join(command),
        "seed": seed,
        **more,
        "parameters": dict(parameters),
        "versions": versions(),
        "platform": platform.platform(),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "byte_order": sys.byteorder,
    }


def write_report(
    folder: str | os.PathLike[str],
    *,
    title: str,
    text: str,
    claims: Sequence[Claim],
    figures: Mapping[str, Path],
    tables: Mapping[str, str | pd.DataFrame],
    provenance: Mapping[str, Any],
) -> Path:
    """Write ``report.html``, one page that carries everything in itself, and return its path.

    Parameters
    ----------
    folder : path
        Where to write; must exist.
    title, text : str
        Heading and introduction; a docstring will do (see `burstprop.report.prose`).
    claims : sequence of Claim
        The table of claims; empty leaves it out.
    figures : mapping
        Caption -> PNG file, put into the page.
    tables : mapping
        Heading -> frame, or text with aligned tables as `burstprop.parameters.text_table` prints them.
    provenance : mapping
        What `provenance` returns.

    Raises
    ------
    BurstpropError
        A figure is missing or is no PNG; the page cannot be written.
    """
    details = {key: value for key, value in provenance.items() if key not in ("run_again", "parameters")}
    content = page.render(
        "report.html.jinja",
        title=title,
        text=prose.blocks(text),
        claims=claims,
        verdict=verdict(claims),
        figures=[page.figure(caption, Path(path)) for caption, path in figures.items()],
        tables=[
            (heading, page.frame(table) if isinstance(table, pd.DataFrame) else page.text_tables(table))
            for heading, table in tables.items()
        ],
        command=str(provenance["run_again"]),
        details=page.pairs(details),
    )
    return write_text(Path(folder) / "report.html", content)
