"""The page of a single synapse: two periodic spike trains, the rule's traces, and the weight change.

Both neurons fire the same short sequence of equally spaced spikes, the postsynaptic one later by a lag. The
sliders set the sequence, the history of the postsynaptic neuron and the rule; the last plot shows the change
over all frequencies, with the chosen one marked (Fig. 2B of the paper).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from bokeh.document import Document
from bokeh.layouts import column, row
from bokeh.models import Button, ColumnDataSource, Div, Range1d, Slider, Span
from bokeh.plotting import figure

from burstprop.explore.widgets import CodeBox, heading
from burstprop.report.plotting import BLACK, BLUE, GREY, ORANGE, VERMILION
from burstprop.spikes.single_synapse import SingleSynapse, follow, weight_changes
from burstprop.spikes.spike_trains import to_trains

FREQUENCIES = np.arange(1.0, 101.0)
FIRST_MS = 10.0
"""Time of the first presynaptic spike."""
DT_MS = 0.1


class Setting(NamedTuple):
    """One slider: its title, range, step and start."""

    title: str
    low: float
    high: float
    step: float
    value: float


SETTINGS = {
    "frequency_hz": Setting("frequency (Hz)", 1, 100, 1, 20),
    "spikes": Setting("spikes of the sequence", 1, 20, 1, 5),
    "lag_ms": Setting("post after pre (ms)", 0, 50, 1, 0),
    "event_rate_hz": Setting("Ebar at the start (Hz)", 0.5, 20, 0.5, 5),
    "burst_prob": Setting("Pbar at the start", 0, 1, 0.01, 0.15),
    "eta": Setting("eta", 0, 0.5, 0.01, 0.1),
    "tau_pre_ms": Setting("tau_pre (ms)", 5, 200, 5, 50),
    "tau_avg_ms": Setting("tau_avg (ms)", 500, 30000, 500, 15000),
}

PROGRAM = """\
from burstprop.spikes.single_synapse import SingleSynapse, follow

synapse = SingleSynapse(eta={eta!r}, tau_pre_ms={tau_pre_ms!r}, tau_avg_ms={tau_avg_ms!r}, dt_ms={dt_ms!r})
pre_ms = [{first_ms!r} + k * 1000.0 / {frequency_hz!r} for k in range({spikes!r})]
post_ms = [time + {lag_ms!r} for time in pre_ms]
burst_rate_hz = {burst_prob!r} * {event_rate_hz!r}
table = follow(synapse, pre_ms, post_ms, event_rate_hz={event_rate_hz!r}, burst_rate_hz=burst_rate_hz)
print(table[["time_ms", "train", "kind", "e_pre", "burst_prob", "dw", "w"]])
"""


class SynapsePage:
    """Sliders and plots of one synapse, put into a Bokeh document."""

    def __init__(self, document: Document) -> None:
        """Put the page together and show the first sequence."""
        self._sliders = {name: self._slider(name, *setting) for name, setting in SETTINGS.items()}
        self._spikes = ColumnDataSource({"t": [], "y0": [], "y1": [], "shade": []})
        self._steps = ColumnDataSource({"t": [], "w": []})
        self._curve = ColumnDataSource({"f": [], "dw": []})
        self._mark = Span(location=0, dimension="height", line_color=VERMILION, line_dash="dashed")
        self._read = Div(text="", name="read")
        self._code = CodeBox()
        copy = Button(label="copy as Python", width=130, name="copy as Python")
        copy.on_click(
            lambda: self._code.show(PROGRAM.format(dt_ms=DT_MS, first_ms=FIRST_MS, **self._values()))
        )
        left = column(heading("One synapse"), *self._sliders.values(), copy, self._read, width=400)
        document.title = "burstprop explore: pairing"
        document.add_root(row(left, column(*self._plots(), self._code.area)))
        self._show()

    def _copy(self) -> None:
        self._code.show(PROGRAM.format(dt_ms=DT_MS, first_ms=FIRST_MS, **self._values()))

    def _slider(self, name: str, title: str, low: float, high: float, step: float, value: float) -> Slider:
        slider = Slider(title=title, start=low, end=high, step=step, value=value, width=360, name=title)
        slider.on_change("value", lambda _, before, now: self._show())
        return slider

    def _plots(self) -> list[Any]:
        style: dict[str, Any] = {"width": 760, "tools": "", "toolbar_location": None}
        spikes = figure(height=150, y_range=Range1d(0, 2), title="spikes: events blue, bursts red", **style)
        spikes.segment("t", "y0", "t", "y1", source=self._spikes, color="shade", line_width=2)
        spikes.yaxis.ticker = [0.5, 1.5]
        spikes.yaxis.major_label_overrides = {0.5: "post", 1.5: "pre"}
        spikes.xaxis.axis_label = "time (ms)"
        weight = figure(height=220, x_range=spikes.x_range, title="weight change over the sequence", **style)
        weight.step("t", "w", source=self._steps, mode="after", color=BLACK, line_width=2)
        weight.xaxis.axis_label, weight.yaxis.axis_label = "time (ms)", "weight change"
        curve = figure(height=240, title="weight change of the sequence, by frequency", **style)
        curve.line("f", "dw", source=self._curve, color=BLUE, line_width=2)
        curve.add_layout(Span(location=0, dimension="width", line_color=GREY, line_dash="dotted"))
        curve.add_layout(self._mark)
        curve.xaxis.axis_label, curve.yaxis.axis_label = "frequency of both neurons (Hz)", "weight change"
        return [spikes, weight, curve]

    def _values(self) -> dict[str, float]:
        values = {name: float(slider.value) for name, slider in self._sliders.items()}
        return values | {"spikes": int(values["spikes"])}

    def _show(self) -> None:
        """Run the sequence and its curve, and draw them."""
        v = self._values()
        synapse = SingleSynapse(
            eta=v["eta"], tau_pre_ms=v["tau_pre_ms"], tau_avg_ms=v["tau_avg_ms"], dt_ms=DT_MS
        )
        start = {"event_rate_hz": v["event_rate_hz"], "burst_rate_hz": v["burst_prob"] * v["event_rate_hz"]}
        pre = [FIRST_MS + np.arange(v["spikes"]) * 1000.0 / f for f in (v["frequency_hz"], *FREQUENCIES)]
        post = [times + v["lag_ms"] for times in pre]
        table = follow(synapse, pre[0], post[0], **start)
        above = (table["train"] == "pre").to_numpy() * 1.0
        shades = {"event": BLUE, "burst": VERMILION, "other": ORANGE}
        self._spikes.data = {
            "t": table["time_ms"],
            "y0": above + 0.15,
            "y1": above + 0.85,
            "shade": [shades[kind] for kind in table["kind"].astype(str)],
        }
        self._steps.data = {"t": [0.0, *table["time_ms"]], "w": [0.0, *table["w"]]}
        changes = weight_changes(synapse, to_trains(pre[1:]), to_trains(post[1:]), **start)
        self._curve.data = {"f": FREQUENCIES, "dw": changes}
        self._mark.location = v["frequency_hz"]
        self._read.text = f"<p>weight change of the sequence: <b>{table['w'].iloc[-1]:+.4f}</b></p>"
