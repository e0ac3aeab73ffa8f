"""Which rule of one's own a checkpoint may have executed: one the user names, or has trained with here.

A rule of one's own is Python code in a file, and a checkpoint names that file. Whoever hands over a
checkpoint can name any file in it, and state its hash. So code that a checkpoint names is executed in two
cases only:

- the user names the rule too (``burstprop eval --rule``, the argument ``rule`` of `Plan.from_dict`);
- this user has trained with that file, from that place and with that content. `note` keeps a note of every
  such file, apart from all run folders: in ``$XDG_STATE_HOME/burstprop/rules``, usually
  ``~/.local/state/burstprop/rules``, one small JSON file for each path and content.

A rule that is named ``module:ClassName`` has no such note: the user always names it.
"""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path

from burstprop.errors import BurstpropError
from burstprop.runs.pieces import piece
from burstprop.system.files import write_json

logger = logging.getLogger("burstprop")


def note(name: str, digest: str | None) -> None:
    """Note that the user trains with a rule; a warning says where that cannot be noted.

    Parameters
    ----------
    name : str
        Name of the rule, with its path in full (see `resolved_name`).
    digest : str or None
        SHA-256 of its file (see `source_digest`); None notes nothing.
    """
    if digest is None:
        return
    place = _note_of(name, digest)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_json(place, {"file": str(file_of(name)), "sha256": digest})
    except (OSError, BurstpropError) as error:
        logger.warning("%s; to test this run later, name its rule: --rule %s", error, name)


def check(name: str, digest: str | None) -> None:
    """Raise BurstpropError unless the rule that a checkpoint names may be executed without the user's word.

    Parameters
    ----------
    name : str
        Name of the rule in the checkpoint.
    digest : str or None
        SHA-256 of its file, as the checkpoint states it.
    """
    file = file_of(name)
    if file is None:
        if ":" in name:
            raise BurstpropError(f"the checkpoint names the rule {name!r}, which is code; {_way_out(name)}")
        return
    now = digest_of(file)
    if now is None:
        raise BurstpropError(
            f"the checkpoint names a rule in the file {str(file)!r}, which is not there: say where it is now "
            f"(--rule FILE.py:{name.rpartition(':')[2]})"
        )
    if now != digest:
        raise BurstpropError(
            f"the rule's file {str(file)!r} was edited after the training: restore it (SHA-256 {digest}), or "
            f"go on with the file as it is now, --rule {name}"
        )
    if not _note_of(name, now).is_file():
        raise BurstpropError(
            f"the checkpoint names the rule {name!r}, and you have never trained with that file on this "
            f"machine; {_way_out(name)}"
        )


def digest_of(file: Path) -> str | None:
    """Return the SHA-256 of a file, None where there is none that can be read."""
    try:
        return str(piece(file)["sha256"])
    except OSError:
        return None


def file_of(name: str) -> Path | None:
    """Return the file that the name of a rule names, None where it names none."""
    place = name.rpartition(":")[0]
    return Path(place).expanduser().resolve() if place.endswith(".py") else None


def _way_out(name: str) -> str:
    return f"read that code, and if you trust it, name it yourself: --rule {name}"


def _note_of(name: str, digest: str) -> Path:
    base = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    key = hashlib.sha256(f"{file_of(name)}\0{digest}".encode()).hexdigest()
    return Path(base) / "burstprop" / "rules" / f"{key}.json"
