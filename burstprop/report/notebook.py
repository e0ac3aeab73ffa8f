"""Circuits, populations, neuron models and recordings as HTML, as a notebook shows them.

Without Jinja2 (the extra ``plot``) there is no HTML, and a notebook shows the text.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable
from typing import Any

from burstprop.parameters import allowed, parameter_rows
from burstprop.report import page
from burstprop.report.page import Table
from burstprop.report.recorded import Recorded

FIRST_ROWS = 5
"""Rows of each frame of a recording."""


def circuit_html(tables: str, drawing: Callable[[], str]) -> str | None:
    """Return a drawing of a circuit (SVG) over its tables; None without Jinja2 or matplotlib."""
    if importlib.util.find_spec("matplotlib") is None:
        return None
    return _parts("Circuit", page.text_tables(tables), drawing=drawing())


def description_html(description: Any, title: str) -> str | None:
    """Return the parameters of a frozen dataclass: value, unit, what is allowed, meaning."""
    fields = {field.name: field.metadata for field in dataclasses.fields(description)}
    rows = [
        (name, value, unit, allowed(fields[name]) if "unit" in fields[name] else "", meaning)
        for name, value, unit, meaning in parameter_rows(description)
    ]
    return _parts(title, [Table("", ("name", "value", "unit", "allowed", "meaning"), rows)])


def recording_html(recording: Recorded) -> str | None:
    """Return how a recording was made, and the first rows of its frames."""
    said = [(name, value) for name, value in page.pairs(recording.info)]
    parts: list[Table | str] = [Table("", ("run", ""), said)] if said else []
    for name in ("spikes", "rates", "states", "weights"):
        frame = getattr(recording, name)
        if len(frame):
            (table,) = page.frame(frame.head(FIRST_ROWS))
            parts.append(table._replace(title=f"{name}: {len(frame):,} rows"))  # type: ignore[union-attr]
    return _parts("Recording", parts)


def _parts(title: str, parts: list[Table | str], drawing: str = "") -> str | None:
    if importlib.util.find_spec("jinja2") is None:
        return None
    return page.render("parts.html.jinja", title=title, parts=parts, drawing=drawing)
