"""Learning rules of deep networks compared: no circuit, but an experiment like the others."""

from .experiment import Params, run

__all__ = ["Params", "run"]
