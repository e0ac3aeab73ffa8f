"""Learning rules of deep networks compared: no circuit, but an experiment like the others."""

from .experiment import EXPERIMENT, Params

__all__ = ["EXPERIMENT", "Params"]
