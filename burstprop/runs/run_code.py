"""Which code makes a run: the version of burstprop, and a short name for the text of all modules it reaches.

The version alone tells too little while burstprop is developed, and a user's circuit has none. So what a run
imports is read, and what that imports: modules of burstprop, and those beside the user's own file. One that
only draws or checks what the run gave is not among them where the run does not import it; changing it makes
no run another one. Comments do not count. Of other libraries ``run.json`` names the versions.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import hashlib
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import burstprop

UNKNOWN = {"burstprop": "", "code": ""}
"""Of a run that was made before runs said by which code."""
PACKAGE = Path(burstprop.__file__).resolve().parent
CIRCUITS = (PACKAGE / "circuits").resolve()
"""In a checkout beside the package, which holds a link to it."""


def code_of_run(
    function: Callable[..., Any], task: Mapping[str, Any], modules: Iterable[ModuleType] = ()
) -> dict[str, str]:
    """Return version and name of the code that ``function(**task)`` runs, as ``burstprop`` and ``code``.

    What is read first in a process counts for all of it, as with the modules themselves.

    Parameters
    ----------
    function : callable
        What is run.
    task : mapping
        Its arguments; the modules of descriptions among them count too.
    modules : iterable of modules
        What it loads without an import that can be read in its text.
    """
    while isinstance(function, functools.partial):
        function = function.func
    inside = [value for value in task.values() if dataclasses.is_dataclass(value)]
    names = {getattr(function, "__module__", ""), *(type(value).__module__ for value in inside)}
    found = [sys.modules[name] for name in names if name in sys.modules] + list(modules)
    files = frozenset(module.__file__ for module in found if getattr(module, "__file__", None))
    return {"burstprop": burstprop.__version__, "code": _name_of_code(files)}


def said(code: Mapping[str, Any]) -> str:
    """Return in words what `code_of_run` returned, or `UNKNOWN`."""
    if not code["code"]:
        return "a version that did not say which it was"
    return f"burstprop {code['burstprop']} (code {code['code']})"


@functools.cache
def _name_of_code(files: frozenset[str]) -> str:
    todo, texts = [Path(file).resolve() for file in files], dict[Path, str]()
    while todo:
        path = todo.pop()
        if path not in texts:
            texts[path], imported = _read(path)
            todo += [file for name in imported if (file := _file(name, path.parent)) is not None]
    # by name, not by path: the same code in another folder is the same
    parts = sorted(f"{_short(path)}\n{text}" for path, text in texts.items())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]


def _short(path: Path) -> str:
    return "/".join(_own_parts(path)) or path.name


def _own_parts(path: Path) -> tuple[str, ...]:
    """Return where a file lies inside burstprop, ``circuits`` included; nothing for a file from elsewhere."""
    for root, first in ((PACKAGE, ()), (CIRCUITS, ("circuits",))):
        if root in path.parents:
            return (*first, *path.relative_to(root).parts)
    return ()


@functools.cache
def _read(path: Path) -> tuple[str, frozenset[str]]:
    """Return the text of a module without its comments, and the names of all that it may import."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return "", frozenset()  # compiled, or changed into something else meanwhile
    names, aliases = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
            aliases |= {alias.asname or alias.name for alias in node.names if alias.name == "burstprop"}
        elif isinstance(node, ast.ImportFrom) and (module := _imported_from(node, path)):
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            names.add(f"burstprop.{node.attr}")
    return ast.unparse(tree), frozenset(names)


def _imported_from(node: ast.ImportFrom, path: Path) -> str:
    """Return the full name of the module of a ``from`` import; empty where a user's own package is meant."""
    if not node.level:
        return node.module or ""
    package = _own_parts(path)[: -node.level]
    return ".".join(["burstprop", *package, *filter(None, [node.module])]) if package else ""


def _file(name: str, beside: Path) -> Path | None:
    """Return the file of a module of burstprop, or of one beside the module that imports it; else None."""
    head, *rest = name.split(".")
    if head != "burstprop":
        return None if PACKAGE in (beside, *beside.parents) else _module(beside, [head])
    if rest and rest[0] in burstprop._WHERE:
        rest = [*burstprop._WHERE[rest[0]].split(".")]
    # the package itself holds no more than the version
    return _module(PACKAGE, rest) if rest else None


def _module(folder: Path, parts: list[str]) -> Path | None:
    path = folder.joinpath(*parts)
    files = (path / "__init__.py", path.with_name(f"{path.name}.py"))
    return next((file.resolve() for file in files if file.is_file()), None)
