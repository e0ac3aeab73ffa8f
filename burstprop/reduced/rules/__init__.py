"""Learning rules, one class and one file each, found by name."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

from burstprop import parameters
from burstprop.errors import BurstpropError, near
from burstprop.reduced.layers.rule import Activity, Arrival, FeedbackWeight, Rule, Signals

__all__ = [
    "RULES",
    "Activity",
    "Arrival",
    "FeedbackWeight",
    "Rule",
    "Signals",
    "load_class",
    "resolved_name",
    "rule_from_name",
    "rule_name",
    "source_digest",
]

_HERE = "burstprop.reduced.rules."
_OWN = "burstprop_user_"
#: name -> (module, class, settings that make the variant)
RULES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "backprop": ("backprop", "Backprop", {}),
    "burstprop": ("burstprop", "Burstprop", {"feedback": "learned"}),
    "burstprop_fixed": ("burstprop", "Burstprop", {"feedback": "fixed"}),
    "burstprop_symmetric": ("burstprop", "Burstprop", {"feedback": "symmetric"}),
    "burstprop_recurrent": ("burstprop", "Burstprop", {"feedback": "learned", "recurrent": True}),
    "burstprop_direct": ("direct_burstprop", "DirectBurstprop", {}),
    "burstccn": ("burstccn", "BurstCCN", {"feedback": "kolen_pollack"}),
    "burstccn_fixed": ("burstccn", "BurstCCN", {"feedback": "fixed"}),
    "burstccn_tied": ("burstccn", "BurstCCN", {"feedback": "symmetric"}),
    "burstccn_apical_silence": ("burstccn", "BurstCCN", {"feedback": "apical_silence"}),
    "feedback_alignment": ("feedback_alignment", "FeedbackAlignment", {}),
    "direct_feedback_alignment": ("direct_feedback_alignment", "DirectFeedbackAlignment", {}),
    "sign_symmetry": ("sign_symmetry", "SignSymmetry", {}),
    "kolen_pollack": ("kolen_pollack", "KolenPollack", {}),
    "node_perturbation": ("node_perturbation", "NodePerturbation", {}),
}


def resolved_name(name: str) -> str:
    """Return the name of a rule with the path of a file made absolute; other names as they are.

    A run keeps this name, so that it is found from any folder, and is the same name however it was typed.
    """
    place, _, attribute = name.rpartition(":")
    return f"{Path(place).expanduser().resolve()}:{attribute}" if place.endswith(".py") else name


def load_class(name: str) -> type[Rule]:
    """Return the class ``path/to/file.py:ClassName`` or ``module:ClassName``.

    A file is run again when what it holds has changed since.

    Raises
    ------
    BurstpropError
        Where there is no such file, module or class, or the class is no rule.
    """
    place, _, attribute = name.rpartition(":")
    if place.endswith(".py"):
        module = _load_file(name, Path(place).expanduser().resolve())
    elif not place or place.startswith("."):
        raise BurstpropError(f"rule {name!r}: write path/to/file.py:ClassName or module:ClassName")
    else:
        try:
            module = importlib.import_module(place)
        except ModuleNotFoundError as error:
            raise BurstpropError(f"rule {name!r}: there is no module {place!r} ({error})") from error
    if not hasattr(module, attribute):
        classes = [key for key, value in vars(module).items() if isinstance(value, type)]
        raise BurstpropError(f"rule {name!r}: {place} has no class {attribute!r}; {near(attribute, classes)}")
    cls = getattr(module, attribute)
    if not (isinstance(cls, type) and issubclass(cls, Rule)):
        raise BurstpropError(
            f"rule {name!r} is not a subclass of burstprop.reduced.Rule: derive the class from it"
        )
    return cls


def source_digest(rule: Rule) -> str | None:
    """Return the SHA-256 of the file that a rule of one's own came from; None for other rules."""
    module = type(rule).__module__
    return module.rpartition("_")[2] if module.startswith(_OWN) else None


def _load_file(name: str, path: Path) -> ModuleType:
    """Return the module of a file: the one made before while path and content are the same."""
    if not path.is_file():
        raise BurstpropError(f"rule {name!r}: there is no file {path}")
    source = path.read_bytes()
    place = zlib.crc32(str(path).encode())
    alias = f"{_OWN}{path.stem}_{place:x}_{hashlib.sha256(source).hexdigest()}"
    if alias in sys.modules:
        return sys.modules[alias]
    description = importlib.util.spec_from_file_location(alias, path)
    assert description is not None
    module = importlib.util.module_from_spec(description)
    sys.modules[alias] = module
    try:
        # not by the loader: its cache of compiled files takes two edits within a second for one
        exec(compile(source, str(path), "exec"), vars(module))
    except BaseException:
        del sys.modules[alias]
        raise
    return module


def rule_from_name(name: str, **settings: Any) -> Rule:
    """Return the rule ``name`` with ``settings`` changed.

    ``name`` is a key of `RULES`, or names a class of one's own: ``path/to/file.py:ClassName`` or
    ``module:ClassName``, a frozen dataclass derived from `Rule`.

    Raises
    ------
    BurstpropError
        For a name or a setting that is not known (near ones are listed), or a class that is no rule.
    """
    if ":" in name:
        cls: type = load_class(name)
        variant: dict[str, Any] = {}
    elif name in RULES:
        module, attribute, variant = RULES[name]
        cls = getattr(importlib.import_module(_HERE + module), attribute)
    else:
        raise BurstpropError(
            f"rule = {name!r}: {near(name, RULES)}; a class of your own is named path/to/file.py:ClassName"
        )
    return parameters.replace(cls(), **{**variant, **settings})


def rule_name(rule: Rule) -> str:
    """Return the name in `RULES` that makes a rule of this class and variant; the class's own name for
    others."""
    best, most = type(rule).__name__, -1
    for name, (_, attribute, variant) in RULES.items():
        fits = type(rule).__name__ == attribute and all(
            getattr(rule, key) == value for key, value in variant.items()
        )
        if fits and len(variant) > most:
            best, most = name, len(variant)
    return best
