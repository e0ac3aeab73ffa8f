"""A spiking circuit that learns exclusive-or from bursts (Fig. 4): start with `experiment`."""

from .experiment import EXPERIMENT, Params, build

__all__ = ["EXPERIMENT", "Params", "build"]
