"""Who is connected to whom: by probability, by a fixed in-degree, one to one, all to all, or by a matrix.

A population that is connected to itself by probability or in-degree leaves out the connection of a neuron
with itself. One to one, every neuron is connected with itself only; all to all, with itself and with all
others. A matrix is taken as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse

from burstprop.errors import BurstpropError
from burstprop.parameters import Named, documented, quantity, validate

PARTS = ("all", "positive", "negative")


@documented
@dataclass(frozen=True)
class Probability(Named):
    """Each pair is connected with probability ``p``, independently of the others.

    Raises
    ------
    BurstpropError
        The probability is out of bounds.

    Examples
    --------
    >>> from burstprop import Probability
    >>> Probability(0.05).p
    0.05
    """

    p: float = quantity(0.05, "1", "connection probability", low=0, high=1)

    def __post_init__(self) -> None:
        """Check the probability."""
        validate(self)


@documented
@dataclass(frozen=True)
class FixedInDegree(Named):
    """Every target neuron has exactly ``k`` different sources, drawn uniformly.

    Raises
    ------
    BurstpropError
        The in-degree is out of bounds.

    Examples
    --------
    >>> from burstprop import FixedInDegree
    >>> FixedInDegree(100).k
    100
    """

    k: int = quantity(100, "1", "sources of each target neuron", low=0)

    def __post_init__(self) -> None:
        """Check the in-degree."""
        validate(self)


@dataclass(frozen=True)
class OneToOne(Named):
    """Neuron i of the source to neuron i of the target; both populations have the same size.

    Examples
    --------
    >>> from burstprop import OneToOne, Projection
    >>> Projection("a", "b", "soma_exc", weight=1.0, connectivity=OneToOne()).name
    'a->b.soma_exc'
    """


@dataclass(frozen=True)
class AllToAll(Named):
    """Every source neuron to every target neuron; with itself too, where a population is connected to itself.

    There is no index. With one weight for all, the projection takes no memory, and a step costs one addition
    per target. With a weight for each synapse (a rule), a spike costs one pass over the target population.

    Examples
    --------
    >>> from burstprop import AllToAll, Projection
    >>> Projection("a", "b", "soma_exc", weight=1.0, connectivity=AllToAll()).name
    'a->b.soma_exc'
    """


@dataclass(frozen=True)
class Tied(Named):
    """The synapses and weights of another projection between the same populations, as they are at any time.

    The projection's own ``weight`` is a factor. So feedback that is learned once is passed by several
    projections: bursts and events, to excitation and inhibition.

    Parameters
    ----------
    projection : str
        One that has a weight for each synapse (a matrix, or a rule).
    part : {"all", "positive", "negative"}
        Which weights pass: the negative part passes -w where w is negative.

    Raises
    ------
    BurstpropError
        The part has no such name.

    Examples
    --------
    >>> from burstprop import Projection, Tied
    >>> Projection("out", "hid", "dendrite_inh", 1.0, Tied("learned", "negative"), "bursts").transmits
    'bursts'
    """

    projection: str
    part: str = "all"

    def __post_init__(self) -> None:
        """Check the part."""
        if self.part not in PARTS:
            raise BurstpropError(f"Tied.part = {self.part!r}: give one of {', '.join(PARTS)}")


@dataclass(frozen=True, eq=False)
class Matrix(Named):
    """The user's own weights: a scipy sparse matrix (or array) of shape (n_source, n_target).

    Every stored entry is a synapse, and its value the weight (conductance in units of the leak), multiplied
    by the projection's ``weight``.

    Parameters
    ----------
    weights : scipy sparse matrix, or array of shape (n_source, n_target)
        Conductances, at least 0.

    Raises
    ------
    BurstpropError
        It is not a matrix, or a weight is negative or no finite number.

    Examples
    --------
    >>> import numpy as np
    >>> from burstprop import Matrix
    >>> Matrix(np.array([[0.0, 1.0], [2.0, 0.0]])).weights.nnz
    2
    """

    weights: Any

    def __post_init__(self) -> None:
        """Check kind, shape and weights; duplicates are summed, as scipy does."""
        matrix = self.weights
        if not (scipy.sparse.issparse(matrix) or isinstance(matrix, np.ndarray)):
            raise BurstpropError(
                "Matrix(weights): give a scipy sparse matrix or an array of shape (n_source, n_target), "
                f"not a {type(matrix).__name__}"
            )
        if len(matrix.shape) != 2:
            raise BurstpropError(
                f"Matrix(weights) has shape {matrix.shape}: give two axes, (n_source, n_target)"
            )
        csr = scipy.sparse.csr_array(matrix, dtype=np.float64, copy=True)
        csr.sum_duplicates()
        if not np.all(np.isfinite(csr.data)):
            raise BurstpropError("Matrix(weights): a weight is not a finite number")
        if csr.nnz and csr.data.min() < 0:
            raise BurstpropError(
                f"Matrix(weights): a weight is {csr.data.min():g}; a weight is a conductance and cannot be "
                "negative; for inhibition connect to a receptor that ends in _inh"
            )
        object.__setattr__(self, "weights", csr)


Connectivity = Probability | FixedInDegree | OneToOne | AllToAll | Tied | Matrix


def describe_connectivity(connectivity: Connectivity) -> str:
    """Return one line for a table."""
    match connectivity:
        case Probability(p=p):
            return f"p = {p:g}"
        case FixedInDegree(k=k):
            return f"in-degree {k}"
        case OneToOne():
            return "one to one"
        case AllToAll():
            return "all to all"
        case Tied(projection=name, part=part):
            return f"tied to {name}" + ("" if part == "all" else f", {part} part")
        case Matrix(weights=w):
            return f"matrix, {w.nnz} synapses"
