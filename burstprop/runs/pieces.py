"""The files that a run counts on: each with its size and checksum, so that one lost or altered is noticed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

#: Size in bytes and SHA-256 of a file, as JSON content.
Piece = dict[str, Any]


def piece(path: Path) -> Piece:
    """Return size and checksum of a file."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"bytes": file.tell(), "sha256": digest}


def pieces(folder: Path, names: Iterable[str], known: Mapping[str, Piece] | None = None) -> dict[str, Piece]:
    """Return size and checksum of the files of these names; those ``known`` are not read again."""
    known = known or {}
    return {name: known[name] if name in known else piece(folder / name) for name in names}


def lost(folder: Path, expected: Mapping[str, Piece]) -> dict[str, str]:
    """Return the files that are not as expected, with what is wrong: missing, cut off, altered."""
    found: dict[str, str] = {}
    for name, whole in expected.items():
        path = folder / name
        try:
            size = path.stat().st_size
            if size != whole["bytes"]:
                found[name] = f"has {size:,} instead of {whole['bytes']:,} bytes"
            elif piece(path) != whole:
                found[name] = "is altered (its checksum is another)"
        except FileNotFoundError:
            found[name] = "is missing"
        except OSError as error:
            found[name] = f"cannot be read ({error.strerror or error})"
    return found
