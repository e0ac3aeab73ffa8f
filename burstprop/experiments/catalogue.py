"""What can be reproduced: the experiments in `burstprop.circuits`, and the user's own files.

Names, claims and variants are read from the source text, without running it, so that a list of them costs no
import of a compiler. `load` imports the source and returns its `EXPERIMENT`, a
`burstprop.experiments.Experiment`.
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
from burstprop.experiments.experiment import Experiment
from burstprop.system.extras import missing

#: Folders whose name on the command line is another.
RENAMED = {"rules": "reduced", "digits": "digits-spiking", "digits_microcircuit": "digits-microcircuit"}
#: Where a source keeps its experiment, and where the parameters of its variants.
OBJECT, VARIANTS = "EXPERIMENT", "VARIANTS"


@dataclass(frozen=True)
class Entry:
    """One source of an experiment.

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
    defined : bool
        Whether its source defines an experiment.
    """

    name: str
    module: str
    text: str
    variants: tuple[str, ...] = ()
    defined: bool = False

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
    return {entry.name: entry for entry in found if entry.defined}


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
            raise BurstpropError(f"no file {name!r}: give the path of a file that defines {OBJECT}")
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


def load(entry: Entry) -> Experiment:
    """Import the source of an entry and return its experiment.

    Raises
    ------
    BurstpropError
        A library is missing (says which extra to install), a user's file has the name of another module, or
        it defines no experiment.
    """
    if not entry.defined:
        raise BurstpropError(
            f"{entry.name!r} defines no {OBJECT}: write {OBJECT} = burstprop.Experiment(name, Params(), ...) "
            "at its end (see help(burstprop.experiments.experiment))"
        )
    experiment = getattr(source(entry), OBJECT)
    if not isinstance(experiment, Experiment):
        raise BurstpropError(f"{OBJECT} of {entry.name!r} is {experiment!r}: give a burstprop.Experiment")
    return experiment


def source(entry: Entry) -> ModuleType:
    """Import the module of an entry; see `load`."""
    if entry.name.endswith(".py"):
        return _load_file(Path(entry.name).resolve())
    try:
        return importlib.import_module(entry.module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("burstprop"):
            raise
        raise missing(error.name, f"'{entry.name}'") from None


def need(entry: Entry, experiment: Experiment, part: str, verb: str) -> Any:
    """Return a part of an experiment that a verb uses; raise BurstpropError where it has none."""
    found = getattr(experiment, part)
    if found is None:
        hint = f"; 'burstprop reproduce {entry.name}' runs it" if experiment.run else ""
        raise BurstpropError(
            f"{entry.name!r} has no {part}, which 'burstprop {verb}' needs: "
            f"write Experiment(..., {part}={part}){hint}"
        )
    return found


def parameters(entry: Entry, experiment: Experiment, variant: str | None, quick: bool = False) -> Any:
    """Return the parameters of an experiment, a variant of it, or with ``quick`` the smaller version of it.

    Raises
    ------
    BurstpropError
        There is no such variant; lists those there are.
    """
    chosen = experiment.params
    if variant is not None:
        if variant not in experiment.variants:
            raise BurstpropError(
                f"'{entry.name}' has no variant {variant!r}: {near(variant, experiment.variants)}"
            )
        chosen = experiment.variants[variant]
    return experiment.quick(chosen) if quick and experiment.quick else chosen


def results_folder(entry: Entry, *words: str | None) -> Path:
    """Return the default folder of results: ``results/NAME-WORD-WORD``."""
    return Path("results") / "-".join(filter(None, (Path(entry.name).stem, *words)))


def _experiment_files() -> dict[str, Path]:
    paths = sorted((Path(burstprop.__file__).parent / "circuits").glob("*/experiment.py"))
    return {path.parent.name: path for path in paths}


def _read(name: str, module: str, path: Path) -> Entry:
    """Read docstring and variants of a module, and whether it defines an experiment, from its source."""
    try:
        tree = ast.parse(path.read_bytes())  # bytes: the source says its own encoding, or it is UTF-8
    except SyntaxError as error:
        where = f", line {error.lineno}" if error.lineno else ""
        raise BurstpropError(f"{str(path)!r} is no Python: {error.msg}{where}") from None
    defined: dict[str, ast.expr | None] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            defined.update(dict.fromkeys(alias.asname or alias.name for alias in node.names))
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            defined.update({target.id: node.value for target in targets if isinstance(target, ast.Name)})
    named = defined.get(VARIANTS)
    keys = (
        [key.value for key in named.keys if isinstance(key, ast.Constant)]
        if isinstance(named, ast.Dict)
        else []
    )
    return Entry(name, module, ast.get_docstring(tree) or "", tuple(map(str, keys)), OBJECT in defined)


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
