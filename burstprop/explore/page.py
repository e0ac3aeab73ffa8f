"""The page: a circuit that runs, its sliders, its spikes, its event rates and burst probabilities.

One page is one run (`burstprop.explore.live.Live`). A tick of the server advances it by as much biological
time as has passed, times the chosen speed, and streams what came out to the browser. Where the browser is
slower than that, so is the run.
"""

from __future__ import annotations

import html
from collections import deque
from collections.abc import Callable
from typing import Any

import pandas as pd
from bokeh.document import Document
from bokeh.layouts import column, row
from bokeh.models import Button, Div, Select, Slider, TabPanel, Tabs, Toggle

from burstprop.errors import BurstpropError
from burstprop.explore.as_python import as_python
from burstprop.explore.knobs import KINDS, Knob, knobs, learns
from burstprop.explore.live import BIN_MS, Live
from burstprop.explore.plots import Plots
from burstprop.explore.widgets import CodeBox, heading

TICK_MS = 200
"""Time between two pieces, on the clock of the wall."""
SPEEDS = {"half speed": 2, "real time": 4, "2 x": 8, "4 x": 16}
"""Bins that a tick advances."""
READ_MS = 2000.0
"""Averaged for the numbers."""
COPIED_MS = 10_000.0
"""Duration in a copied program."""


class CircuitPage:
    """Widgets and plots of one run, put into a Bokeh document.

    Parameters
    ----------
    document : Document
        The page of one browser tab.
    live : Live
        Its run.
    title : str
        Heading, plain text.
    sketch : str
        The circuit drawn, as SVG.
    """

    def __init__(self, document: Document, live: Live, *, title: str, sketch: str) -> None:
        """Put the page together and let it run."""
        self._live = live
        self._plots = Plots(live.circuit)
        self._recent: deque[pd.DataFrame] = deque()
        self._status = Div(text="", name="status", width=360)
        self._read = Div(text="", name="read", width=420)
        self._runs = Toggle(label="run", active=True, width=70, name="run")
        self._speed = Select(value="real time", options=list(SPEEDS), width=110)
        self._keep = Toggle(label="record to file", width=130, name="record")
        self._keep.on_change("active", lambda _, before, on: self._told(self._record, on))
        self._code = CodeBox()
        buttons = [
            self._runs,
            self._speed,
            self._button("restart", live.restart),
            self._keep,
            self._button("copy as Python", self._copy),
        ]
        left = column(heading(title), Div(text=sketch, name="sketch"), self._tabs(), width=400)
        right = column(row(*buttons), self._status, *self._plots.figures, self._read, self._code.area)
        document.title = f"burstprop explore: {title}"
        document.add_root(row(left, right))
        document.add_periodic_callback(self._tick, TICK_MS)

    def _tabs(self) -> Tabs:
        tabs = []
        found = knobs(self._live.circuit)
        for kind, title in KINDS.items():
            sliders = [self._slider(knob) for knob in found if knob.kind == kind]
            if sliders:
                tabs.append(TabPanel(title=title, child=column(*sliders)))
        if learns(self._live.circuit):
            tabs.append(TabPanel(title="Learning", child=self._learning()))
        return Tabs(tabs=tabs)

    def _slider(self, knob: Knob) -> Slider:
        slider = Slider(
            title=knob.title,
            start=knob.low,
            end=knob.high,
            value=knob.value,
            step=knob.step,
            width=360,
            name=knob.title,
            format="0[.]000" if knob.step < 1 else "0",
        )

        def turned(_: str, before: float, value: float) -> None:
            self._told(self._live.turn, knob, value)

        # a new start is worth the last value of a drag only
        slider.on_change("value_throttled" if knob.kind == "stp" else "value", turned)
        return slider

    def _learning(self) -> Toggle:
        toggle = Toggle(label="plasticity", active=self._live.circuit.plastic, name="plasticity")
        toggle.on_change("active", lambda _, before, on: self._told(self._live.set_plasticity, on))
        return toggle

    def _button(self, label: str, action: Callable[[], None]) -> Button:
        button = Button(label=label, width=120, name=label)
        button.on_click(lambda: self._told(action))
        return button

    def _told(self, action: Callable[..., None], *values: Any) -> None:
        """Do what was asked for, and show an error of it on the page."""
        self._status.text = ""
        try:
            action(*values)
        except BurstpropError as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._status.text = f"<b style='color:#b3401e'>{html.escape(str(error))}</b>"

    def _copy(self) -> None:
        self._code.show(as_python(self._live.circuit, duration_ms=COPIED_MS, seed=self._live.seed))
        self._status.text = "copied: the program is in the clipboard, and below"

    def _record(self, on: bool) -> None:
        if on:
            self._live.keep()
            self._status.text = "recording; press again to write the file"
        else:
            path = self._live.save()
            self._status.text = html.escape(f"written: {path}; burstprop.Recording.load reads it")

    def _tick(self) -> None:
        try:
            if not self._live.ready:
                self._status.text = "compiling; about 10 s at the first start of a circuit"
                return
            if not self._runs.active or not self._plots.taken_in:
                return
            if self._status.text.startswith("compiling"):
                self._status.text = ""
            piece = self._live.advance(SPEEDS[self._speed.value] * BIN_MS)
        except Exception as error:  # a user's own model may raise anything
            self._runs.active = False
            self._fail(error)
            return
        self._plots.stream(piece, self._live.time_ms)
        self._show_means(piece.rates)

    def _show_means(self, rates: pd.DataFrame) -> None:
        """Show the mean rates of the last `READ_MS`."""
        self._recent.append(rates)
        whole = pd.concat(self._recent)
        whole = whole[whole["time_ms"] > whole["time_ms"].max() - READ_MS]
        while len(self._recent) > 1 and self._recent[0]["time_ms"].max() < whole["time_ms"].min():
            self._recent.popleft()
        means = whole.groupby("population", observed=True)[
            ["rate_hz", "event_rate_hz", "burst_rate_hz"]
        ].mean()
        rows = "".join(
            f"<tr><th>{html.escape(str(name))}</th><td>{line.rate_hz:.1f} Hz</td>"
            f"<td>E = {line.event_rate_hz:.2f} Hz</td>"
            f"<td>P = {_ratio(line.burst_rate_hz, line.event_rate_hz)}</td></tr>"
            for name, line in means.iterrows()
        )
        self._read.text = f"<table>{rows}</table><p>means of the last {READ_MS / 1000:g} s</p>"


def _ratio(bursts: float, events: float) -> str:
    return f"{bursts / events:.3f}" if events > 0 else "none"
