"""The moving plots of a run: raster, event rate E, burst probability P, weights of plastic projections."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, CustomJS, Div, Range1d
from bokeh.plotting import figure

from burstprop.circuit import Circuit
from burstprop.explore.knobs import learns
from burstprop.explore.live import BIN_MS
from burstprop.recording import Recording
from burstprop.report.plotting import LABELS, colour

WINDOW_MS = 3000.0
"""Span of time in the plots."""
LONGEST_WAIT_S = 2.0
"""Wait for a browser's answer."""
ROWS = 40
"""Neurons of each population in the raster."""


class Plots:
    """The plots of a circuit, one under the other, in one span of time."""

    def __init__(self, circuit: Circuit) -> None:
        """Make them, empty."""
        self._names = [population.name for population in circuit.populations]
        self._span = Range1d(-WINDOW_MS, 0.0)
        self._streamed_at = -LONGEST_WAIT_S
        # the browser answers with the end of what it has taken in
        self._taken = Div(text="0.0", visible=False)
        answer = CustomJS(args={"taken": self._taken}, code="taken.text = String(cb_obj.end)")
        self._span.js_on_change("end", answer)
        # the end of each piece in the raster, and its spikes
        self._ends: deque[tuple[float, int]] = deque()
        self._spikes, raster = self._raster()
        self._rates = {name: ColumnDataSource({"t": [], "e": [], "p": []}) for name in self._names}
        self.figures = [
            raster,
            self._lines("event_rate_hz", {name: (self._rates[name], "e") for name in self._names}),
            self._lines("burst_prob", {name: (self._rates[name], "p") for name in self._names}),
        ]
        plastic = [p.name for p in circuit.projections if p.rule is not None] if learns(circuit) else []
        self._weights = {name: ColumnDataSource({"t": [], "w": []}) for name in plastic}
        if plastic:
            self.figures.append(self._lines("weight", {name: (self._weights[name], "w") for name in plastic}))

    @property
    def taken_in(self) -> bool:
        """Whether the browser has taken in all that was streamed: more would only queue up.

        What was streamed before the browser was there is never answered, so the wait has an end.
        """
        waited_s = time.monotonic() - self._streamed_at
        return float(self._taken.text) == self._span.end or waited_s > LONGEST_WAIT_S

    def stream(self, piece: Recording, time_ms: float) -> None:
        """Add a piece of a run that ends at ``time_ms``, and move on to it."""
        spikes = piece.spikes[piece.spikes["neuron_id"] < ROWS]
        place = spikes["population"].cat.codes.to_numpy() * ROWS + spikes["neuron_id"].to_numpy()
        shades = [colour(name, k) for k, name in enumerate(self._names)]
        new = {
            "t": spikes["time_ms"].to_numpy(),
            "y0": place + 0.1,
            "y1": place + 0.9,
            "shade": [shades[code] for code in spikes["population"].cat.codes],
        }
        self._ends.append((time_ms, len(spikes)))
        while self._ends[0][0] < time_ms - WINDOW_MS:
            self._ends.popleft()
        self._spikes.stream(new, rollover=max(1, sum(count for _, count in self._ends)))
        bins = round(WINDOW_MS / BIN_MS)
        for name, source in self._rates.items():
            own = piece.rates[piece.rates["population"] == name]
            source.stream(_columns(own, t="time_ms", e="event_rate_hz", p="burst_prob"), rollover=bins)
        for name, source in self._weights.items():
            own = piece.weights[piece.weights["projection"] == name]
            source.stream(_columns(own, t="time_ms", w="mean"), rollover=bins)
        self._streamed_at = time.monotonic()
        self._span.update(start=time_ms - WINDOW_MS, end=time_ms)

    def _raster(self) -> tuple[ColumnDataSource, Any]:
        source = ColumnDataSource({"t": [], "y0": [], "y1": [], "shade": []})
        plot = self._empty("", height=240)
        plot.segment("t", "y0", "t", "y1", source=source, color="shade", line_width=1.2)
        top = ROWS * len(self._names)
        plot.y_range = Range1d(top, 0)
        plot.yaxis.ticker = [ROWS * (k + 0.5) for k in range(len(self._names))]
        plot.yaxis.major_label_overrides = {ROWS * (k + 0.5): name for k, name in enumerate(self._names)}
        plot.ygrid.visible = False
        plot.title = f"spikes of the first {ROWS} neurons"
        return source, plot

    def _lines(self, value: str, lines: dict[str, tuple[ColumnDataSource, str]]) -> Any:
        label = LABELS[value][0] if value != "burst_prob" else "burst probability P"
        plot = self._empty({"event_rate_hz": "event rate E (Hz)"}.get(value, label))
        for k, (name, (source, key)) in enumerate(lines.items()):
            plot.line("t", key, source=source, color=colour(name, k), line_width=2, legend_label=name)
        plot.y_range.start = 0
        plot.legend.location = "top_left"
        plot.legend.orientation = "horizontal"
        plot.legend.background_fill_alpha = 0.6
        plot.legend.border_line_alpha = 0
        plot.legend.padding = 2
        plot.legend.click_policy = "hide"
        return plot

    def _empty(self, label: str, height: int = 170) -> Any:
        plot = figure(width=760, height=height, x_range=self._span, tools="", toolbar_location=None)
        plot.xaxis.axis_label = "time (ms)"
        plot.yaxis.axis_label = label
        plot.min_border_left = 70
        plot.outline_line_color = None
        plot.xgrid.visible = False
        return plot


def _columns(frame: pd.DataFrame, **columns: str) -> dict[str, np.ndarray]:
    return {short: frame[name].to_numpy(np.float64) for short, name in columns.items()}
