"""Single synapses under the burst-dependent rule (Fig. 2B-D): start with `experiment`."""

from .experiment import EXPERIMENT, Params

__all__ = ["EXPERIMENT", "Params"]
