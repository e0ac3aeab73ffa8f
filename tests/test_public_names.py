"""Every public name says its parameters, units, errors and source, and shows an example that runs."""

import dataclasses
import doctest
import inspect
import re
import sys

import pytest

import burstprop
import burstprop.circuit
from burstprop import NeuronModel, PyramidalNeuron
from burstprop.errors import BurstpropError
from burstprop.parameters import allowed, documented, quantity

PARTS = [name for name in burstprop.circuit.__all__ if name not in burstprop.__all__ and name != "Change"]
"""Parts of a circuit that are imported from `burstprop.circuit`."""
NAMES = [name for name in burstprop.__all__ if not name.startswith("__")] + PARTS
FROM_PAPERS = ("burstprop.neurons", "burstprop.circuit", "burstprop.spikes")
"""Rooms whose equations come from papers, which they name."""
RAISE_NOTHING = {"Claim"}
"""A number that is not finite is no error, but a claim that fails."""


def public(name):
    return getattr(burstprop.circuit if name in PARTS else burstprop, name)


def parameters(obj):
    """Names that somebody gives when calling it."""
    if (
        isinstance(obj, type)
        and issubclass(obj, BaseException | NeuronModel)
        and not dataclasses.is_dataclass(obj)
    ):
        return []
    return [
        name
        for name, parameter in inspect.signature(obj).parameters.items()
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    ]


def described(text):
    """Names that a docstring has lines for under Parameters."""
    block = re.search(r"Parameters\n-+\n(.*?)(?=\n\n\w[\w ]+\n---|\Z)", text, re.DOTALL)
    heads = re.findall(r"^(\w[\w, ]*?)(?: :.*)?$", block[1], re.MULTILINE) if block else []
    return {name.strip() for head in heads for name in head.split(",")}


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_is_described_with_errors_and_an_example(name):
    obj = public(name)
    text = inspect.getdoc(obj)
    missing = [given for given in parameters(obj) if given not in described(text)]
    assert not missing, f"help({name}) says nothing of {', '.join(missing)}"
    if parameters(obj) and name not in RAISE_NOTHING:
        assert re.search(r"^Raises\n------\n", text, re.MULTILINE), f"help({name}) names no errors"
    assert ">>> " in text, f"help({name}) shows no example"
    source = sys.modules[obj.__module__]
    if obj.__module__.startswith(FROM_PAPERS) and re.search(r"equation|published|paper", text):
        assert re.search(r"Source:|doi|20\d\d", source.__doc__ + text), f"help({name}) names no source"


@pytest.mark.parametrize("name", NAMES)
def test_every_example_runs(name):
    obj = public(name)
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    test = parser.get_doctest(obj.__doc__, {name: obj}, name, None, 0)
    assert test.examples
    result = runner.run(test)
    assert result.failed == 0


def test_help_of_a_model_shows_unit_default_bounds_and_meaning_of_every_field():
    text = inspect.getdoc(PyramidalNeuron)
    assert (
        "tau_s : number or array of shape (n,), default 16 ms\n    Somatic membrane time constant; above 0 ms."
        in text
    )
    for field in dataclasses.fields(PyramidalNeuron):
        assert re.search(rf"^{field.name} : ", text, re.MULTILINE)
        meaning = field.metadata["doc"]
        assert meaning[1:] in text
        if "unit" in field.metadata:
            assert f"; {allowed(field.metadata)}." in text


def test_a_field_without_a_meaning_is_refused():
    @dataclasses.dataclass(frozen=True)
    class Cell:
        """A cell."""

        tau_ms: float = quantity(1.0, "ms", "time constant")
        name: str = "x"

    with pytest.raises(BurstpropError, match=r"Cell.name has no meaning: give its metadata a 'doc'"):
        documented(Cell)
