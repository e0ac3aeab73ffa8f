"""What can be reproduced: the modules of `burstprop.circuits`, and the comparison of the reduced models.

Names, claims and variants are read from the source text, without running it, so that a list of them costs no
import of a compiler. A user's own module takes part by its path: ``burstprop info my_circuit.py``.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import burstprop
from burstprop.errors import BurstpropError, near

NEEDED = ("Params", "run", "check", "figure")


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
    builds : bool
        Whether it has a circuit (``build``) that `burstprop simulate` can run.
    """

    name: str
    module: str
    text: str
    variants: tuple[str, ...] = ()
    builds: bool = False

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
    found = [_read(path.stem, f"burstprop.circuits.{path.stem}", path) for path in _circuit_files()]
    comparison = Path(burstprop.__file__).with_name("reduced") / "comparison.py"
    if comparison.exists():
        found.append(_read("reduced", "burstprop.reduced.comparison", comparison))
    return {entry.name: entry for entry in found if entry is not None}


def find(name: str) -> Entry:
    """Return the entry of that name, or of the user's own file where ``name`` ends in ``.py``.

    Raises
    ------
    BurstpropError
        There is none; lists the near names, or what the file lacks.
    """
    if name.endswith(".py"):
        path = Path(name)
        if not path.is_file():
            raise BurstpropError(f"no file {name!r}: give the path of a module with {', '.join(NEEDED)}")
        entry = _read(str(path), path.stem, path)
        if entry is None:
            raise BurstpropError(
                f"{name!r} defines not all of {', '.join(NEEDED)}: see 'burstprop list' for models"
            )
        return entry
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


def missing(library: str, what: str) -> BurstpropError:
    """Return the error that says which optional library is missing and how to install it."""
    extra = {"matplotlib": "plot", "joblib": "plot", "torch": "train", "PIL": "train"}.get(library, "")
    extra = {"dask": "dask", "distributed": "dask", "tensorboard": "tensorboard"}.get(library, extra)
    command = f'pip install "burstprop[{extra}]"' if extra else f"pip install {library}"
    return BurstpropError(f"{what} needs {library}, which is not installed: {command}")


def parameters(entry: Entry, module: ModuleType, variant: str | None) -> Any:
    """Return the parameters of a module, or of one of its variants.

    Raises
    ------
    BurstpropError
        There is no such variant; lists those there are.
    """
    if variant is None:
        return module.Params()
    variants = getattr(module, "VARIANTS", {})
    if variant not in variants:
        raise BurstpropError(f"'{entry.name}' has no variant {variant!r}: {near(variant, variants)}")
    return variants[variant]


def _circuit_files() -> list[Path]:
    spec = importlib.util.find_spec("burstprop.circuits")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    return sorted(path for folder in folders for path in Path(folder).glob("*.py") if path.stem[0] != "_")


def _read(name: str, module: str, path: Path) -> Entry | None:
    """Read name, docstring and variants of a module from its source; None where it is no such module."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise BurstpropError(f"{str(path)!r} is no Python: {error.msg}, line {error.lineno}") from None
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
    if not defined.issuperset(NEEDED):
        return None
    return Entry(name, module, ast.get_docstring(tree) or "", variants, builds="build" in defined)


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
