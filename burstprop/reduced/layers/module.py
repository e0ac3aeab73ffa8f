"""`RuleModule`: what every module that takes part in a rule has, and the weights beside the forward ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from burstprop.errors import BurstpropError, near
from burstprop.reduced.layers.feedback import FeedbackWeight, Weights
from burstprop.reduced.layers.messages import Message
from burstprop.reduced.layers.rule import Activity, Arrival, Rule
from burstprop.reduced.layers.units import Units

Method = TypeVar("Method", bound=Callable[..., Any])


def uncompiled(forward: Method) -> Method:
    """Mark a method that ``torch.compile`` leaves as it is, and does not look into.

    A rule's backward pass hands messages from one layer to another, which the compiler cannot follow.
    (``torch.compiler.disable`` sets the same mark, and imports the compiler: a second of every start.)
    """
    forward._torchdynamo_disable = True  # type: ignore[attr-defined]
    forward._torchdynamo_disable_msg = "rule layers run uncompiled"  # type: ignore[attr-defined]
    return forward


class RuleModule(nn.Module):
    """Synapses, cells, or both, whose backward pass is a learning rule.

    Attributes
    ----------
    rule : Rule
    units : Units
        Of the cells; ``Apart`` where there are synapses alone.
    is_output, lowest : bool
        The cells are the output layer; the input is the image, so that nothing is sent further down.
    classes : int or None
        Number of output units of the network, for rules that broadcast to every layer.
    output_shape : tuple of int or None
        Shape of the output without the batch, for such rules.
    places : dict
        The weights that the rule has beside the forward weights, in the order of their names, with where they
        are among what is stored and what they follow (see `burstprop.reduced.layers.feedback`). `feedback`
        reads them, and `set_feedback` writes them. ``Y`` (shape of ``weight``) carries feedback from this
        layer to the one below.
    observer : callable or None
        Called with (Activity, Arrival) in every backward pass.
    """

    weight: Tensor | None

    def __init__(self, rule: Rule, units: Units, classes: int | None, lowest: bool) -> None:
        """Make a module without weights."""
        super().__init__()
        self.rule, self.units, self.classes, self.lowest = rule, units, classes, lowest
        self.is_output = False
        self.output_shape: tuple[int, ...] | None = None
        self.observer: Callable[[Activity, Arrival], None] | None = None
        self.places: dict[str, tuple[int, float | None]] = {}
        self._stored: tuple[str, ...] = ()

    @property
    def has_cells(self) -> bool:
        """Whether there are cells, and dendrites, or synapses alone."""
        return self.units.name != "none"

    def keep(self, beside: dict[str, FeedbackWeight]) -> None:
        """Keep weights beside the forward weights, from their start values on."""
        for name, start in beside.items():
            self.places[name] = (len(self._stored), start.follows)
            for key, value in start.stored(name, self.weight).items():
                self._stored += (key,)
                if isinstance(value, nn.Parameter):
                    self.register_parameter(key, value)
                else:
                    self.register_buffer(key, value)

    def stored(self) -> list[Tensor]:
        """Return what is kept of the weights beside the forward weights."""
        return [getattr(self, name) for name in self._stored]

    def feedback(self, name: str) -> Tensor:
        """Return the weights ``name``; a new tensor where they follow the forward weights.

        Raises
        ------
        BurstpropError
            Where the layer has none of this name.
        """
        self._check_feedback(name)
        weight = None if self.weight is None else self.weight.detach()
        stored = [value.detach() for value in self.stored()]
        return Weights(weight, stored, self.places, stored[self.places[name][0]].dtype)[name]

    @torch.no_grad()
    def set_feedback(self, name: str, value: Tensor) -> None:
        """Give the weights ``name`` another value.

        Weights that follow the forward weights are kept as their difference to them, so whoever assigns
        ``weight`` anew moves them too, and sets them afterwards.

        Raises
        ------
        BurstpropError
            Where the layer has none of this name, or of another shape.
        """
        self._check_feedback(name)
        place, follows = self.places[name]
        own = getattr(self, self._stored[place])
        shape = own.shape if follows is None or self.weight is None else self.weight.shape
        if value.shape != shape:
            raise BurstpropError(
                f"layer {self}: feedback weights {name!r} have shape {tuple(shape)}, and the value has "
                f"{tuple(value.shape)}"
            )
        if follows is None:
            own.copy_(value)
        else:
            own.fill_(1.0)
            assert self.weight is not None  # what follows follows the forward weights
            difference = torch.sub(value, self.weight, alpha=follows)
            getattr(self, self._stored[place + 1]).copy_(difference)

    def _check_feedback(self, name: str) -> None:
        if name not in self.places:
            raise BurstpropError(f"layer {self}: no feedback weights {name!r}; {near(name, self.places)}")

    def gradients(self, learned: dict[str, Tensor]) -> list[Tensor | None]:
        """Return the gradients of what is `stored`: those learned, and zero for the shares of weights that
        follow."""
        gradients: list[Tensor | None] = []
        for name, (place, follows) in self.places.items():
            if follows is None:
                gradients.append(learned.get(name))
            else:
                gradients += (torch.zeros_like(getattr(self, self._stored[place])), None)
        return gradients

    def rate_name(self, parameter: str) -> str:
        """Return by which name `Rule.rate` knows a parameter: a share of weights that follow goes with
        ``weight``."""
        following = any(
            follows is not None and self._stored[place] == parameter
            for place, follows in self.places.values()
        )
        return "weight" if following else parameter

    def told(self, message: Message | None, error: Tensor) -> Message:
        """Return what came from above; where nothing did, the loss is taken as a mean over the rows of
        ``error``.

        Raises
        ------
        BurstpropError
            Where the rule needs more from above than came, or two teachers meet.
        """
        rule, kind = self.rule, type(self.rule).__name__
        if message is None:
            if rule.passes == 2 or (rule.needs_message and not self.is_output):
                raise BurstpropError(
                    f"layer {self}: the layer above sent nothing but a gradient. "
                    f"{kind} needs rule layers up to "
                    "the output layer (output='sigmoid' or 'softmax'), and network.loss or teaching_loss"
                )
            return Message(error.new_tensor(1.0 / max(len(error), 1)))
        if message.clash and (rule.needs_message or rule.needs_scale):
            raise BurstpropError(
                f"layer {self}: {message.clash}, meet here, and {kind} has one teacher: give "
                "them the same weight and one output layer, or call backward(retain_graph=True) for each; "
                "gradients add"
            )
        return message

    def extra_repr(self) -> str:
        """Shape and rule, as ``print(network)`` shows them."""
        words: list[Any] = [] if self.weight is None else [tuple(self.weight.shape)]
        words += [type(self.rule).__name__, self.units.name if self.has_cells else "synapses"]
        return ", ".join(str(word) for word in words)


def check_first_derivative() -> None:
    """Raise BurstpropError in a backward pass that is to be differentiated."""
    if torch.is_grad_enabled():
        raise BurstpropError("a learning rule has no second derivative: call backward() without create_graph")
