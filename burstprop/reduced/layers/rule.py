"""What a learning rule is: one frozen class whose few methods say how teaching travels.

A network of rule layers is trained by ``loss.backward()``. In the backward pass each layer, from the output
down,

1. turns what arrived from above into its own `Signals` (`Rule.output` at the top, `Rule.hidden` below),
2. changes its forward weights along the error signal times its input rates (always the same, for every rule),
3. asks `Rule.learn` for the gradients of its feedback weights, and
4. asks `Rule.descend` what the layer below receives.

Two quantities travel. ``burst`` is the burst rate b = p e in the absence of a teacher. ``error`` is minus the
change of the burst rate by the teacher, b - b_t, times ``scale`` (one over the number of images for a mean
over the batch, times whatever the loss was multiplied by). So ``error`` is what a gradient is: a descent step
goes against it, and a layer that is not a rule layer can stand between two that are. The teacher's burst rate
b_t itself never travels, because the difference of two nearly equal sweeps is rounding noise.

The base class is backpropagation; a rule overrides what it does differently. A class in a file of one's own
takes part by the name ``path/to/file.py:ClassName`` (see `burstprop.reduced.rules.rule_from_name`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor

from burstprop.errors import BurstpropError
from burstprop.parameters import quantity, validate
from burstprop.reduced.layers.feedback import FeedbackWeight
from burstprop.reduced.layers.units import Units

TEACHERS = ("squared", "cross_entropy")


class CellLayer(Protocol):
    """What a rule sees of the cells of a layer; `burstprop.reduced.layers.RuleModule` says what each is."""

    units: Units
    classes: int | None
    output_shape: tuple[int, ...] | None
    is_output: bool
    lowest: bool

    @property
    def size(self) -> Any:
        """Number of units, or of maps."""
        ...


class Layer(CellLayer, Protocol):
    """What a rule sees of synapses and the cells that they drive: `burstprop.reduced.layers.RuleLayer`."""

    weight: Any
    bias: Any

    @property
    def has_cells(self) -> bool:
        """Whether there are cells, or synapses alone."""
        ...

    def feed_back(self, signal: Tensor, weight: Tensor, inputs: Tensor) -> Tensor:
        """Return ``signal`` sent down through ``weight``."""
        ...

    def correlate(self, signal: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the sums over the rows of signal times input, and of signal."""
        ...


class Activity(NamedTuple):
    """A layer in its backward pass: what it computed forward, and what it computes with.

    ``inputs`` and ``rates`` are the event rates below and of the layer itself; ``weights`` its weights by
    name (those of `Rule.feedback_weights`, and ``"weight"``) in the precision of the rates, formed anew when
    asked for where they follow the forward weights; ``scale`` a tensor without dimensions; a ``lowest``
    layer sends nothing on, so that only its error is needed; ``noise`` is what `Rule.disturb` returned.

    Where synapses and cells are apart (`burstprop.reduced.layers.cells`), `Rule.hidden` is asked with the
    activity of the `Cells`, which has no inputs and no ``"weight"``, and `Rule.descend` with that of the
    synapses, which has no rates.
    """

    layer: Layer
    inputs: Tensor
    rates: Tensor
    weights: Mapping[str, Tensor]
    scale: Tensor
    lowest: bool
    noise: Any


class Arrival(NamedTuple):
    """What reached a layer's output from above, summed over the layers it projects to.

    ``error`` and ``burst`` have the shape of the layer's output; ``burst`` is None for rules that send none;
    ``broadcast`` is what `Signals.broadcast` of the output layer (or the loss) held. ``spare``: nothing else
    reads ``burst``, so that it may be written over.
    """

    error: Tensor
    burst: Any
    broadcast: Any
    spare: bool = False


class BurstProbability(NamedTuple):
    """Burst probabilities of a layer's units for every image, and what moves them.

    ``without`` and ``taught``: p without and with a teacher; ``step``: the change of the dendritic potential
    by the teacher (its unit: one, the width of the sigmoid); ``top``: the probability that a saturated
    dendrite gives.
    """

    without: Tensor
    taught: Tensor
    step: Tensor
    top: float = 1.0


@dataclass(slots=True)
class Signals:
    """A layer's own signals, of the shape of its output.

    ``burst`` may be whatever form `Rule.descend` sends on, which may set it to None to free it. ``error`` is
    None for a rule that sends no error down. ``broadcast`` goes unchanged to all layers below. ``kept`` is
    for the rule itself: what it made in `Rule.hidden` or `Rule.descend` and needs later.
    """

    error: Any
    burst: Any = None
    broadcast: Tensor | None = None
    kept: Any = None


@dataclass(frozen=True)
class Rule:
    """Base of all rules: exact backpropagation, and the learning rates relative to the optimizer's.

    Attributes
    ----------
    teacher : str
        What the output layer descends: ``"squared"`` (half the squared error of sigmoid units) or
        ``"cross_entropy"``.
    """

    teacher: str = field(
        default="squared", metadata={"doc": "loss of the output layer: squared or cross_entropy"}
    )
    hidden_lr: float = quantity(1.0, "1", "learning rate of the hidden layers over the optimizer's", low=0.0)
    output_lr: float = quantity(1.0, "1", "learning rate of the output layer over the optimizer's", low=0.0)
    depth_ratio: float = quantity(
        1.0, "1", "ratio of the rates of a hidden layer and the one above it", low=0.0, open_low=True
    )

    #: Forward passes a step makes side by side (2 for rules that compare a disturbed pass with a clean one).
    passes: ClassVar[int] = 1
    #: Whether `hidden` needs more from above than an error (``burst`` or ``broadcast``).
    needs_message: ClassVar[bool] = False
    #: Whether `descend` sends the burst rates of the cells down.
    needs_burst: ClassVar[bool] = False
    #: Whether signals are not just proportional to `Activity.scale`: losses of different weight cannot meet.
    needs_scale: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check every field; raises BurstpropError."""
        validate(self)
        if self.teacher not in TEACHERS:
            raise BurstpropError(
                f"{type(self).__name__}.teacher = {self.teacher!r}: give one of {', '.join(TEACHERS)}"
            )

    def feedback_weights(self, layer: Layer, generator: torch.Generator | None) -> dict[str, FeedbackWeight]:
        """Return the start values of the weights that the synapses of ``layer`` have beside ``layer.weight``
        and ``layer.bias``."""
        return {}

    def cell_weights(self, layer: CellLayer, generator: torch.Generator | None) -> dict[str, FeedbackWeight]:
        """Return the start values of the weights that belong to the cells of a layer (``layer.size`` units or
        maps)."""
        return {}

    def output(self, activity: Activity, arrival: Arrival) -> Signals:
        """Return the output layer's signals.

        ``arrival.error`` is the gradient of the loss by the units' input, that is ``-scale (t - e) e (1 -
        e)`` for the squared error and ``-scale (t - e)`` for cross-entropy.
        """
        return Signals(arrival.error)

    def hidden(self, activity: Activity, arrival: Arrival) -> Signals:
        """Return a hidden layer's signals."""
        return Signals(activity.layer.units.through_slope(activity.rates, arrival.error))

    def downward(self, weights: Mapping[str, Tensor]) -> Tensor | None:
        """Return the weights that carry the error from a layer down (shape of its ``"weight"``), None for no
        such."""
        return weights["weight"]

    def descend(self, activity: Activity, signals: Signals) -> Signals:
        """Return what the layer below receives: error (and burst) of the shape of this layer's input."""
        feedback = self.downward(activity.weights)
        if feedback is None:
            return Signals(None)
        return Signals(activity.layer.feed_back(signals.error, feedback, activity.inputs))

    def learn(
        self, activity: Activity, signals: Signals, sent: Signals | None, gradient: Tensor | None
    ) -> dict[str, Tensor]:
        """Return the gradients of the learned `feedback_weights` (those that follow the forward weights have
        none).

        ``sent`` is what `descend` returned (None for the lowest layer, and for cells apart from their
        synapses); ``gradient`` is that of the forward weights (None for such cells).
        """
        return {}

    def disturb(self, somatic: Tensor) -> Tensor:
        """Add noise to the somatic inputs of one pass and return it (only asked where ``passes`` is 2)."""
        raise NotImplementedError

    def burst_probability(self, activity: Activity, arrival: Arrival) -> BurstProbability | None:
        """Return a hidden layer's burst probabilities, None for a rule without bursts."""
        return None

    def gain(self, hidden_above: int) -> float:
        """Return how much smaller than backpropagation's a layer's error signal is in the limit of small
        errors.

        ``hidden_above`` counts the layer's own and all higher hidden layers (0 for the output layer).
        """
        return 1.0

    def learning_rate(self, name: str, hidden_above: int) -> float:
        """Return the learning rate, over the optimizer's, of the parameter ``name`` of a layer."""
        if hidden_above == 0:
            return self.output_lr / self.gain(0)
        return self.hidden_lr * self.depth_ratio ** (hidden_above - 1) / self.gain(hidden_above)

    def describe(self) -> dict[str, Any]:
        """Return the settings as a plain dictionary, for a file or a message."""
        return {f.name: getattr(self, f.name) for f in fields(self)}
