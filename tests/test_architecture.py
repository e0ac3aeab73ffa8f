"""Imports point one way, importing is cheap, and nothing of a developer's machine is left in the files."""

import ast
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# The rooms of burstprop, from the ground up: a module may import from its own room and from those before it.
ROOMS = [
    ("errors", "parameters", "fingerprint"),
    ("system",),
    ("jit", "report"),
    ("runs", "spikes", "neurons"),
    ("circuit",),
    ("recording",),
    ("engine",),
    ("simulation",),
    ("ensemble",),
    ("experiments", "explore"),
    ("circuits",),
    ("cli",),
    ("__main__",),
]
RANK = {name: rank for rank, names in enumerate(ROOMS) for name in names}
# The reduced model knows nothing of the simulator: of the rest it may use these only.
REDUCED_MAY_USE = {"errors", "parameters", "fingerprint", "system", "jit", "report", "runs", "reduced"}
# Only these know the reduced model: its comparison of rules, who needs its images or compares with it, the command line.
MAY_USE_REDUCED = ("circuits.rules", "circuits.digits.images", "circuits.digits.without_spikes", "cli")


def modules():
    found = {}
    # rglob does not follow burstprop/circuits, which is a link
    for path in [*(ROOT / "burstprop").rglob("*.py"), *(ROOT / "circuits").rglob("*.py")]:
        parts = path.relative_to(ROOT).with_suffix("").parts
        parts = parts[1:] if parts[0] == "burstprop" else parts
        found[".".join(parts).removesuffix(".__init__")] = path
    found.pop("__init__")
    return found


MODULES = modules()


def imported(name, inside_functions=True, for_types=False):
    """Names of burstprop's modules that a module imports; those for type checking where asked."""
    path = MODULES[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = set()
    for node in ast.walk(tree):
        checking = (
            isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        )
        if (checking and not for_types) or (not inside_functions and isinstance(node, ast.FunctionDef)):
            skipped.update(ast.walk(node))
    names = set()
    for node in set(ast.walk(tree)) - skipped:
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module
            if node.level:
                assert name.startswith("circuits."), f"{path}: imports are absolute"
                above = package.split(".")[: len(package.split(".")) + 1 - node.level]
                module = ".".join(["burstprop", *above, node.module])
            names.add(module)
            names.update(f"{module}.{alias.name}" for alias in node.names)
    names = {name.removeprefix("burstprop.") for name in names if name.startswith("burstprop.")}
    return {name for name in names if name in MODULES}


def room(name):
    room = name.split(".")[0]
    assert room == "reduced" or room in RANK, f"burstprop.{name} stands in no room: see ROOMS"
    return room


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_one_way(name):
    for other in imported(name):
        if room(name) == "reduced":
            assert room(other) in REDUCED_MAY_USE, f"{name} imports {other}"
        elif room(other) == "reduced":
            assert name.startswith(MAY_USE_REDUCED), f"{name} imports {other}: only {MAY_USE_REDUCED} may"
        else:
            assert RANK[room(other)] <= RANK[room(name)], f"{name} imports {other}, which stands above it"


def test_the_corridor_is_empty():
    """Every module lies in a room, but for the ground that all stand on."""
    loose = {path.stem for path in (ROOT / "burstprop").glob("*.py")}
    assert loose == {"__init__", "__main__", *ROOMS[0]}


def circle(graph):
    """Return a path through a graph that comes back to where it was, or None."""
    done, under_way = set(), []

    def visit(name):
        if name in under_way:
            return [*under_way[under_way.index(name) :], name]
        if name in done:
            return None
        under_way.append(name)
        found = next(filter(None, map(visit, sorted(graph[name]))), None)
        under_way.pop()
        done.add(name)
        return found

    return next(filter(None, map(visit, sorted(graph))), None)


def test_imports_form_no_circle():
    # not even for types; a package and its own modules may know each other
    graph = {
        name: {
            other
            for other in imported(name, inside_functions=False, for_types=True)
            if not other.startswith(f"{name}.") and not name.startswith(f"{other}.")
        }
        for name in MODULES
    }
    assert circle(graph) is None, " -> ".join(circle(graph))
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


def test_rooms_form_no_circle():
    rooms = {}
    for name in MODULES:
        rooms.setdefault(room(name), set()).update(map(room, imported(name)))
    graph = {name: others - {name} for name, others in rooms.items()}
    assert circle(graph) is None, " -> ".join(circle(graph))


def test_every_module_has_a_docstring_that_says_what_it_is():
    for name, path in MODULES.items():
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        assert len(docstring) >= 20 or path.name == "__init__.py", f"{name} has no docstring"


def test_every_module_is_in_the_wheel():
    builder = pytest.importorskip("hatchling.builders.wheel").WheelBuilder(str(ROOT))
    packed = {file.distribution_path for file in builder.recurse_included_files()}
    for name, path in MODULES.items():
        place = path.relative_to(ROOT).as_posix()
        place = place if place.startswith("burstprop/") else f"burstprop/{place}"
        assert place in packed, f"{name} is not in the wheel"
    assert {"burstprop/py.typed", "burstprop/reduced/data/optdigits.npz"} <= packed


def test_one_place_holds_the_options_of_compiled_code():
    for name, path in MODULES.items():
        if name.split(".")[0] != "reduced" and name != "jit.kernel":
            stray = re.search(
                r"\b(njit|numba\.jit|@jit|guvectorize|prange)\b", path.read_text(encoding="utf-8")
            )
            assert stray is None, f"{name} uses {stray[0]}: use burstprop.jit.kernel"


def test_nothing_is_pickled():
    for name, path in MODULES.items():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"pickle\.(dump|load)|allow_pickle=True|to_pickle|read_pickle", text), name
        for load in re.findall(r"torch\.load\([^)]*\)", text):
            assert "weights_only=True" in load, f"{name}: {load}"


def timed(*words):
    times = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


@pytest.mark.timing
@pytest.mark.parametrize("words", [["-c", "import burstprop"], ["-m", "burstprop", "--help"]])
def test_importing_and_help_take_under_half_a_second(words):
    assert timed(*words) < 0.5


def test_importing_imports_few_modules():
    """What the time of an import is made of, on a machine of any load.

    What every command line needs is not counted: an environment may have imported it at its start, or not.
    """
    code = (
        "import sys, argparse, difflib, signal, threading, typing; a = len(sys.modules);"
        "import burstprop, burstprop.cli; print(len(sys.modules) - a)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 15


def test_importing_imports_nothing_heavy():
    code = (
        "import sys, burstprop, burstprop.cli;"
        "heavy = ('torch', 'matplotlib', 'numba', 'pandas', 'scipy', 'joblib');"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("module", ["runs.sweep", "report.report", "spikes.bursts", "simulation"])
def test_the_simulator_needs_neither_torch_nor_matplotlib(module):
    code = (
        f"import sys, burstprop.{module};"
        "print([m for m in ('torch', 'matplotlib', 'joblib', 'distributed') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there_for_python_and_for_editors():
    import burstprop

    assert set(burstprop.__all__) == {"__version__", *burstprop._WHERE}
    stub = ast.parse((ROOT / "burstprop" / "__init__.pyi").read_text(encoding="utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    seen = {alias.name: node.module for node in imports for alias in node.names}
    assert seen == {name: f"burstprop.{module}" for name, module in burstprop._WHERE.items()}
    (names,) = [node.value for node in stub.body if isinstance(node, ast.Assign)]
    assert ast.literal_eval(names) == burstprop.__all__
    for name in burstprop.__all__:
        assert getattr(burstprop, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Circus'"):
        _ = burstprop.Circus


def tracked():
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listing.stdout.splitlines() if (ROOT / name).is_file()]


def test_no_path_of_a_developers_machine_is_left():
    stray = re.compile(r"(?<![\w.])/(work|root|home|Users)/\w|\bshared/(?!memory)")
    allowed = {ROOT / ".ci" / "run", ROOT / ".gitignore", Path(__file__)}
    for path in tracked():
        if path in allowed or path.suffix in (".png", ".npz", ".gz"):
            continue
        found = stray.search(path.read_text(encoding="utf-8", errors="replace"))
        assert found is None, f"{path.relative_to(ROOT)}: {found[0]}"


def test_no_large_file_is_tracked():
    for path in tracked():
        assert path.stat().st_size < 3_000_000, f"{path.relative_to(ROOT)} has {path.stat().st_size} bytes"


def test_version_is_the_same_everywhere():
    import tomllib

    import burstprop

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = (ROOT / "CITATION.cff").read_text()
    assert project["version"] == burstprop.__version__
    assert f"\nversion: {burstprop.__version__}\n" in citation
