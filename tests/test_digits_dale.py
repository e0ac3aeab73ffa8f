"""Dale's law in the spiking digits: who excites, who inhibits, and that interneurons do what constants did."""

from __future__ import annotations

import numpy as np
import pytest

from burstprop.circuit.connectivity import AllToAll
from burstprop.circuits.digits.circuit import build
from burstprop.circuits.digits.feedback import INHIBITION_OVER_EXCITATION, feedback_weights
from burstprop.circuits.digits.interneurons import PV_GAIN, SOM_CELLS, SOM_GAIN
from burstprop.circuits.digits.params import CLASSES, Params
from burstprop.circuits.digits.protocol import Realization
from burstprop.errors import BurstpropError

LAYERS = ("input", "hidden", "hidden2", "output")


def weights_of(projection):
    """Return the weights of a projection at the start: those of the matrix, or the one weight."""
    scheme = projection.connectivity
    return projection.weight * (1.0 if isinstance(scheme, AllToAll) else scheme.weights.toarray())


@pytest.mark.parametrize("layers", [1, 2])
def test_no_cell_both_excites_and_inhibits(layers):
    params = Params(dale=True, hidden=20, layers=layers)
    circuit = build(params)
    inhibited = set()
    for projection in circuit.projections:
        assert projection.opposed is None
        assert np.all(weights_of(projection) >= 0.0)
        excites = projection.receptor.endswith("exc")
        assert excites == (projection.source in LAYERS), projection.name
        if not excites:
            inhibited.add((projection.target, projection.receptor))
    layers_inhibited = {*params.hidden_layers, "output"}
    assert inhibited == {
        *((layer, "soma_inh") for layer in layers_inhibited),
        *((layer, "dendrite_inh") for layer in params.hidden_layers),
    }
    assert any(projection.opposed is not None for projection in build(Params(hidden=20)).projections)


@pytest.mark.parametrize(
    "size", [{}, dict(per_pixel=2, hidden=50, per_class=10, w_hidden=0.3, inhibition=0.34)]
)
def test_interneurons_bring_the_inhibition_that_constants_bring(size):
    run = Realization(Params(dale=True, learned=30, epochs=1.0, tested=1, **size), 1, 1)
    simulation = run.simulation
    run.next()
    before = {name: simulation.counts(name) for name in ("pv_hidden", "pv_output", "som")}
    events = {name: simulation.counts(name, "events") for name in ("input", "hidden", "output")}
    while run.done < run.examples:
        run.next()
    spikes = {name: (simulation.counts(name) - count).sum() for name, count in before.items()}
    caused = {name: (simulation.counts(name, "events") - count).sum() for name, count in events.items()}
    onto = {p.target: p.weight for p in simulation.circuit.projections if p.receptor == "soma_exc"}
    assert spikes["pv_hidden"] / caused["input"] == pytest.approx(PV_GAIN * onto["pv_hidden"], rel=0.2)
    assert spikes["pv_output"] / caused["hidden"] == pytest.approx(PV_GAIN * onto["pv_output"], rel=0.2)
    # before learning the output is fast, and SOM cells follow a little less than at its usual rate
    assert 0.8 < spikes["som"] / caused["output"] * run.params.per_class / SOM_GAIN < 1.05
    learned_s = run.examples * 0.6
    assert 18.0 < spikes["pv_hidden"] / len(before["pv_hidden"]) / learned_s < 35.0
    assert 18.0 < spikes["pv_output"] / len(before["pv_output"]) / learned_s < 35.0


def test_an_event_of_the_output_cancels_its_share_of_bursts():
    params = Params(dale=True, hidden=20)
    (weights,) = feedback_weights(params, 1, 1)
    assert weights.min() >= 0.0
    assert weights.std() == pytest.approx(params.feedback / params.per_class, rel=0.3)
    by_name = {projection.name: projection for projection in build(params).projections}
    onto, back = by_name["output->som.soma_exc"], by_name["som->hidden.dendrite_inh"]
    for k in range(CLASSES):
        # an event of a class reaches its own SOM cells alone; SOM_GAIN spikes of theirs bring what is wanted
        reached = weights_of(onto)[k * params.per_class] > 0.0
        assert np.flatnonzero(reached).tolist() == list(range(k * SOM_CELLS, (k + 1) * SOM_CELLS))
        brought = SOM_GAIN / params.per_class * weights_of(back)[reached].mean(axis=0)
        wanted = params.p0 * INHIBITION_OVER_EXCITATION * weights[k * params.per_class]
        np.testing.assert_allclose(brought, wanted, rtol=1e-6)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("feedback_path", "layered"),
        ("cancelling", False),
        ("scrambled", True),
        ("classless", True),
        ("learned_feedback", True),
    ],
)
def test_what_needs_feedback_of_both_signs_is_refused(field, value):
    with pytest.raises(BurstpropError, match=rf"Params\.{field} = .* with dale = True.*dale=false"):
        Params(dale=True, **{field: value})
