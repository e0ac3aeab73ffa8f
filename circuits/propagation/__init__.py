"""Two messages through one circuit (Fig. 3): start with `experiment`."""

from .experiment import EXPERIMENT, Params, build

__all__ = ["EXPERIMENT", "Params", "build"]
