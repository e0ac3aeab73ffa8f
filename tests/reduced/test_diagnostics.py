"""Diagnostics against closed forms, and that they leave the network as it was."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import probes
import pytest
import torch

from burstprop.errors import BurstpropError
from burstprop.reduced import RULES, build_network, rule_from_name
from burstprop.reduced.train.bench import autograd_step, rule_step, step_costs
from burstprop.reduced.train.diagnostics import COLUMNS, angle_degrees, diagnose


def test_angles():
    assert angle_degrees(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 3.0])) == pytest.approx(90)
    assert angle_degrees(torch.tensor([1.0, 0.0]), torch.tensor([-2.0, 0.0])) == pytest.approx(180)
    small = torch.tensor([1.0, 1e-9], dtype=torch.float64)
    assert angle_degrees(torch.tensor([2.0, 0.0], dtype=torch.float64), small) == pytest.approx(
        math.degrees(1e-9)
    )
    assert math.isnan(angle_degrees(torch.zeros(3), torch.ones(3)))


@pytest.mark.parametrize("name", sorted(RULES))
def test_every_rule_is_described_and_left_alone(name):
    made = probes.network(probes.DENSE, name)
    images, target = probes.batch(probes.DENSE)
    torch.manual_seed(1)
    probes.backward(made, images, target)
    before = {key: value.clone() for key, value in made.state_dict().items()}
    grads = [None if p.grad is None else p.grad.clone() for p in made.parameters()]
    state = torch.get_rng_state()
    made.eval()
    frame = diagnose(made, images, target)
    assert list(frame.columns) == list(COLUMNS)
    assert frame.layer.tolist() == ["layer0", "layer1", "layer2", "output"]
    assert frame.units.tolist() == [9, 8, 7, 5]
    assert not made.training
    assert made.rule == rule_from_name(name)
    assert all(layer.rule is made.rule and layer.observer is None for layer in made.layers())
    assert all(torch.equal(value, before[key]) for key, value in made.state_dict().items())
    for p, grad in zip(made.parameters(), grads, strict=True):
        assert (p.grad is None) == (grad is None)
        assert grad is None or torch.equal(p.grad, grad)
    assert torch.equal(torch.get_rng_state(), state)
    update = frame.update_angle_deg.to_numpy()
    assert np.all((update >= 0) & (update <= 180))
    if name in ("backprop", "burstccn_tied"):
        assert update.max() < 0.5
    if name != "node_perturbation":
        assert update[-1] < 1e-4
    bursts = name.startswith("burst")
    assert frame.burst_prob[:3].notna().all() == bursts
    assert frame.weight_feedback_angle_deg[1:].notna().all() == (
        name not in ("direct_feedback_alignment", "burstprop_direct", "node_perturbation")
    )


@pytest.mark.parametrize("frozen", [(0,), (0, 1), (2,)])
def test_frozen_layers_have_no_update(frozen):
    made = probes.network(probes.DENSE, "burstprop")
    images, target = probes.batch(probes.DENSE)
    free = diagnose(made, images, target)
    for k in frozen:
        for parameter in made.layers()[k].parameters():
            parameter.requires_grad_(False)
    with torch.no_grad():
        frame = diagnose(made, images, target)
    assert np.flatnonzero(frame.update_angle_deg.isna()).tolist() == list(frozen)
    learning = frame.update_angle_deg.notna()
    np.testing.assert_allclose(frame.update_angle_deg[learning], free.update_angle_deg[learning])
    np.testing.assert_allclose(frame.burst_prob[:3][learning[:3]], free.burst_prob[:3][learning[:3]])
    made.requires_grad_(False)
    with pytest.raises(BurstpropError, match="no layer's weights need a gradient"):
        diagnose(made, images, target)


def test_weight_angles():
    made = probes.network(probes.DENSE, "burstprop")
    images, target = probes.batch(probes.DENSE)
    probes.set_symmetric(made)
    made.layers()[2].set_feedback("Y", -made.layers()[2].weight)
    frame = diagnose(made, images, target)
    np.testing.assert_allclose(frame.weight_feedback_angle_deg[1:], [0, 180, 0], atol=1e-6)
    assert frame.update_angle_deg[2] < 5
    assert frame.update_angle_deg[1] > 170
    signs = diagnose(probes.network(probes.DENSE, "sign_symmetry"), images, target).weight_feedback_angle_deg
    # the cosine of two normal weights of the same signs is 2/pi
    assert np.degrees(np.arccos(2 / np.pi)) == pytest.approx(signs[1:].mean(), abs=12)


def test_burst_probabilities_and_dead_units():
    """One hidden layer, by hand; then the same with a huge feedback, and with units nailed to 0 and 1."""
    spec = dataclasses.replace(probes.DENSE, layers=(9,))
    made = probes.network(spec, "burstprop_fixed")
    images, target = probes.batch(spec)
    low, top = made.layers()
    with torch.no_grad():
        e1 = (images @ low.weight.T + low.bias).sigmoid()
        e2 = (e1 @ top.weight.T + top.bias).sigmoid()
        d = 0.2 * (torch.nn.functional.one_hot(target, 5) - e2) * e2 * (1 - e2)
        u, h = (0.2 * e2 @ top.Y) * (1 - e1), (d @ top.Y) * (1 - e1)
        change = (u + h).sigmoid() - u.sigmoid()
    row = diagnose(made, images, target).iloc[0]
    assert row.burst_prob == pytest.approx(float(u.sigmoid().mean()))
    assert row.burst_prob_sd == pytest.approx(float(u.sigmoid().std()))
    assert row.burst_prob_change == pytest.approx(float(change.square().mean().sqrt()))
    assert row.linearity == pytest.approx(
        float((change * h).sum() ** 2 / (change.square().sum() * h.square().sum()))
    )
    assert row.linearity > 0.99
    assert row.saturated_fraction == 0
    with torch.no_grad():
        top.Y *= 10000
        beyond = ((10000 * (u + h)).abs() > 4).double().mean()
    # an output unit that is silent for images of other classes is as it is taught to be
    with torch.no_grad():
        kept = top.bias.clone()
        top.bias[1:] -= 30
    own = target == target.mode().values
    label = int(target.mode().values)
    row = diagnose(made, images[own], target[own]).iloc[1]
    assert row.dead_fraction == pytest.approx(0.0 if label == 0 else 1 / 5)
    assert diagnose(made, images, target).iloc[1].dead_fraction == pytest.approx(
        (len(target.unique()) - 1) / 5
    )
    with torch.no_grad():
        top.bias.copy_(kept)
    row = diagnose(made, images, target).iloc[0]
    assert row.saturated_fraction == pytest.approx(float(beyond))
    assert beyond > 0.5
    assert row.linearity < 0.9
    with torch.no_grad():
        low.bias[:2] += 50
        low.bias[2] -= 50
    row = diagnose(made, images, target).iloc[0]
    assert row.dead_fraction == pytest.approx(3 / 9)


def test_rectified_convolutional_network():
    for name in ("burstprop", "burstccn"):
        made = probes.network(probes.RELU_CONV, rule_from_name(name, teacher="cross_entropy"))
        frame = diagnose(made, *probes.batch(probes.RELU_CONV))
        assert frame.units.tolist() == [4, 5, 9, 5]
        assert frame.burst_prob[:3].between(0, 1).all()


def test_step_costs_are_measured_for_equal_work():
    """The autograd step and the backprop rule's change the weights alike; ratios are positive and of
    plausible size."""
    spec = probes.DENSE
    images, target = probes.batch(spec, dtype=torch.float32)
    made = build_network(spec, "backprop", seed=1)
    theirs = autograd_step(made, images, target)
    rule_step(made, images, target)()
    theirs()
    weights = [module.weight for module in theirs.model if hasattr(module, "weight")]
    for layer, weight in zip(made.layers(), weights, strict=True):
        torch.testing.assert_close(layer.weight, weight, rtol=0, atol=1e-7)
    rules = ("backprop", "feedback_alignment", "kolen_pollack", "burstccn_apical_silence")
    found = step_costs("digits", 16, rules=rules, rounds=4)
    assert set(found["rules"]) == set(rules)
    for row in found["rules"].values():
        assert 0.3 < row["step_ratio"] < 30
    memory = {name: row["memory_ratio"] for name, row in found["rules"].items()}
    assert 0.8 < memory["backprop"] < 1.2
    # weights that follow cost what fixed ones do, those with a gradient and momentum of their own far more
    assert 1.1 < memory["feedback_alignment"] < 1.3
    assert memory["kolen_pollack"] < memory["feedback_alignment"] + 0.05
    assert memory["burstccn_apical_silence"] > 1.4


def test_step_costs_need_quartiles():
    with pytest.raises(BurstpropError, match="rounds = 1: must be at least 2"):
        step_costs("digits", 16, rules=("backprop",), rounds=1)


def test_bench_passes_its_options_on_and_refuses_those_of_a_circuit(monkeypatch, capsys):
    from burstprop.cli import main
    from burstprop.reduced.train import bench

    def costs(network, batch_size, *, rules, rounds, seed):
        return {"network": network, "rounds": rounds, "seed": seed, "threads": torch.get_num_threads()}

    monkeypatch.setattr(bench, "step_costs", costs)
    monkeypatch.setattr(torch, "set_num_threads", lambda number: asked.append(number))
    asked: list[int] = []
    assert main(["bench", "reduced", "--threads", "2", "--repeats", "48", "--seed", "9", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert asked == [2]
    assert [(found[name]["rounds"], found[name]["seed"]) for name in ("mlp", "cifar")] == [(48, 9), (12, 9)]
    assert main(["bench", "reduced", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["mlp"]["rounds"] == 40
    assert asked == [2]
    for words in (
        ["--set", "nonsense=3"], ["--variant", "nothere"], ["--dtype", "float64"], ["--duration-ms", "5"],
    ):  # fmt: skip
        assert main(["bench", "reduced", *words]) == 2
        assert f"{words[0]}: of a circuit only" in capsys.readouterr().err


def test_peak_bytes_counts_what_is_alive_together():
    """A step that makes two tensors of a megabyte, one after the other was freed, has a peak of one."""
    from burstprop.reduced.train.bench import _Balance

    with _Balance() as balance:
        for _ in range(3):
            a = torch.ones(250_000)
            del a
    assert balance.peak == 1_000_000
    with _Balance() as balance:
        a = torch.ones(250_000)
        b = a + a
        c = b.view(500, 500)
    assert balance.peak == 2_000_000
    assert c.shape == (500, 500)
