"""The published microcircuit learns to tell two digits apart: start with `experiment`."""

from .experiment import EXPERIMENT, Params, build

__all__ = ["EXPERIMENT", "Params", "build"]
