"""The pieces of a self-contained HTML page: prose, tables, figures, and the style they share.

Nothing here refers to another file or to the network: pictures are put into the page as base64, the style is
in its head, and there is no script.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from burstprop.errors import BurstpropError


def number(value: float) -> str:
    """Return a number with four significant digits, as short as they allow."""
    return f"{value:.4g}".replace("-", "−")


def document(title: str, body: Iterable[str]) -> str:
    """Return the whole page: ``body`` is HTML, ``title`` plain text."""
    return _PAGE.format(title=html.escape(title), style=_STYLE, body="\n".join(body))


def prose(text: str) -> str:
    """Turn a docstring into HTML: paragraphs, lists of ``-`` items, indented blocks as typed, emphasis."""
    parts = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        if block.startswith((" ", "\t")):
            parts.append(f"<pre>{html.escape(block)}</pre>")
        elif block.startswith("- "):
            items = re.split(r"\n- ", block[2:])
            parts.append(f"<ul>{''.join(f'<li>{inline(item)}</li>' for item in items)}</ul>")
        elif block.strip():
            parts.append(f"<p>{inline(block)}</p>")
    return "\n".join(parts)


def inline(text: str) -> str:
    """Return running text as HTML: `code`, ``code``, *emphasis* and addresses are marked up."""
    words = html.escape(" ".join(text.split()), quote=False)
    words = re.sub(r"(`{1,2})([^`]+)\1", r"<code>\2</code>", words)
    words = re.sub(r"(?<![\w*])\*([^*\s](?:[^*]*[^*\s])?)\*(?![\w*])", r"<em>\1</em>", words)
    words = re.sub(r"(https?://[^\s<]*[^\s<.,;)])", r"<a href='\1'>\1</a>", words)
    return re.sub(r"^(Claim|Source):", r"<b>\1:</b>", words)


def figure(caption: str, path: Path) -> str:
    """Return a figure with its PNG inside.

    Raises
    ------
    BurstpropError
        The file is missing or is no PNG.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise BurstpropError(f"figure {str(path)!r} cannot be read ({reason}): save it first") from None
    if not content.startswith(b"\x89PNG"):
        raise BurstpropError(f"figure {str(path)!r} is no PNG: save it as PNG, a report shows nothing else")
    data = base64.b64encode(content).decode("ascii")
    caption = html.escape(caption)
    image = f"<img alt='{caption}' src='data:image/png;base64,{data}'>"
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def cell(value: Any) -> str:
    """Return one table cell, numbers to the right with four significant digits."""
    if isinstance(value, bool):
        return f"<td>{'yes' if value else 'no'}</td>"
    if not isinstance(value, int | float):
        return f"<td>{html.escape(str(value))}</td>"
    shown = str(value) if isinstance(value, int) else number(value)
    return f"<td class='num'>{shown}</td>"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table of plain values under a header."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in header)
    return wide(head, ("".join(cell(value) for value in row) for row in rows))


def wide(head: str, rows: Iterable[str]) -> str:
    """Return a table made of ready cells that scrolls in a narrow window; a row may bring its own tr."""
    body = "".join(row if row.startswith("<tr") else f"<tr>{row}</tr>" for row in rows)
    return f"<div class='wide'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def frame(content: pd.DataFrame) -> str:
    """Return a frame as a table."""
    return table([str(name) for name in content.columns], content.astype(object).itertuples(index=False))


def pairs(content: Mapping[str, Any]) -> str:
    """Return a mapping as a table of two columns; what is None is left out."""
    rows = []
    for name, value in content.items():
        if value is None:
            continue
        shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, Mapping) else value
        rows.append(f"<tr><th>{html.escape(name.replace('_', ' '))}</th>{cell(shown)}</tr>")
    return f"<table class='pairs'><tbody>{''.join(rows)}</tbody></table>"


def text_tables(text: str) -> str:
    """Turn text with aligned tables (`burstprop.parameters.text_table`) into HTML, other blocks as typed."""
    parts = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        lines = block.split("\n")
        rules = [k for k, line in enumerate(lines) if k and re.fullmatch(r"-+( +-+)*", line.strip())]
        if not rules:
            parts.append(f"<pre>{html.escape(block)}</pre>")
            continue
        rule = rules[0]
        parts += [f"<p>{html.escape(line.strip())}</p>" for line in lines[: rule - 1]]
        starts = [match.start() for match in re.finditer(r"-+", lines[rule])]
        spans = list(zip(starts, [*starts[1:], None], strict=True))
        header, *rows = (
            [line[start:end].strip() for start, end in spans]
            for line in (lines[rule - 1], *lines[rule + 1 :])
        )
        parts.append(table(header, rows))
    return "\n".join(parts)


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{style}</style></head>
<body><main><h1>{title}</h1>{body}
</main></body></html>
"""

_STYLE = """
:root { --ink: #1c2430; --quiet: #5d6876; --line: #dfe4ea;
  --good: #1b7f5c; --bad: #b3401e; --blue: #0072b2; }
* { box-sizing: border-box; }
body { margin: 0; background: #f4f6f8; color: var(--ink);
  font: 16px/1.55 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
main { max-width: 1080px; margin: 2rem auto; padding: 2.2rem 2.8rem 3rem; background: #fff;
  border-radius: 10px; box-shadow: 0 1px 4px rgb(28 36 48 / 14%); }
h1 { margin: 0 0 .6rem; font-size: 1.8rem; line-height: 1.25; }
h2 { margin: 2.2rem 0 .6rem; font-size: 1.15rem; padding-bottom: .25rem;
  border-bottom: 2px solid var(--line); }
p { max-width: 75ch; margin: .6rem 0; }
.badge { display: inline-block; margin: .2rem 0 .8rem; padding: .25rem .9rem; border-radius: 99px;
  font-weight: 600; color: #fff; }
.badge.good { background: var(--good); } .badge.bad { background: var(--bad); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; min-width: 40%; }
th, td { text-align: left; padding: .34rem .7rem; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { color: var(--quiet); font-weight: 600; font-size: .8rem; border-bottom-width: 2px; }
.num { text-align: right; white-space: nowrap; }
.pairs th { color: var(--quiet); font-weight: 500; white-space: nowrap; } .pairs .num { text-align: left; }
.mark { font-weight: 700; } .mark.good { color: var(--good); } .mark.bad { color: var(--bad); }
tr.failed td { background: #fdf1ec; }
.quiet { color: var(--quiet); }
code { font: .9em ui-monospace, Menlo, Consolas, monospace; background: #f4f6f8; padding: .05em .3em;
  border-radius: 4px; }
ul { max-width: 75ch; margin: .4rem 0; padding-left: 1.4rem; } a { color: var(--blue); }
thead th { white-space: nowrap; } .gauge { min-width: 116px; } .gauge svg { vertical-align: middle; }
.axis { stroke: var(--line); stroke-width: 2; } .range { fill: #bcd9ea; } .dot { fill: var(--blue); }
.dot.bad { fill: var(--bad); }
figure { margin: 2rem 0; } img { max-width: 100%; height: auto; display: block; margin: 0 auto; }
figcaption { color: var(--quiet); font-size: .88rem; text-align: center; margin-top: .5rem; }
pre { background: #f4f6f8; border: 1px solid var(--line); border-radius: 6px; padding: .7rem .9rem;
  overflow-x: auto; font: .84rem/1.5 ui-monospace, Menlo, Consolas, monospace; }
pre.command { font-weight: 600; white-space: pre-wrap; }
@media print { body { background: #fff; } main { box-shadow: none; margin: 0; padding: 0; max-width: none; }
  figure, tr { break-inside: avoid; } }
"""
