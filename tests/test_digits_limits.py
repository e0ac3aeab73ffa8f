"""What limits the spiking digits: which layer the readouts hear, and a folder that holds one run alone."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from burstprop.circuits.digits.params import Params
from burstprop.circuits.digits.protocol import Realization
from burstprop.errors import BurstpropError
from burstprop.runs.run import Run, identity

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
SMALL = Params(split="validation", learned=40, tested=20, hidden=12, per_class=2)


@pytest.fixture
def limits(monkeypatch):
    """The program, imported from its folder."""
    pytest.importorskip("torch", reason="its readouts are fitted with torch")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import digits_limits

    yield digits_limits
    for name in ("digits_limits", "digits_reading"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(("layers", "expected"), [(1, "hidden"), (2, "hidden2")])
def test_readouts_hear_the_layer_that_the_output_hears(limits, monkeypatch, layers, expected):
    asked = []

    def counts(simulation, params, images, populations, skip_ms):
        asked.append(populations)
        draw = np.random.default_rng(len(images))
        sizes = {"output": 20, expected: 12}
        return {name: draw.poisson(5.0, (3, len(images), sizes[name])).astype(float) for name in populations}

    monkeypatch.setattr(limits, "counts", counts)
    monkeypatch.setattr(limits, "learned", lambda params, folder: Realization(params, 1, 1))
    table = limits.measure(replace(SMALL, layers=layers), None)
    assert asked == [(expected, "output")] * 2
    assert len(table) == 3 * 3 * 2


def test_a_folder_of_another_variant_is_refused(limits, tmp_path):
    task = identity({"params": SMALL, "seed": limits.SEED, "realization": limits.REALIZATION})
    with Run(tmp_path, task).working():
        pass
    with pytest.raises(BurstpropError, match=r"holds another run \(params\.teacher"):
        limits.measure(replace(SMALL, teacher="rates"), tmp_path)
