"""Single synapses under the burst-dependent rule (Fig. 2B-D): start with `experiment`."""

from .experiment import Params, run

__all__ = ["Params", "run"]
