"""Optional libraries: every one has an extra that installs it, and is asked for before a run."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

from burstprop.cli import main
from burstprop.errors import BurstpropError
from burstprop.system.extras import EXTRAS, missing, optional

PACKAGES = {"PIL": "pillow"}
"""Where a library is imported by another name than it is installed by."""


def test_every_optional_library_is_in_the_extra_that_is_named():
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
    for library, extra in EXTRAS.items():
        names = {re.match(r"[\w-]+", line)[0].lower() for line in project["optional-dependencies"][extra]}
        assert PACKAGES.get(library, library) in names, f"{library} is not in the extra {extra}"


def test_a_missing_library_says_how_to_install_it():
    assert str(missing("jinja2", "a report")) == (
        'a report needs jinja2, which is not installed: pip install "burstprop[plot]"'
    )
    with pytest.raises(BurstpropError, match=r"a dream needs burstsleep, .*: pip install burstsleep"):
        optional("burstsleep", "a dream")


@pytest.mark.parametrize("library", ["matplotlib", "jinja2"])
def test_reproduce_asks_for_its_libraries_before_it_runs(library, tmp_path, monkeypatch, capsys):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == library else found(name, *more)
    )
    assert main(["reproduce", "propagation", "--quick", "--out", str(tmp_path / "out")]) == 2
    assert (
        f'needs {library}, which is not installed: pip install "burstprop[plot]"' in capsys.readouterr().err
    )
    assert not (tmp_path / "out").exists()
