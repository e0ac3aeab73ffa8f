"""A spiking circuit that learns handwritten digits by bursts: start with `experiment`."""

from .experiment import EXPERIMENT, Params, build

__all__ = ["EXPERIMENT", "Params", "build"]
