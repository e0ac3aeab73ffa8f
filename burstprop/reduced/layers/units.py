"""Units: how a somatic input becomes an event rate, and how an apical input is weighted by it.

An event rate is dimensionless here. ``through_slope`` multiplies a signal by the slope of the rate;
``through_apical`` by the factor that makes the dendrite's burst probability, times the rate, change by that
slope: 1 - e for sigmoid units (slope e (1 - e)), 1/e for rectified ones (slope 1). A signal may have a
further leading dimension.
"""

from __future__ import annotations

import torch
from torch import Tensor

from burstprop.errors import BurstpropError, near

TINY = 1e-8  # keeps the division by the rate of a silent rectified unit finite (published value)


class Units:
    """Base of all units; softmax units exist only in output layers, which never ask for these."""

    name = ""

    @staticmethod
    def rate_(inputs: Tensor) -> Tensor:
        """Return the event rates, written over the somatic inputs."""
        raise NotImplementedError

    @staticmethod
    def through_slope(rates: Tensor, signal: Tensor) -> Tensor:
        """Return the signal times the slope of the rates."""
        raise NotImplementedError

    @staticmethod
    def through_apical(rates: Tensor, signal: Tensor) -> Tensor:
        """Return the signal times the dendritic factor."""
        raise NotImplementedError


class Sigmoid(Units):
    """e = 1 / (1 + exp(-z))."""

    name = "sigmoid"

    @staticmethod
    def rate_(inputs: Tensor) -> Tensor:
        """Return the event rates, written over the somatic inputs."""
        return inputs.sigmoid_()

    @staticmethod
    def through_slope(rates: Tensor, signal: Tensor) -> Tensor:
        """Return ``signal * e (1 - e)``."""
        return torch.ops.aten.sigmoid_backward(signal, rates)

    @staticmethod
    def through_apical(rates: Tensor, signal: Tensor) -> Tensor:
        """Return ``signal (1 - e)``."""
        return torch.addcmul(signal, signal, rates, value=-1.0)


class Rectified(Units):
    """e = max(z, 0)."""

    name = "relu"

    @staticmethod
    def rate_(inputs: Tensor) -> Tensor:
        """Return the event rates, written over the somatic inputs."""
        return inputs.relu_()

    @staticmethod
    def through_slope(rates: Tensor, signal: Tensor) -> Tensor:
        """Return ``signal [e > 0]``."""
        return torch.ops.aten.threshold_backward(signal, rates, 0)

    @staticmethod
    def through_apical(rates: Tensor, signal: Tensor) -> Tensor:
        """Return ``signal [e > 0] / (e + 1e-8)``."""
        return torch.ops.aten.threshold_backward(signal / (rates + TINY), rates.expand_as(signal), 0)


class Softmax(Units):
    """Output units that share one unit of rate: e = softmax(z)."""

    name = "softmax"


class Apart(Units):
    """Of synapses whose cells are elsewhere, and have the units."""

    name = "none"


UNITS: dict[str, Units] = {unit.name: unit for unit in (Sigmoid(), Rectified(), Softmax(), Apart())}


def units(name: str) -> Units:
    """Return units by name; raises BurstpropError with the known names."""
    if name not in UNITS:
        raise BurstpropError(f"units = {name!r}: {near(name, UNITS)}")
    return UNITS[name]


def output_rates(logits: Tensor, name: str) -> Tensor:
    """Return the rates of output units from their somatic inputs (N x classes)."""
    return logits.softmax(-1) if name == "softmax" else logits.sigmoid()
