"""What can be reproduced: the modules of `burstprop.circuits`, and the comparison of the reduced models.

Names, claims and variants are read from the source text, without running it, so that a list of them costs no
import of a compiler.

A user's own module takes part by its path: ``burstprop info my_circuit.py``. Each verb asks only for what it
uses (`NEEDED`), and calls it like this::

    Params()                 a dataclass with a default for every field, for all verbs
    build(params)            -> Circuit, for simulate and bench; info and the report show it
    run(params, *, seed, realizations=1, jobs=None, progress=None, out=None, quick=False)
                             -> dict of DataFrames by name, for reproduce and sweep; out is a folder for
                             checkpoints; progress is None (show it), False, or takes the share done
    check(frames)            -> list of burstprop.report.report.Claim, for reproduce and sweep
    figure(frames)           -> matplotlib Figure, for reproduce

It may also have ``VARIANTS``, a dict of Params by name; ``duration_ms(params)``, how long simulate runs where
nothing else is said; ``SWEEP_REALIZATIONS``, how many each run of a sweep has (1);
``quick_version(params)``, the Params that ``--quick`` runs (``--set`` then changes those; without it the
parameters stay, and ``quick`` tells ``run`` to do less of them); ``resolved(params, quick)``, the Params
without what stands for different things on different machines, for reproduce; and, for ``--controls`` and
``--extended`` of reproduce, ``controls(frames, **how of run)``, which runs variants and returns frames
``controls...`` with ``controls_solved`` among them, and ``controls_figure(frames)``; ``extended`` alike.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import importlib.util
import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import burstprop
from burstprop.errors import BurstpropError, near
from burstprop.system.extras import missing

#: Folders that the command line calls otherwise.
RENAMED = {"rules": "reduced"}
#: What a verb uses of a module.
NEEDED = {
    "info": ("Params",),
    "simulate": ("Params", "build"),
    "reproduce": ("Params", "run", "check", "figure"),
    "sweep": ("Params", "run", "check"),
}
#: How it is called: positional arguments, and those given by name.
CALLS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "Params": ((), ()),
    "build": (("params",), ()),
    "run": (("params",), ("seed", "jobs", "progress", "out", "quick")),
    "check": (("frames",), ()),
    "figure": (("frames",), ()),
}
RUN = "run(params, *, seed, realizations=1, jobs=None, progress=None, out=None, quick=False)"


@dataclass(frozen=True)
class Entry:
    """One module that can be reproduced.

    Parameters
    ----------
    name : str
        As typed on the command line.
    module : str
        As imported.
    text : str
        The whole docstring.
    variants : tuple of str
        Names of its published or added variants.
    defines : frozenset of str
        Names that its source defines.
    """

    name: str
    module: str
    text: str
    variants: tuple[str, ...] = ()
    defines: frozenset[str] = frozenset()

    @property
    def builds(self) -> bool:
        """Whether it has a circuit (``build``) that `burstprop simulate` can run."""
        return "build" in self.defines

    @property
    def title(self) -> str:
        """The first line of the docstring."""
        return self.text.strip().partition("\n")[0].strip()

    @property
    def claim(self) -> str:
        """The paragraph of the docstring that starts with ``Claim``, on one line; empty without one."""
        for paragraph in self.text.split("\n\n"):
            words = " ".join(paragraph.split())
            if words.lower().startswith("claim"):
                return words.partition(":")[2].strip()
        return ""


def entries() -> dict[str, Entry]:
    """Return everything that can be reproduced, by name, without importing it."""
    found = [
        _read(RENAMED.get(folder, folder), f"burstprop.circuits.{folder}.experiment", path)
        for folder, path in _experiment_files().items()
    ]
    return {entry.name: entry for entry in found if entry.defines.issuperset(NEEDED["reproduce"])}


def find(name: str) -> Entry:
    """Return the entry of that name, or of the user's own file where ``name`` ends in ``.py``.

    Raises
    ------
    BurstpropError
        There is none (lists the near names), or the file cannot be read as Python or imported by its name.
    """
    if name.endswith(".py"):
        path = Path(name)
        if not path.is_file():
            raise BurstpropError(
                f"no file {name!r}: give the path of a module with {', '.join(NEEDED['info'])} ..."
            )
        if "." in path.stem:
            better = path.with_stem(path.stem.replace(".", "_")).name
            raise BurstpropError(
                f"{name!r}: Python cannot import a file with a dot in its name: call it {better}"
            )
        return _read(str(path), path.stem, path)
    known = entries()
    if name not in known:
        raise BurstpropError(
            f"no circuit or comparison {name!r}: {near(name, known)}, or the path of a .py file"
        )
    return known[name]


def load(entry: Entry) -> ModuleType:
    """Import the module of an entry.

    Raises
    ------
    BurstpropError
        A library is missing (says which extra to install), or a user's file has the name of another module.
    """
    if entry.name.endswith(".py"):
        return _load_file(Path(entry.name).resolve())
    try:
        return importlib.import_module(entry.module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("burstprop"):
            raise
        raise missing(error.name, f"'{entry.name}'") from None


def require(entry: Entry, module: ModuleType, verb: str) -> None:
    """Raise where a module lacks what a verb uses, or has it in a form that cannot be called.

    Raises
    ------
    BurstpropError
        Names what is missing or wrong, and how to write it.
    """
    missing = [name for name in NEEDED[verb] if not hasattr(module, name)]
    if missing:
        hint = f"; 'burstprop reproduce {entry.name}' runs it" if _has(module, "reproduce") else ""
        raise BurstpropError(
            f"{entry.name!r} has no {' and no '.join(missing)}: 'burstprop {verb}' needs "
            f"{', '.join(map(_form, NEEDED[verb]))}{hint}"
        )
    if not dataclasses.is_dataclass(module.Params):
        raise BurstpropError(
            f"Params of {entry.name!r} is no dataclass: write @dataclass(frozen=True) before it"
        )
    for name in NEEDED[verb]:
        positional, named = CALLS[name]
        try:
            signature = inspect.signature(getattr(module, name))
            signature.bind(*positional, **dict.fromkeys(named))
            if name == "run":  # it is told how many only where somebody has said so
                signature.bind(*positional, **dict.fromkeys((*named, "realizations")))
        except TypeError as error:
            raise BurstpropError(
                f"{name} of {entry.name!r} cannot be called as 'burstprop {verb}' calls it ({error}): "
                f"write {_form(name)}"
            ) from None


def parameters(entry: Entry, module: ModuleType, variant: str | None, quick: bool = False) -> Any:
    """Return the parameters of a module, or of one of its variants; ``quick`` those of its quick version.

    Raises
    ------
    BurstpropError
        There is no such variant; lists those there are. Or the module has no usable Params.
    """
    require(entry, module, "info")
    if variant is None:
        chosen = module.Params()
    else:
        variants = getattr(module, "VARIANTS", {})
        if variant not in variants:
            raise BurstpropError(f"'{entry.name}' has no variant {variant!r}: {near(variant, variants)}")
        chosen = variants[variant]
    return module.quick_version(chosen) if quick and hasattr(module, "quick_version") else chosen


def results_folder(entry: Entry, *words: str | None) -> Path:
    """Return where results go that nobody has named a folder for: ``results/NAME-WORD-WORD``."""
    return Path("results") / "-".join(filter(None, (Path(entry.name).stem, *words)))


def _has(module: ModuleType, verb: str) -> bool:
    return all(hasattr(module, name) for name in NEEDED[verb])


def _form(name: str) -> str:
    return RUN if name == "run" else f"{name}({', '.join(CALLS[name][0])})"


def _experiment_files() -> dict[str, Path]:
    paths = sorted((Path(burstprop.__file__).parent / "circuits").glob("*/experiment.py"))
    return {path.parent.name: path for path in paths}


def _read(name: str, module: str, path: Path) -> Entry:
    """Read docstring, variants and what else it defines of a module from its source."""
    try:
        tree = ast.parse(path.read_bytes())  # bytes: the source says its own encoding, or it is UTF-8
    except SyntaxError as error:
        where = f", line {error.lineno}" if error.lineno else ""
        raise BurstpropError(f"{str(path)!r} is no Python: {error.msg}{where}") from None
    defined: set[str] = set()
    variants: tuple[str, ...] = ()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            defined.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            defined.update(target.id for target in targets if isinstance(target, ast.Name))
            if "VARIANTS" in defined and not variants and isinstance(node.value, ast.Dict):
                keys = [key.value for key in node.value.keys if isinstance(key, ast.Constant)]
                variants = tuple(str(key) for key in keys)
    return Entry(name, module, ast.get_docstring(tree) or "", variants, frozenset(defined))


def _load_file(path: Path) -> ModuleType:
    # By its folder on the search path, so that worker processes, which inherit the path, find the module too.
    folder = str(path.parent)
    known = folder in sys.path
    if not known:
        sys.path.insert(0, folder)
    module = importlib.import_module(path.stem)
    if Path(str(module.__file__)).resolve() != path:
        if not known:
            # otherwise worker processes would take the file for the module whose name it has
            sys.path.remove(folder)
        raise BurstpropError(f"{str(path)!r}: another module has the name {path.stem!r}: rename the file")
    return module
