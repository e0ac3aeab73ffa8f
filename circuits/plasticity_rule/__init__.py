"""The burst-dependent rule in a population (Fig. 2E-G): start with `experiment`."""

from .experiment import EXPERIMENT, Params, build

__all__ = ["EXPERIMENT", "Params", "build"]
