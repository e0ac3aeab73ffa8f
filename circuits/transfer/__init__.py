"""Transfer functions of a population of pyramidal neurons: start with `experiment`."""

from .experiment import EXPERIMENT, Params, build

__all__ = ["EXPERIMENT", "Params", "build"]
