"""The sketch of a circuit: where its populations stand, and that it draws what the circuit says."""

import pytest

from burstprop import (
    BurstDependentRule,
    Circuit,
    Microcircuit,
    PoissonPopulation,
    Population,
    Projection,
    PyramidalNeuron,
)
from burstprop.circuit import Opposed
from burstprop.circuit.sketch import APART, BAR, DASHES, THICK, THIN, TRUNK, arrange, draw, pair_effect, svg
from burstprop.circuit.synapses import ShortTermPlasticity, depressing, facilitating
from burstprop.neurons import pv_interneuron
from burstprop.report.plotting import colour


def layers():
    joined = Microcircuit(n_pv=10, n_som=10).between("pyr1", "pyr2")
    return Circuit(
        populations=(
            Population("pyr1", 40, PyramidalNeuron()),
            Population("pyr2", 40, PyramidalNeuron()),
            *joined.populations,
        ),
        projections=(
            Projection("pyr1", "pyr2", "soma_exc", 0.1, transmits="events", rule=BurstDependentRule()),
            Projection("pyr2", "pyr1", "dendrite_exc", 0.1, transmits="bursts"),
            *joined.projections,
        ),
    )


def arrows(fig):
    from matplotlib.patches import FancyArrowPatch

    return [patch for patch in fig.axes[0].patches if isinstance(patch, FancyArrowPatch)]


def test_layers_stand_over_what_drives_them_and_interneurons_beside():
    places = arrange(layers())
    assert (places["pyr1"].y, places["pyr2"].y) == (0.0, APART)
    assert places["pyr1"].dendrite
    assert not places["pv"].dendrite
    assert places["pv"].x < places["pyr1"].x < places["som"].x
    assert 0 < places["pv"].y < APART


def test_sources_stand_under_what_they_drive_in_any_order_of_the_circuit():
    circuit = Circuit(
        (Population("a", 2, PyramidalNeuron()), PoissonPopulation("source", 5, 4.0)),
        (Projection("source", "a", "soma_exc", 1.0),),
    )
    places = arrange(circuit)
    assert places["source"].y < places["a"].y
    only = Circuit((Population("pv", 2, pv_interneuron()),))
    assert list(arrange(only)) == ["pv"]


def test_every_projection_is_drawn_with_its_sign_its_end_and_what_it_passes():
    circuit = layers()
    fig = draw(circuit)
    drawn = arrows(fig)
    assert len(drawn) == len(circuit.projections)
    places = arrange(circuit)
    for arrow, projection in zip(drawn, circuit.projections, strict=True):
        assert arrow.get_edgecolor()[:3] == pytest.approx(_rgb(colour(projection.source)))
        assert arrow.get_linewidth() == (THICK if projection.rule else THIN)
        assert (type(arrow.get_arrowstyle()).__name__ == "BarAB") == projection.receptor.endswith("inh")
        end = arrow._posA_posB[1]
        target = places[projection.target]
        assert end == (target.x, target.y + TRUNK * projection.receptor.startswith("dendrite"))
    words = [text.get_text() for text in fig.axes[0].texts]
    assert {"pyr1", "pyr2", "pv", "som", "40", "10", "depressing", "facilitating"} == set(words)
    legend = [text.get_text() for text in fig.legends[0].get_texts()]
    assert legend == ["passes spikes", "passes events", "passes bursts", "learns"]
    assert set(DASHES) == {"spikes", "events", "bursts"}
    assert BAR


def test_what_is_added_to_a_second_receptor_is_a_thin_bar_of_its_own():
    rule, against = BurstDependentRule(), Opposed("soma_inh", 0.1)
    circuit = Circuit(
        populations=(Population("a", 2, PyramidalNeuron()), Population("b", 2, PyramidalNeuron())),
        projections=(Projection("a", "b", "soma_exc", 0.1, transmits="events", rule=rule, opposed=against),),
    )
    fig = draw(circuit)
    kinds = [(type(arrow.get_arrowstyle()).__name__, arrow.get_linewidth()) for arrow in arrows(fig)]
    assert kinds[0][1] == THICK
    assert kinds[1:] == [("BarAB", THIN)]
    assert "bar: inhibits" in fig.legends[0].get_title().get_text()


def test_the_words_of_synapses_follow_from_a_pair_of_spikes():
    assert pair_effect(depressing()) == "depressing"
    assert pair_effect(facilitating()) == "facilitating"
    assert pair_effect(ShortTermPlasticity(5.0, 100.0, 0.3)) == "facilitating"
    assert pair_effect(ShortTermPlasticity(500.0, 1.0, 0.3)) == "depressing"


def test_a_circuit_draws_itself_and_no_name_becomes_a_tag():
    circuit = Circuit((Population("--><script>x</script>", 2, PyramidalNeuron()),))
    assert len(circuit.draw().axes) == 1
    text = svg(circuit)
    assert text.startswith("<svg")
    assert "<script" not in text


def _rgb(code):
    return tuple(int(code[k : k + 2], 16) / 255 for k in (1, 3, 5))
