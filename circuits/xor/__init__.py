"""A spiking circuit that learns exclusive-or from bursts (Fig. 4): start with `experiment`."""

from .experiment import Params, build, run

__all__ = ["Params", "build", "run"]
