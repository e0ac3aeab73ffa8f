"""Claims, figures, parameters and provenance of a result, as text and as one page to mail to a colleague.

A `Claim` is a measured number with the bounds stated for it beforehand. A reproduction returns a list of
them; the command line prints `claims_text` and fails when one does not hold; `write_report` puts everything
on one HTML page that needs no other file and nothing from the network.
"""

from __future__ import annotations

import datetime
import html
import math
import os
import platform
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from burstprop.parameters import text_table
from burstprop.report import page
from burstprop.system.files import write_text
from burstprop.system.machine import cpu_model, versions


@dataclass(frozen=True)
class Claim:
    """One measured number and the bounds that it has to keep.

    Parameters
    ----------
    claim : str
        What is claimed, in words a reader of the paper understands.
    measured, low, high : float
        The number and its inclusive bounds, in ``unit``; an infinite bound is no bound.
    unit : str
        Unit of the three numbers.
    reference : str
        What the bounds come from: the reference value, the closed form, the paper.
    """

    claim: str
    measured: float
    low: float
    high: float
    unit: str = ""
    reference: str = ""

    @property
    def passed(self) -> bool:
        """Whether the number is within its bounds; NaN never is."""
        return bool(self.low <= self.measured <= self.high)

    @property
    def allowed(self) -> str:
        """The bounds in words, without the unit."""
        if math.isinf(self.low) and math.isinf(self.high):
            return "any number"
        if math.isinf(self.high):
            return f"≥ {page.number(self.low)}"
        if math.isinf(self.low):
            return f"≤ {page.number(self.high)}"
        if self.low == self.high:
            return page.number(self.low)
        return f"{page.number(self.low)} … {page.number(self.high)}"


def claims_frame(claims: Iterable[Claim]) -> pd.DataFrame:
    """Return the claims as a frame: ``claim, measured, unit, low, high, reference, passed``."""
    columns = ["claim", "measured", "unit", "low", "high", "reference", "passed"]
    return pd.DataFrame([[getattr(c, name) for name in columns] for c in claims], columns=columns)


def verdict(claims: Sequence[Claim]) -> str:
    """Return the one-line result: how many claims hold."""
    if not claims:
        return "nothing was checked"
    held = sum(c.passed for c in claims)
    failed = len(claims) - held
    return f"{failed} of {len(claims)} claims FAIL" if failed else f"{held} of {held} claims hold"


def claims_text(claims: Sequence[Claim]) -> str:
    """Return the claims as a table for the terminal, failures marked, the verdict in the last line."""
    header = ("claim", "measured", "allowed", "unit", "reference", "result")
    rows: list[tuple[str, ...]] = [
        (c.claim, page.number(c.measured), c.allowed, c.unit, c.reference, "pass" if c.passed else "FAIL")
        for c in claims
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
        Heading and introduction; a docstring will do (see `burstprop.report.page.prose`).
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
    sections = []
    if claims:
        good = all(c.passed for c in claims)
        mark = "✓" if good else "✗"
        sections.append(f"<p class='badge {'good' if good else 'bad'}'>{mark} {verdict(claims)}</p>")
    sections.append(page.prose(text))
    sections += [page.figure(caption, Path(path)) for caption, path in figures.items()]
    if claims:
        sections.append(f"<h2>Claims</h2>{_claims_html(claims)}")
    for heading, table in tables.items():
        body = page.frame(table) if isinstance(table, pd.DataFrame) else page.text_tables(table)
        sections.append(f"<h2>{html.escape(heading)}</h2>{body}")
    command = html.escape(str(provenance["run_again"]))
    sections.append(f"<h2>Run it again</h2><pre class='command'>{command}</pre>")
    sections.append(f"<h2>Provenance</h2>{page.pairs(details)}")
    return write_text(Path(folder) / "report.html", page.document(title, sections))


def _claims_html(claims: Sequence[Claim]) -> str:
    rows = []
    for c in claims:
        mark = "<td class='mark good'>✓</td>" if c.passed else "<td class='mark bad'>✗</td>"
        opening = "<tr>" if c.passed else "<tr class='failed'>"
        rows.append(
            f"{opening}{mark}<td>{html.escape(c.claim)}</td>"
            f"<td class='num'><b>{page.number(c.measured)}</b></td><td class='num'>{c.allowed}</td>"
            f"<td>{html.escape(c.unit)}</td><td class='gauge'>{_gauge(c)}</td>"
            f"<td class='quiet'>{html.escape(c.reference)}</td></tr>"
        )
    columns = ("", "claim", "measured", "allowed", "unit", "within bounds", "reference")
    right = ("measured", "allowed")
    return page.wide("".join(f"<th{' class=num' * (name in right)}>{name}</th>" for name in columns), rows)


def _gauge(claim: Claim) -> str:
    """Return a small picture of where the number lies in its bounds; nothing where a bound is infinite."""
    width = claim.high - claim.low
    if not math.isfinite(width) or width <= 0 or not math.isfinite(claim.measured):
        return ""
    place = 50 + 50 * max(-0.9, min(0.9, (claim.measured - claim.low) / width - 0.5))
    return (
        "<svg width='100' height='12' viewBox='0 0 100 12' aria-hidden='true'>"
        "<line x1='2' x2='98' y1='6' y2='6' class='axis'/>"
        "<rect x='25' width='50' y='3' height='6' rx='3' class='range'/>"
        f"<circle cx='{place:.1f}' cy='6' r='4' class='{'dot' if claim.passed else 'dot bad'}'/></svg>"
    )
