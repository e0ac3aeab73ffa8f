"""Spiking circuit, ensemble rates, gradient and reduced rule beside each other: see `experiment`."""

from .experiment import EXPERIMENT, Params, build

__all__ = ["EXPERIMENT", "Params", "build"]
