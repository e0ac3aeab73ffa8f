"""The name under which compiled code is stored: that of the code as it was imported, not as it is now."""

import importlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from numba.core import event

import burstprop
from burstprop import Circuit, Constant, Current, Population, Probability, Projection, simulate
from burstprop.jit import kernel
from burstprop.jit.model_code import model_code
from burstprop.neurons import AdEx
from burstprop.neurons.model import step
from engine import zoo


def test_a_process_that_outlives_a_change_of_the_engine_keeps_its_name(tmp_path):
    """In a copy of the package; the next process has another name."""
    for name in ("engine", "jit"):
        shutil.copytree(Path(burstprop.__file__).parent / name, tmp_path / "burstprop" / name)
    for name in ("fingerprint.py", "errors.py"):
        shutil.copy(Path(burstprop.__file__).parent / name, tmp_path / "burstprop")
    (tmp_path / "burstprop" / "neurons").mkdir()
    (tmp_path / "burstprop" / "__init__.py").touch()
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r});"
        "from pathlib import Path; from burstprop.jit import kernel;"
        f"assert Path(kernel.__file__).is_relative_to({str(tmp_path)!r});"
        "before = kernel.source_fingerprint(());"
        "file = Path(kernel.__file__).parents[1] / 'engine' / 'step' / 'loop.py';"
        "file.write_text(file.read_text() + '# changed\\n');"
        "print(before, kernel.source_fingerprint(()))"
    )
    names = []
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        before, after = done.stdout.split()
        assert before == after
        names.append(before)
    assert names[0] != names[1]


HELPERS = """
import numba
LIMIT = 0.0
@numba.njit
def inner(x): return x
@numba.njit
def plain(x): return inner(x)
def overloaded(x): return x
"""
BASE = """
from burstprop.neurons import AdEx
class Base(AdEx):
    pass
"""
MODEL = """
from typing import NamedTuple
import cached_helpers
from cached_base import Base
from cached_helpers import plain, LIMIT, overloaded
class ModelState(NamedTuple):
    v: float
def scaled(by):
    def margin(s, c): return -by * s.v
    return margin
class Model(Base):
    State = ModelState
    receptors = {}
    def initial(self, n, rng, dt): return ModelState(0.0)
    @staticmethod
    def step(s, i, c): return Model.State(plain(s.v))
    margin = staticmethod(scaled(2.0))
    @staticmethod
    def spike(s, i, c, u1, u2): return ModelState(cached_helpers.LIMIT)
"""
FILES = {"cached_helpers": HELPERS, "cached_base": BASE, "cached_model": MODEL}


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Return three modules: what a model calls, its base, and the model; all are files that can be changed."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # nor would it be read: two edits within a second
    for name, text in FILES.items():
        (tmp_path / f"{name}.py").write_text(text)
    modules = {name: importlib.import_module(name) for name in FILES}
    yield modules
    for name in modules:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("cached_model", "plain(s.v)", "s.v"),
        ("cached_model", "scaled(2.0)", "scaled(3.0)"),
        ("cached_helpers", "return x\n@", "return x + x\n@"),
        ("cached_helpers", "LIMIT = 0.0", "LIMIT = 1.0"),
        ("cached_helpers", "@numba.njit\ndef plain", "@numba.njit(fastmath=True)\ndef plain"),
        ("cached_model", "    v: float", "    v: float\n    w: float"),
    ],
)
def test_a_model_is_named_by_all_the_code_that_it_reaches(written, file, old, new):
    """As it was when it was defined: a module that is loaded again counts anew."""
    model = written["cached_model"].Model
    assert model_code(model) is not None
    before = kernel.source_fingerprint([model])
    path = Path(written[file].__file__)
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert kernel.source_fingerprint([model]) == before
    for module in written.values():
        importlib.reload(module)
    assert kernel.source_fingerprint([written["cached_model"].Model]) != before
    assert kernel.source_fingerprint([model]) == before


def test_a_model_loaded_again_without_a_change_has_its_old_name(written):
    names = set()
    for _ in range(2):
        for module in written.values():
            importlib.reload(module)
        names.add(kernel.source_fingerprint([written["cached_model"].Model]))
    assert len(names) == 1


def test_what_cannot_be_followed_is_not_stored(written):
    """A plain function is run by an overload, whose code may be anywhere."""
    path = Path(written["cached_model"].__file__)
    path.write_text(path.read_text().replace("plain(s.v)", "overloaded(s.v)"))
    model = importlib.reload(written["cached_model"]).Model
    assert model_code(model) is None


def make(factor):
    """Return a model that a function defines; all of them have the same names."""

    class ModelState(NamedTuple):
        v: float

    class Model(AdEx):
        State = ModelState
        receptors = {}  # noqa: RUF012

        @staticmethod
        def step(s, i, c):
            return ModelState(factor * s.v)

        @staticmethod
        def margin(s, c):
            return s.v

        @staticmethod
        def spike(s, i, c, u1, u2):
            return s

    return Model


def take_a_step(state):
    return step(state, 0.0, 0.0)


class Compilations(event.Listener):
    """Notes what numba compiles; what it has, or finds on the disk, it does not."""

    def __init__(self):
        self.names = []

    def on_start(self, event):
        self.names.append(event.data["dispatcher"].py_func.__name__)

    def on_end(self, event):
        pass


def test_a_new_circuit_of_known_models_compiles_nothing():
    """Another order, number and size of the populations, and other connections between them."""
    simulate(zoo.circuit(), 2.0, seed=1)
    models = (*zoo.MODELS.items(), ("pv2", zoo.MODELS["pv"]))
    known = Circuit(
        populations=tuple(Population(name, 7, model) for name, model in reversed(models)),
        projections=(Projection("pv2", "bp", "soma_inh", 0.1, Probability(0.5), "events"),),
        currents=(Current("pv2", "soma", Constant(500.0)),),
    )
    with event.install_listener("numba:compile", Compilations()) as found:
        recording = simulate(known, 50.0, seed=1)
    assert set(recording.spikes["population"]) == {"pv2"}
    assert found.names == []


def test_models_of_one_name_run_each_its_own_step():
    """As when a cell of a notebook is run again with another step."""
    for factor in (2.0, 3.0):
        model = make(factor)
        assert model_code(model) is None
        assert kernel.entry_point(take_a_step, [model])(model.State(1.0)).v == factor


def test_a_model_without_a_file_is_not_stored_under_the_name_of_others():
    typed = type("Typed", (AdEx,), {"__module__": "__main__"})
    assert model_code(typed) is None
    names = [kernel.source_fingerprint(models) for models in ([], [AdEx], [typed], [AdEx, typed])]
    assert len(set(names)) == len(names)
