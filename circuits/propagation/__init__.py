"""Two messages through one circuit (Fig. 3): start with `experiment`."""

from .experiment import Params, build, run

__all__ = ["Params", "build", "run"]
