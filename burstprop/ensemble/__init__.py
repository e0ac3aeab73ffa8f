"""From spikes to rates: transfer functions measured on isolated populations, and the rate model of a circuit.

`measure` measures a population at given drives, `ensemble(circuit)` builds the rate model of a circuit from
such measurements alone (`burstprop.ensemble.builder` says how), and its ``run`` gives the same frames as
`burstprop.simulate`. `Units` and `Learner` are the rate form of a circuit of Burst-Poisson neurons, one unit
per neuron, with the burst-dependent rule.

>>> from burstprop.ensemble import ensemble
>>> model = ensemble(circuit)  # doctest: +SKIP
>>> model.run(4000.0).rates  # doctest: +SKIP
"""

from burstprop.ensemble.builder import ensemble
from burstprop.ensemble.burst_poisson import BurstPoissonCurves, fit_burst_poisson
from burstprop.ensemble.isolated import Drive, Effort, Kind, grid, measure
from burstprop.ensemble.learning import Learner
from burstprop.ensemble.model import Ensemble
from burstprop.ensemble.response import Response, fit_response
from burstprop.ensemble.units import Units

__all__ = [
    "BurstPoissonCurves",
    "Drive",
    "Effort",
    "Ensemble",
    "Kind",
    "Learner",
    "Response",
    "Units",
    "ensemble",
    "fit_burst_poisson",
    "fit_response",
    "grid",
    "measure",
]
