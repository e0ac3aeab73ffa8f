"""The trainer against stochastic gradient descent written out: rates, decay, targets, sums and noise."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from burstprop.reduced.data import open_dataset
from burstprop.reduced.data.streams import order
from burstprop.reduced.networks import build_network, network_spec
from burstprop.reduced.rules.node_perturbation import NodePerturbation
from burstprop.reduced.train import health
from burstprop.reduced.train.journal import read_log
from burstprop.reduced.train.plan import Plan
from burstprop.reduced.train.settings import setting
from burstprop.reduced.train.trainer import Trainer
from burstprop.reduced.train.training import Stopped, train

IMAGES, BATCH, STEPS, EPOCHS, SEED = 80, 32, 3, 3, 5


@pytest.fixture(scope="module")
def few():
    """Eighty digits: two whole batches and one of half the size."""
    digits = open_dataset("digits")
    return dataclasses.replace(digits, train=digits.train.select(np.arange(IMAGES)))


def plan(rule: str = "backprop", epochs: int = EPOCHS, **changes) -> Plan:
    network = network_spec("digits", layers=(12,))
    chosen = dataclasses.replace(setting(rule), network=network, batch_size=BATCH, epochs=epochs, **changes)
    return Plan(rule, chosen, SEED)


def cosine_after_warm_up(epochs: float) -> float:
    """One epoch of warm-up, then half a cosine to the end."""
    return epochs if epochs < 1 else 0.5 * (1 + math.cos(math.pi * (epochs - 1) / (EPOCHS - 1)))


def written_out(run: Plan, dataset) -> tuple[list[torch.Tensor], list[tuple[float, float]], float]:
    """Return the weights, the loss and the error of every epoch, and the loss of the first batch."""
    setting, rule = run.setting, run.setting.rule
    layers = build_network(run.network(dataset), rule, seed=SEED).layers()
    parameters = [part.detach().double().requires_grad_() for layer in layers for part in layer.parameters()]
    rates = [rule.hidden_lr, rule.hidden_lr, rule.output_lr, rule.output_lr]
    velocities = [torch.zeros_like(values) for values in parameters]
    images = (dataset.train.images.double().flatten(1) / 255 - dataset.mean[0]) / dataset.sd[0]
    epochs, first = [], math.nan
    for epoch in range(EPOCHS):
        total, wrong = 0.0, 0
        shuffled = order(SEED, epoch, IMAGES)
        for step in range(STEPS):
            chosen = torch.from_numpy(shuffled[step * BATCH : (step + 1) * BATCH])
            labels = dataset.train.labels[chosen]
            hidden = torch.sigmoid(functional.linear(images[chosen], *parameters[:2]))
            logits = functional.linear(hidden, *parameters[2:])
            target = functional.one_hot(labels, 10) * (1 - setting.label_smoothing)
            target = target + setting.label_smoothing / 10
            loss = 0.5 * (torch.sigmoid(logits) - target).square().sum(1).mean()
            first = float(loss.detach()) if math.isnan(first) else first
            gradients = torch.autograd.grad(loss, parameters)
            factor = setting.lr * cosine_after_warm_up(epoch + step / STEPS)
            with torch.no_grad():
                for values, gradient, velocity, rate in zip(
                    parameters, gradients, velocities, rates, strict=True
                ):
                    # decay is relative to the optimizer's rate, whatever the layer's own
                    velocity *= setting.momentum
                    velocity += gradient + setting.weight_decay / rate * values
                    values -= factor * rate * velocity
            total += float(loss.detach()) * len(labels)
            wrong += int((logits.argmax(1) != labels).sum())
        epochs.append((total / IMAGES, 100.0 * wrong / IMAGES))
    return parameters, epochs, first


def test_the_trainer_does_what_gradient_descent_written_out_does(few):
    run = plan(
        lr=0.5, weight_decay=0.02, schedule="cosine", warmup_epochs=1.0, label_smoothing=0.2, momentum=0.8
    )
    trainer = Trainer(run, few)
    trainer.run()
    parameters, epochs, first = written_out(run, few)
    found = [part.detach().double() for layer in trainer.network.layers() for part in layer.parameters()]
    for one, other in zip(found, (part.detach() for part in parameters), strict=True):
        assert float((one - other).norm() / other.norm()) < 2e-6
    for line, (loss, error) in zip(trainer.history, epochs, strict=True):
        assert line["train_loss"] == pytest.approx(loss, rel=1e-5)
        assert line["train_error_percent"] == pytest.approx(error)
    assert trainer.first_loss == pytest.approx(first, rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "factors"),
    [
        (dict(schedule="constant"), [1, 1, 1, 1]),
        (dict(schedule="linear"), [1, 0.75, 0.5, 0.25]),
        (dict(schedule="cosine", warmup_epochs=2.0), [0, 0.5, 1, 0.5]),
        (dict(schedule="step", step_epochs=2), [1, 1, 0.1, 0.1]),
        (dict(schedule="step", step_epochs=2, warmup_epochs=1.0), [0, 1, 0.1, 0.1]),
    ],
)
def test_schedules_by_hand(changes, factors):
    """The factor at the start of each of four epochs; between two of them it is where it should be too."""
    chosen = plan(epochs=4, **changes).setting
    assert [chosen.factor(float(k)) for k in range(4)] == pytest.approx(factors)
    if changes["schedule"] == "linear":
        assert chosen.factor(0.5) == pytest.approx(0.875)


def stop_after(monkeypatch, epoch: int, steps: int) -> None:
    """Ask a run to stop after so many steps of an epoch, counted from 0."""
    step = Trainer._step

    def asked_to_stop(trainer, batch):
        step(trainer, batch)
        trainer.stop = (trainer.epoch, trainer.step + 1) == (epoch, steps)

    monkeypatch.setattr(Trainer, "_step", asked_to_stop)


@pytest.mark.parametrize("stop", [(0, 1), (1, 2)])
def test_a_resumed_run_is_judged_by_the_loss_of_its_very_first_batch(few, tmp_path, monkeypatch, stop):
    first = written_out(plan(), few)[2]
    seen: list[float] = []

    def warnings(network, loader, line, loss):
        seen.append(loss)
        return []

    monkeypatch.setattr(health, "warnings", warnings)
    with monkeypatch.context() as stopping:
        stop_after(stopping, *stop)
        with pytest.raises(Stopped):
            train(plan(), few, tmp_path)
    train(plan(), few, tmp_path, resume=True)
    assert seen == pytest.approx([first] * EPOCHS, rel=1e-5)


def test_noise_is_another_one_in_every_step(few, monkeypatch):
    """Of the hidden layer's noise for the first sixteen images of each step, no two are alike."""
    drawn: list[torch.Tensor] = []
    disturb = NodePerturbation.disturb

    def noted(rule, somatic):
        noise = disturb(rule, somatic)
        if noise.shape[1] == 12:
            drawn.append(noise[:16].flatten())
        return noise

    monkeypatch.setattr(NodePerturbation, "disturb", noted)
    trainer = Trainer(plan("node_perturbation", epochs=2), few)
    trainer.options = dataclasses.replace(trainer.options, layers=False)
    trainer.run()
    assert len(drawn) == 2 * STEPS
    correlations = torch.corrcoef(torch.stack(drawn))
    assert float((correlations - torch.eye(len(drawn))).abs().max()) < 0.35  # 192 numbers: 5 sd


@pytest.mark.parametrize("stop", [(0, 1), (0, STEPS), (1, STEPS)])
def test_what_the_layers_do_is_logged_the_same_however_a_run_is_cut(few, tmp_path, monkeypatch, stop):
    """Node perturbation draws noise for that look too; a run may stop between the last step and the look."""
    run = plan("node_perturbation")
    train(run, few, tmp_path / "whole")
    with monkeypatch.context() as stopping:
        stop_after(stopping, *stop)
        with pytest.raises(Stopped):
            train(run, few, tmp_path / "cut")
    torch.manual_seed(99)
    train(run, few, tmp_path / "cut", resume=True)
    whole, cut = (read_log(tmp_path / name, "layer") for name in ("whole", "cut"))
    assert whole["update_angle_deg"].notna().any()
    assert whole.equals(cut)
