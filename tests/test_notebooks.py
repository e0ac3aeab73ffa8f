"""Every notebook runs from top to bottom, and is stored with its pictures.

What takes a minute at its own size is run at a smaller, or reads the run that other tests look at.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from shared_runs import quick_xor

nbformat = pytest.importorskip("nbformat", reason="notebooks need the extra 'notebook'")
nbclient = pytest.importorskip("nbclient", reason="notebooks need the extra 'notebook'")
pytest.importorskip("ipykernel", reason="notebooks need the extra 'notebook'")

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SMALLER = {
    "reduced_model": [
        ("EPOCHS, FEW_EPOCHS = 30, 10", "EPOCHS, FEW_EPOCHS = 1, 1"),
        ("def first_steps(chosen, epochs=3)", "def first_steps(chosen, epochs=1)"),
    ],
    "digits": [("epochs=2.0", "epochs=0.05"), ("tested=60", "tested=10")],
    "burst_dependent_rule": [("synapses = 100\n", "synapses = 5\n")],
    "from_spikes_to_rates": [
        ("Effort(n=400, settle_ms=400.0, time_ms=1000.0)", "Effort(n=100, settle_ms=200.0, time_ms=500.0)")
    ],
}

pytestmark = pytest.mark.slow


def pictures(notebook):
    outputs = (out for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs)
    return sum("image/png" in out.get("data", {}) for out in outputs)


def smaller(notebook, old, new):
    """Put ``new`` in the place of ``old``, which stands in one cell."""
    (cell,) = [cell for cell in notebook.cells if cell.cell_type == "code" and old in cell.source]
    cell.source = cell.source.replace(old, new)


def test_there_are_notebooks():
    assert {path.stem for path in NOTEBOOKS} >= {"pyramidal_neuron", "propagation", "burst_dependent_rule"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore::DeprecationWarning:zmq", "ignore::DeprecationWarning:jupyter_client")
def test_notebook_runs_and_draws_what_is_stored(path, tmp_path, tmp_path_factory):
    if path.stem in ("reduced_model", "digits"):
        pytest.importorskip("torch", reason="the reduced model and its images need PyTorch")
    stored = nbformat.read(path, as_version=4)
    assert pictures(stored) >= 2
    run = nbformat.read(path, as_version=4)
    for old, new in SMALLER.get(path.stem, ()):
        smaller(run, old, new)
    if path.stem == "xor":
        (tmp_path / "results").mkdir()
        (tmp_path / "results" / "xor-quick").symlink_to(quick_xor(tmp_path_factory))
    # beside the stored results, but not in the repository: what a notebook writes goes away with the test
    (tmp_path / "benchmarks").symlink_to(FOLDER.parent / "benchmarks")
    folder = tmp_path / "notebooks"
    folder.mkdir()
    nbclient.NotebookClient(run, timeout=900, resources={"metadata": {"path": str(folder)}}).execute()
    assert pictures(run) == pictures(stored)
