"""Transfer functions of a population of pyramidal neurons: start with `experiment`."""

from .experiment import Params, build, run

__all__ = ["Params", "build", "run"]
