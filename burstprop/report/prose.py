"""A docstring as blocks of marked text, which a page's template turns into HTML.

Nothing here writes HTML: a template that escapes all it is given does, so no text of a user can become a tag
or an attribute.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_MARKS = re.compile(
    r"(?P<ticks>`{1,2})(?P<code>[^`]+)(?P=ticks)"
    r"|(?<![\w*])\*(?P<emphasis>[^*\s](?:[^*]*[^*\s])?)\*(?![\w*])"
    r"|(?P<link>https?://[^\s<>\"'`]*[^\s<>\"'`.,;:)])"
)
_LABEL = re.compile(r"(Claim|Source):")


class Span(NamedTuple):
    """A stretch of running text; ``kind`` is text, code, emphasis, link or label."""

    kind: str
    text: str


class Block(NamedTuple):
    """A paragraph, a list, or text as typed; ``items`` holds one list of spans, or one per list item."""

    kind: str
    items: tuple[tuple[Span, ...], ...]


def blocks(text: str) -> list[Block]:
    """Split a docstring into paragraphs, lists of ``-`` items, and indented blocks, kept as typed."""
    found = []
    for part in re.split(r"\n\s*\n", text.strip("\n")):
        if part.startswith((" ", "\t")):
            found.append(Block("typed", ((Span("text", part),),)))
        elif part.startswith("- "):
            found.append(Block("list", tuple(spans(item) for item in re.split(r"\n- ", part[2:]))))
        elif part.strip():
            found.append(Block("paragraph", (spans(part),)))
    return found


def spans(text: str) -> tuple[Span, ...]:
    """Split running text into `code`, *emphasis*, addresses, and a leading ``Claim:`` or ``Source:``.

    Only an address that begins with http:// or https:// is a link.
    """
    words = " ".join(text.split())
    found: list[Span] = []
    place = 0
    if label := _LABEL.match(words):
        found.append(Span("label", label[0]))
        place = label.end()
    for match in _MARKS.finditer(words, place):
        if match.start() > place:
            found.append(Span("text", words[place : match.start()]))
        kind = next(name for name in ("code", "emphasis", "link") if match[name] is not None)
        found.append(Span(kind, match[kind]))
        place = match.end()
    if place < len(words):
        found.append(Span("text", words[place:]))
    return tuple(found)
