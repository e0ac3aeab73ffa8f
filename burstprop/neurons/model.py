"""What a neuron model must give, so that a circuit can run it at full speed.

A model is a frozen dataclass of parameters (`burstprop.parameters.quantity` fields) that derives from
`NeuronModel` and names

``State``
    a NamedTuple of floats: the variables of one neuron, conductances included;
``Drive``
    a NamedTuple of floats: one injected current (pA) per compartment that current can be injected into;
``receptors``
    receptor name -> field of State that a synaptic weight is added to, for example ``{"soma_exc": "g_exc"}``;
``voltages``
    the fields of State that are membrane potentials, the somatic one first.

a method

``derived(dt) -> dict``
    what the functions below need beside the parameters, by name: ``{"leak": dt / self.tau_ms}``;

and three pure functions of one neuron, as static methods, compiled by numba into the time loop. Their ``c``
holds every parameter under its own name, what ``derived`` returns, and ``c.zero``, ``c.one``, ``c.floor``:

``step(state, drive, c) -> State``
    one time step. ``drive`` is the current injected at the end of the previous step.
``margin(state, c) -> float``
    distance to a spike after the step: negative where the neuron spikes.
``spike(state, drive, c, u1, u2) -> State``
    the reset. ``drive`` is the current injected at the end of this step, which the next step feels; ``u1``,
    ``u2`` are uniform in [0, 1), new at every spike.

All numbers in them must stay of the type of the state (float32 unless asked otherwise): a literal such as
``0.5`` is a float64 and slows the loop by a factor of two, so return it from ``derived``. A conditional
expression is fine, an ``if`` statement is slow. `sigmoid` and `power256` of `burstprop.neurons.functions` are
fast and keep the type.
"""

from __future__ import annotations

import dataclasses
from collections import namedtuple
from typing import Any, ClassVar

import numpy as np
from numba.core.errors import TypingError
from numba.extending import overload

from burstprop.errors import BurstpropError, near
from burstprop.fingerprint import fingerprint
from burstprop.jit.kernel import OPTIONS, kernel
from burstprop.jit.model_code import FUNCTIONS
from burstprop.parameters import Named

FLOOR = 1e-30
"""Added to a decaying variable in every step.

Without it a conductance that receives nothing becomes a denormal number after 450 ms, which slows the loop up
to 80 times; with it, it ends near 1e-28, far below the resolution of a voltage.
"""

COMMON = {"zero": 0.0, "one": 1.0, "floor": FLOOR}
"""Constants of every model."""
PARTS = ("State", "Drive", "receptors", "voltages", "derived", "initial", *FUNCTIONS)

_model_of_state: dict[type, Any] = {}
_constants_of: dict[type, Any] = {}


class _Constants:
    """The type of a model's constants, each model's own, made when it is first asked for.

    It is an attribute of the model, so that a file of compiled code finds it by its name.
    """

    def __get__(self, model: Any, owner: type) -> Any:
        if owner not in _constants_of and dataclasses.is_dataclass(owner):
            owner().constants(0.1)  # type: ignore[attr-defined]
        return _constants_of.get(owner, self)


class NeuronModel(Named):
    """Base of all neuron models; see the module's text for what a model gives.

    Raises
    ------
    BurstpropError
        When a model is defined: a part is missing, names no field of State, or its State is another model's.

    Examples
    --------
    The README has a complete one. Every model can be asked for its compartments and receptors:

    >>> from burstprop import PyramidalNeuron
    >>> PyramidalNeuron.Drive._fields, list(PyramidalNeuron.receptors)[:2]
    (('soma', 'dendrite'), ['soma_exc', 'soma_inh'])
    """

    State: ClassVar[Any]
    Drive: ClassVar[Any]
    Constants: ClassVar[Any] = _Constants()
    receptors: ClassVar[dict[str, str]]
    voltages: ClassVar[tuple[str, ...]]

    derived: Any
    initial: Any
    step: ClassVar[Any]
    margin: ClassVar[Any]
    spike: ClassVar[Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let the compiled loop find the model's functions by the type of its State.

        Raises
        ------
        BurstpropError
            A part of the model is missing, names no field of State, or its State is another model's.
        """
        super().__init_subclass__(**kwargs)
        # before the dataclass adds its own, which cannot compare arrays
        if "__eq__" not in cls.__dict__:
            cls.__eq__, cls.__hash__ = _same, _hash  # type: ignore[method-assign,assignment]
        _check_parts(cls)
        known = _model_of_state.setdefault(cls.State, cls)
        if any(getattr(cls, part) is not getattr(known, part) for part in FUNCTIONS):
            raise BurstpropError(
                f"{cls.__name__}.State = {cls.State.__name__} is the State of {known.__name__}, whose "
                f"functions would be run in its place: give {cls.__name__} a NamedTuple of its own (in a "
                "notebook, in the same cell)"
            )

    def constants(self, dt: float) -> Any:
        """Return the ``c`` of a step of ``dt`` ms, a NamedTuple of type ``Constants``.

        Raises
        ------
        BurstpropError
            ``derived`` returns no dictionary, or other names than before.
        """
        name, derived = type(self).__name__, self.derived(dt)
        if not isinstance(derived, dict):
            raise BurstpropError(f"{name}.derived returns {derived!r}: give a dictionary, name: number")
        values = {**COMMON, **_quantities(self), **derived}
        if type(self) not in _constants_of:
            made = namedtuple(f"{name}Constants", values, module=type(self).__module__)  # type: ignore[misc]
            made.__qualname__ = f"{type(self).__qualname__}.Constants"
            made.__doc__ = f"What a step of {name} needs: its parameters, and what `derived` makes of them."
            _constants_of[type(self)] = made
        known = _constants_of[type(self)]
        if known._fields != tuple(values):
            names = ", ".join(derived) or "no names"
            raise BurstpropError(
                f"{name}.derived returns {names}, and returned other names before: give the same names, in "
                "the same order, for all parameters"
            )
        return known(*values.values())

    def _repr_html_(self) -> str | None:
        """Return the parameters for a notebook."""
        from burstprop.report.notebook import description_html

        return description_html(self, type(self).__name__)


def _quantities(model: Any) -> dict[str, Any]:
    """Return the parameters that are numbers, by name; one that may be None is not a number."""
    return {
        f.name: getattr(model, f.name)
        for f in dataclasses.fields(model)
        if "unit" in f.metadata and not f.metadata["optional"]
    }


def _same(model: NeuronModel, other: object) -> bool:
    """Return whether two models are of one kind and agree in every number, array for array."""
    return type(model) is type(other) and fingerprint(model) == fingerprint(other)


def _hash(model: NeuronModel) -> int:
    return hash(fingerprint(model))


def _check_parts(cls: type[NeuronModel]) -> None:
    for part in PARTS:
        if not hasattr(cls, part):
            raise BurstpropError(f"{cls.__name__} has no {part!r}: a neuron model gives {', '.join(PARTS)}")
    for made in ("Constants", "constants"):
        if made in cls.__dict__:
            raise BurstpropError(
                f"{cls.__name__}.{made}: leave it out; what a step sees are the parameters, and what "
                "`derived(dt)` returns"
            )
    for part in ("State", "Drive"):
        named = getattr(cls, part)
        if not getattr(named, "_fields", ()):
            raise BurstpropError(
                f"{cls.__name__}.{part} = {named!r}: give a NamedTuple of floats, of at least one"
            )
    variables = cls.State._fields
    named = [(f"receptors[{receptor!r}]", field) for receptor, field in cls.receptors.items()]
    for where, field in [*named, *(("voltages", field) for field in cls.voltages)]:
        if field not in variables:
            raise BurstpropError(
                f"{cls.__name__}.{where} names {field!r}, and {cls.State.__name__} has no such field: "
                f"{near(field, variables)}"
            )


def whole_steps(field: str, time_ms: Any, dt: float, least: int = 0) -> Any:
    """Return a time of a model, one number or one per neuron, in steps of ``dt`` ms, rounded.

    Raises
    ------
    BurstpropError
        A time above 0 ms (with ``least`` 1 any time) rounds to no step.
    """
    steps = np.round(time_ms / dt)
    lost = (np.asarray(time_ms) > 0 if least == 0 else True) & (steps < 1)
    if np.any(lost):
        raise BurstpropError(
            f"{field} = {np.max(np.asarray(time_ms)[lost]):g} ms rounds to no step of dt_ms = {dt:g} ms; "
            f"give {'0, ' * (least == 0)}more than half a step, or a smaller dt_ms"
        )
    return steps


def step(state, drive, c):
    """Advance one neuron by one step: the ``step`` of the model that ``state`` belongs to."""
    return _model_of_state[type(state)].step(state, drive, c)


def margin(state, c):
    """Return the distance of one neuron to a spike: the ``margin`` of the model that ``state`` belongs to."""
    return _model_of_state[type(state)].margin(state, c)


def spike(state, drive, c, u1, u2):
    """Reset one neuron: the ``spike`` of the model that ``state`` belongs to."""
    return _model_of_state[type(state)].spike(state, drive, c, u1, u2)


def _compiled(state: Any, name: str) -> Any:
    model = _model_of_state.get(getattr(state, "instance_class", None))  # type: ignore[arg-type]
    if model is None:
        raise TypingError(
            f"[burstprop] a step and a spike return the model's State, and this one returns {state}"
        )
    return kernel(getattr(model, name))


@overload(step, jit_options=OPTIONS)
def _step_overload(state, drive, c):
    function = _compiled(state, "step")
    return lambda state, drive, c: function(state, drive, c)


@overload(margin, jit_options=OPTIONS)
def _margin_overload(state, c):
    function = _compiled(state, "margin")
    return lambda state, c: function(state, c)


@overload(spike, jit_options=OPTIONS)
def _spike_overload(state, drive, c, u1, u2):
    function = _compiled(state, "spike")
    return lambda state, drive, c, u1, u2: function(state, drive, c, u1, u2)
