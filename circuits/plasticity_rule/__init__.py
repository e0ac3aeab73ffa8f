"""The burst-dependent rule in a population (Fig. 2E-G): start with `experiment`."""

from .experiment import Params, build, run

__all__ = ["Params", "build", "run"]
