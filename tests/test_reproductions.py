"""What every module that `burstprop reproduce` runs has to have; its claims are tested elsewhere."""

import dataclasses
import inspect
from functools import partial

import pytest

from burstprop.cli import main
from burstprop.cli.reproduce import SETS
from burstprop.experiments import catalogue

ENTRIES = catalogue.entries()


@pytest.fixture(params=ENTRIES, scope="module")
def entry(request):
    return ENTRIES[request.param]


def test_the_docstring_states_title_claim_and_source(entry):
    assert 10 < len(entry.title) <= 110
    assert len(entry.claim) > 30, "a paragraph that starts with 'Claim:'"
    assert "10." in entry.text or "Payeur" in entry.text, "the source"


def test_parameters_have_units_and_meaning_and_variants_are_parameters(entry):
    module = catalogue.load(entry)
    params = module.Params()
    assert params.__dataclass_params__.frozen
    for field in dataclasses.fields(params):
        if isinstance(getattr(params, field.name), bool | int | float):
            assert "unit" in field.metadata, f"{field.name}: declare it with quantity(...)"
            assert field.metadata["doc"], field.name
    variants = getattr(module, "VARIANTS", {})
    assert set(entry.variants) == set(variants), (
        "write VARIANTS as a dict of names, so that a list can read them"
    )
    for variant in variants.values():
        assert isinstance(variant, module.Params)


def test_run_takes_what_the_command_line_gives(entry):
    module = catalogue.load(entry)
    parameters = inspect.signature(module.run).parameters
    assert next(iter(parameters)) == "params"
    for name in ("seed", "realizations", "jobs", "progress", "out", "quick"):
        assert parameters[name].kind in (
            inspect.Parameter.KEYWORD_ONLY,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
        )
    assert parameters["realizations"].default is not inspect.Parameter.empty
    for name in filter(partial(hasattr, module), SETS):
        same = inspect.signature(getattr(module, name)).parameters
        assert list(same) == ["frames", *list(parameters)[1:]]
    assert list(inspect.signature(module.check).parameters) == ["frames"]
    assert list(inspect.signature(module.figure).parameters) == ["frames"]


def test_info_shows_it(entry, capsys):
    assert main(["info", entry.name]) == 0
    out = capsys.readouterr().out
    assert entry.title in out
    module = catalogue.load(entry)
    for field in dataclasses.fields(module.Params):
        assert field.name in out
    if hasattr(module, "build"):
        assert "\nCircuit\n" in out
