"""The page of a report: its content as plain data, and the template that turns it into HTML.

`render` escapes every value that it puts into the page, so no text of a user becomes a tag or an attribute.
The page refers to no other file and not to the network: pictures are in it as base64, the style is in its
head, there is no script, and its content security policy forbids all of these.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from burstprop.errors import BurstpropError
from burstprop.report.claim import Claim, number
from burstprop.system.extras import optional

if TYPE_CHECKING:
    from jinja2 import Environment

    from burstprop.report.claim import Claim


class Figure(NamedTuple):
    """A picture in the page: its caption, and its PNG as base64."""

    caption: str
    data: str


class Table(NamedTuple):
    """A table of plain values, under lines of text that say what it shows."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Any]]


def render(template: str, **content: Any) -> str:
    """Return a page: a template of this folder, filled with ``content``, every value escaped.

    Raises
    ------
    BurstpropError
        Jinja2 is not installed.
    """
    return _environment().get_template(template).render(**content)


def figure(caption: str, path: Path) -> Figure:
    """Return a figure with its PNG inside.

    Raises
    ------
    BurstpropError
        The file is missing or is no PNG.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise BurstpropError(f"figure {str(path)!r} cannot be read ({reason}): save it first") from None
    if not content.startswith(b"\x89PNG"):
        raise BurstpropError(f"figure {str(path)!r} is no PNG: save it as PNG, a report shows nothing else")
    return Figure(caption, base64.b64encode(content).decode("ascii"))


def frame(content: pd.DataFrame) -> list[Table | str]:
    """Return a frame as the one table of a section."""
    rows = list(content.astype(object).itertuples(index=False))
    return [Table("", [str(name) for name in content.columns], rows)]


def text_tables(text: str) -> list[Table | str]:
    """Split text into aligned tables (`burstprop.parameters.text_table`) and other blocks, kept as typed."""
    parts: list[Table | str] = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        lines = block.split("\n")
        rules = [k for k, line in enumerate(lines) if k and re.fullmatch(r"-+( +-+)*", line.strip())]
        if not rules:
            parts.append(block)
            continue
        rule = rules[0]
        starts = [match.start() for match in re.finditer(r"-+", lines[rule])]
        spans = list(zip(starts, [*starts[1:], None], strict=True))
        header, *rows = (
            [line[start:end].strip() for start, end in spans]
            for line in (lines[rule - 1], *lines[rule + 1 :])
        )
        parts.append(Table(" ".join(line.strip() for line in lines[: rule - 1]), header, rows))
    return parts


def pairs(content: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return names and values of a mapping as a page shows them; what is None is left out."""
    return [
        (
            name.replace("_", " "),
            ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, Mapping) else value,
        )
        for name, value in content.items()
        if value is not None
    ]


@cache
def _environment() -> Environment:
    jinja2 = optional("jinja2", "a report")
    here = Path(__file__).parent
    environment: Environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(here), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["shown"] = _shown
    environment.filters["place"] = _place
    return environment


def _shown(value: Any) -> str:
    """Return a value as a table shows it: numbers with four significant digits, switches as yes or no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, float) else str(value)


def _place(claim: Claim) -> float | None:
    """Return where on a gauge from 0 to 100 a measured number lies, its bounds at 25 and 75; None without."""
    width = claim.high - claim.low
    if claim.not_judged or not math.isfinite(width) or width <= 0 or not math.isfinite(claim.measured):
        return None
    return 50 + 50 * max(-0.9, min(0.9, (claim.measured - claim.low) / width - 0.5))
