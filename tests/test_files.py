import json
import os
from pathlib import Path

import numpy as np
import pytest

from burstprop.errors import BurstpropError
from burstprop.system.files import plain, writable_folder, write_json, write_text, writing


def break_off(path):
    with writing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError("killed")


def test_a_failure_in_the_middle_leaves_the_old_file_and_nothing_else(tmp_path):
    path = write_text(tmp_path / "a.csv", "old")
    with pytest.raises(RuntimeError, match="killed"):
        break_off(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.csv"]


def test_the_temporary_name_keeps_the_suffix(tmp_path):
    with writing(tmp_path / "a.npz") as temporary:
        assert temporary.suffix == ".npz"
        assert temporary.parent == tmp_path
        np.savez(temporary, x=np.arange(3))
    with np.load(tmp_path / "a.npz") as stored:
        assert stored["x"].tolist() == [0, 1, 2]


def test_a_missing_folder_is_one_clear_error(tmp_path):
    with pytest.raises(BurstpropError, match=r"a\.txt' could not be written \(No such file"):
        write_text(tmp_path / "not there" / "a.txt", "x")


def test_an_output_folder_is_made_and_tried(tmp_path):
    folder = writable_folder(tmp_path / "a" / "b")
    assert folder.is_dir()
    assert not os.listdir(folder)
    write_text(tmp_path / "file", "x")
    for bad in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nothing")):
        with pytest.raises(BurstpropError, match="cannot be written"):
            writable_folder(bad)


def test_json_knows_numpy_paths_and_numbers_that_are_none(tmp_path):
    content = {
        "int": np.int32(3),
        "float": np.float32(0.5),
        "array": np.array([1.0, np.nan]),
        "path": tmp_path,
        "infinite": float("inf"),
        "flag": np.True_,
        "nested": ({1: None},),
    }
    stored = json.loads(write_json(tmp_path / "run.json", content).read_text())
    assert stored == {
        "int": 3,
        "float": 0.5,
        "array": [1.0, None],
        "path": str(tmp_path),
        "infinite": "inf",
        "flag": True,
        "nested": [{"1": None}],
    }
    with pytest.raises(TypeError, match="no JSON form for set"):
        plain({1, 2})
