"""The name under which compiled code is stored: that of the sources as they were imported, not as they are now."""

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import burstprop
from burstprop.engine import kernel
from burstprop.neurons import AdEx


def test_a_process_that_outlives_a_change_of_the_engine_keeps_its_name(tmp_path):
    """In a copy of the package; the next process has another name."""
    shutil.copytree(Path(burstprop.__file__).parent / "engine", tmp_path / "burstprop" / "engine")
    shutil.copy(Path(burstprop.__file__).parent / "vector_width.py", tmp_path / "burstprop")
    (tmp_path / "burstprop" / "neurons").mkdir()
    (tmp_path / "burstprop" / "__init__.py").touch()
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r});"
        "from pathlib import Path; from burstprop.engine import kernel;"
        f"assert Path(kernel.__file__).is_relative_to({str(tmp_path)!r});"
        "before = kernel.source_fingerprint(());"
        "file = Path(kernel.__file__).parent / 'loop.py'; file.write_text(file.read_text() + '# changed\\n');"
        "print(before, kernel.source_fingerprint(()))"
    )
    names = []
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        before, after = done.stdout.split()
        assert before == after
        names.append(before)
    assert names[0] != names[1]


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Return two modules: a model's base, and the model; both are files that can be changed."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "cached_base.py").write_text("from burstprop.neurons import AdEx\nclass Base(AdEx): pass\n")
    (tmp_path / "cached_model.py").write_text("from cached_base import Base\nclass Model(Base): pass\n")
    modules = [importlib.import_module(name) for name in ("cached_base", "cached_model")]
    yield modules
    for module in modules:
        del sys.modules[module.__name__]


@pytest.mark.parametrize("changed", [0, 1], ids=["base", "model"])
def test_a_model_is_named_by_its_file_when_it_was_defined(written, changed):
    """Also where the file of a class that it inherits from changes; a module that is loaded again counts anew."""
    old = written[1].Model
    path = Path(written[changed].__file__)
    path.write_text(path.read_text() + "# another text\n")
    before = kernel.source_fingerprint([old])
    path.write_text(path.read_text() + "# and another\n")
    assert kernel.source_fingerprint([old]) == before
    for module in written:
        importlib.reload(module)
    assert kernel.source_fingerprint([written[1].Model]) != before
    assert kernel.source_fingerprint([old]) == before


def test_a_model_without_a_file_is_not_stored_under_the_name_of_others():
    typed = type("Typed", (AdEx,), {"__module__": "__main__"})
    assert kernel.model_sources(typed) is None
    names = [kernel.source_fingerprint(models) for models in ([], [AdEx], [typed], [AdEx, typed])]
    assert len(set(names)) == len(names)
