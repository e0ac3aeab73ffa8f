"""What a notebook shows of circuits, populations, models and recordings."""

import pytest

from burstprop import (
    Circuit,
    Constant,
    Current,
    Population,
    PyramidalNeuron,
    Recording,
    ShortTermPlasticity,
    simulate,
)
from burstprop.neurons import pv_interneuron
from burstprop.report import notebook

NAME = "<img src=x onerror=a()>"
CIRCUIT = Circuit(
    (Population(NAME, 5, PyramidalNeuron()), Population("pv", 2, pv_interneuron())),
    currents=(Current(NAME, "soma", Constant(1000.0)),),
)


def test_a_circuit_is_a_drawing_and_its_tables_with_every_name_escaped():
    shown = CIRCUIT._repr_html_()
    assert "<svg" in shown
    assert "<img" not in shown
    assert shown.count("&lt;img src=x onerror=a()&gt;") >= 2
    assert "Constant(amplitude_pa=1000)" in shown


def test_a_population_and_its_model_show_value_unit_bounds_and_meaning():
    for shown in (CIRCUIT.populations[0]._repr_html_(), PyramidalNeuron()._repr_html_()):
        assert "<td>tau_s</td><td>16</td><td>ms</td><td>above 0 ms</td>" in shown
        assert "<td>somatic membrane time constant</td>" in shown
    assert "<b>pv: 2 x AdEx</b>" in CIRCUIT.populations[1]._repr_html_()


def test_a_recording_shows_how_it_was_made_and_its_first_rows():
    recording = simulate(CIRCUIT, 200.0)
    shown = recording._repr_html_()
    assert f"spikes: {len(recording.spikes)} rows" in shown
    assert "<td>seed</td>" in shown
    assert "states:" not in shown
    empty = Recording(*[recording.spikes[:0]] * 4)
    assert "rows" not in empty._repr_html_()


@pytest.mark.parametrize("library", ["jinja2", "matplotlib"])
def test_without_the_libraries_a_notebook_shows_text(library, monkeypatch):
    found = notebook.importlib.util.find_spec
    monkeypatch.setattr(
        notebook.importlib.util, "find_spec", lambda name, *more: None if name == library else found(name)
    )
    assert CIRCUIT._repr_html_() is None
    assert (PyramidalNeuron()._repr_html_() is None) == (library == "jinja2")
    assert not hasattr(ShortTermPlasticity(), "_repr_html_")
