"""Every notebook runs from top to bottom, and is stored with its pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="notebooks need the extra 'notebook'")
nbclient = pytest.importorskip("nbclient", reason="notebooks need the extra 'notebook'")
pytest.importorskip("ipykernel", reason="notebooks need the extra 'notebook'")

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def pictures(notebook):
    outputs = (out for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs)
    return sum("image/png" in out.get("data", {}) for out in outputs)


def test_there_are_notebooks():
    assert {path.stem for path in NOTEBOOKS} >= {"pyramidal_neuron", "propagation", "burst_dependent_rule"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore::DeprecationWarning:zmq", "ignore::DeprecationWarning:jupyter_client")
def test_notebook_runs_and_draws_what_is_stored(path, tmp_path):
    if path.stem == "reduced_model":
        pytest.importorskip("torch", reason="the reduced model needs PyTorch")
    stored = nbformat.read(path, as_version=4)
    assert pictures(stored) >= 2
    run = nbformat.read(path, as_version=4)
    # beside the stored results, but not in the repository: what a notebook writes goes away with the test
    (tmp_path / "benchmarks").symlink_to(FOLDER.parent / "benchmarks")
    folder = tmp_path / "notebooks"
    folder.mkdir()
    nbclient.NotebookClient(run, timeout=900, resources={"metadata": {"path": str(folder)}}).execute()
    assert pictures(run) == pictures(stored)
