"""What every module that `burstprop reproduce` runs has to have; its claims are tested elsewhere."""

import dataclasses

import pytest

from burstprop.cli import main
from burstprop.experiments import Experiment, catalogue

ENTRIES = catalogue.entries()


@pytest.fixture(params=ENTRIES, scope="module")
def entry(request):
    return ENTRIES[request.param]


def test_the_docstring_states_title_claim_and_source(entry):
    assert 10 < len(entry.title) <= 110
    assert len(entry.claim) > 30, "a paragraph that starts with 'Claim:'"
    assert "10." in entry.text or "Payeur" in entry.text, "the source"


def test_parameters_have_units_and_meaning_and_variants_are_parameters(entry):
    experiment = catalogue.load(entry)
    params = experiment.params
    assert params.__dataclass_params__.frozen
    for field in dataclasses.fields(params):
        if isinstance(getattr(params, field.name), bool | int | float):
            assert "unit" in field.metadata, f"{field.name}: declare it with quantity(...)"
            assert field.metadata["doc"], field.name
    assert set(entry.variants) == set(experiment.variants), (
        "write VARIANTS as a dict of names, so that a list can read them"
    )
    for variant in experiment.variants.values():
        assert isinstance(variant, type(params))


def test_it_has_all_that_reproduce_uses(entry):
    experiment = catalogue.load(entry)
    assert isinstance(experiment, Experiment)
    assert entry.name == experiment.name
    assert experiment.run
    assert experiment.check
    assert experiment.figure
    quick, full = experiment.execution(quick=True), experiment.execution()
    assert 1 <= quick.realizations <= full.realizations
    assert experiment.execution(quick=True, realizations=7).realizations == 7


def test_info_shows_it(entry, capsys):
    assert main(["info", entry.name]) == 0
    out = capsys.readouterr().out
    assert entry.title in out
    experiment = catalogue.load(entry)
    for field in dataclasses.fields(experiment.params):
        assert field.name in out
    if experiment.build:
        assert "\nCircuit\n" in out
