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

# A module may import modules of its own layer and of those above it in this list, never of those below. The
# longest matching name counts: engine.kernel stands where the models need it. New modules need a line here.
LAYERS = [
    [
        "errors",
        "parameters",
        "fingerprint",
        "files",
        "npz",
        "interrupts",
        "machine",
        "progress",
        "vector_width",
    ],
    ["page", "report", "spike_table", "bursts", "plotting", "run_code", "run_folder", "workers", "sweep"],
    ["engine.kernel", "engine.model_code", "engine.layout", "engine.random"],
    [
        "neurons",
        "synapses",
        "plasticity",
        "stimuli",
        "connectivity",
        "spike_trains",
        "single_synapse",
        "pairing_theory",
    ],
    ["populations", "projections", "protocol", "circuit", "circuit_checks", "circuit_text"],
    ["microcircuit"],
    ["engine", "recording", "recorder"],
    ["simulation", "handover", "checkpoint"],
    ["long_run", "bench"],
    ["circuits"],
    ["catalogue", "cli", "__main__"],
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
# The reduced model knows nothing of the simulator: of the rest it may use these only.
REDUCED_MAY_USE = {
    "errors",
    "parameters",
    "files",
    "machine",
    "progress",
    "page",
    "report",
    "plotting",
    "run_folder",
    "sweep",
    "vector_width",
}


def modules():
    found = {}
    for path in [*(ROOT / "burstprop").rglob("*.py"), *(ROOT / "circuits").glob("*.py")]:
        parts = path.relative_to(ROOT).with_suffix("").parts
        parts = parts[1:] if parts[0] == "burstprop" else parts
        found[".".join(parts).removesuffix(".__init__")] = path
    found.pop("__init__")
    return found


MODULES = modules()


def imported(path, inside_functions=True):
    """Names of burstprop's modules that a file imports (those for type checking aside)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = set()
    for node in ast.walk(tree):
        checking = (
            isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        )
        if checking or (not inside_functions and isinstance(node, ast.FunctionDef)):
            skipped.update(ast.walk(node))
    names = set()
    for node in set(ast.walk(tree)) - skipped:
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    names = {name.removeprefix("burstprop.") for name in names if name.startswith("burstprop.")}
    return {name for name in names if name in MODULES}


def rank(name):
    while name not in RANK:
        assert "." in name, f"burstprop.{name} has no layer: give it one in {Path(__file__).name}"
        name = name.rpartition(".")[0]
    return RANK[name]


SIMULATOR = [name for name in MODULES if name.split(".")[0] != "reduced"]


@pytest.mark.parametrize("name", SIMULATOR)
def test_imports_point_one_way(name):
    for other in imported(MODULES[name]):
        if other.split(".")[0] == "reduced":
            assert name.split(".")[0] == "cli", f"{name} imports {other}: only the command line joins the two"
        else:
            assert rank(other) <= rank(name), f"{name} imports {other}, which stands after it"


@pytest.mark.parametrize("name", [name for name in MODULES if name.split(".")[0] == "reduced"])
def test_the_reduced_model_knows_nothing_of_the_simulator(name):
    for other in imported(MODULES[name]):
        assert other.split(".")[0] == "reduced" or other in REDUCED_MAY_USE, f"{name} imports {other}"


def test_imports_form_no_circle():
    graph = {name: imported(path, inside_functions=False) for name, path in MODULES.items()}
    done, under_way = set(), []

    def visit(name):
        assert name not in under_way, f"circle: {' -> '.join([*under_way, name])}"
        if name not in done:
            under_way.append(name)
            for other in graph[name]:
                # a package and its own modules may know each other
                if not other.startswith(f"{name}.") and not name.startswith(f"{other}."):
                    visit(other)
            under_way.pop()
            done.add(name)

    for name in graph:
        visit(name)


def test_every_module_has_a_docstring_that_says_what_it_is():
    for name, path in MODULES.items():
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        assert len(docstring) >= 20 or path.name == "__init__.py", f"{name} has no docstring"


def test_every_package_is_in_the_wheel():
    import tomllib

    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    packages = {"burstprop"} | {
        f"burstprop.{name}" for name, path in MODULES.items() if path.name == "__init__.py"
    }
    assert set(listed) == packages


def test_one_place_holds_the_options_of_compiled_code():
    for name, path in MODULES.items():
        if name.split(".")[0] != "reduced" and name != "engine.kernel":
            stray = re.search(
                r"\b(njit|numba\.jit|@jit|guvectorize|prange)\b", path.read_text(encoding="utf-8")
            )
            assert stray is None, f"{name} uses {stray[0]}: use burstprop.engine.kernel"


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


@pytest.mark.parametrize("words", [["-c", "import burstprop"], ["-m", "burstprop", "--help"]])
def test_importing_and_help_take_under_half_a_second(words):
    assert timed(*words) < 0.5


def test_importing_imports_nothing_heavy():
    code = (
        "import sys, burstprop, burstprop.cli;"
        "heavy = ('torch', 'matplotlib', 'numba', 'pandas', 'scipy', 'joblib');"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("module", ["sweep", "report", "bursts", "simulation"])
def test_the_simulator_needs_neither_torch_nor_matplotlib(module):
    code = (
        f"import sys, burstprop.{module};"
        "print([m for m in ('torch', 'matplotlib', 'joblib', 'distributed') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there():
    import burstprop

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
