"""What is packed is complete: a wheel or a source distribution lacks no module, and the source can be tested."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def packed(kind):
    builders = pytest.importorskip(f"hatchling.builders.{kind}")
    builder = getattr(builders, f"{kind.capitalize()}Builder")(str(ROOT))
    files = {file.distribution_path for file in builder.recurse_included_files()}
    return {
        name.partition("/")[2] if kind == "sdist" and name.startswith("burstprop-") else name
        for name in files
    }


def on_disk(folder):
    paths = {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*.py")}
    return {path for path in paths if "/_build/" not in path}


def test_sdist_has_all_that_its_tests_need():
    files = packed("sdist")
    for folder in ("burstprop", "circuits", "tests", "benchmarks", "examples", "docs"):
        assert on_disk(folder) <= files, f"{sorted(on_disk(folder) - files)} not in the source distribution"
    assert {"README.md", "pyproject.toml", "constraints.txt", "burstprop/py.typed"} <= files
    # a link is packed as a copy, and a copy of the circuits would be read as a second package
    assert not any(name.startswith("burstprop/circuits/") for name in files)


def test_a_quantity_per_neuron_has_the_type_that_takes_arrays():
    import dataclasses

    from burstprop.neurons import AdEx, BurstPoissonNeuron, PyramidalNeuron

    for model in (AdEx, BurstPoissonNeuron, PyramidalNeuron):
        for field in dataclasses.fields(model):
            if "unit" in field.metadata:
                assert (field.type == "PerNeuron") == field.metadata["per_neuron"], (
                    f"{model.__name__}.{field.name}"
                )
