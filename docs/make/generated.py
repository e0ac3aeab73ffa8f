"""Pages that are made from the package and from stored results, never written by hand.

``docs/conf.py`` calls `write` before each build: the command line from its own ``--help``, the equations from
the modules' own texts, the API from the public names, the results from ``benchmarks/results``, and the
notebooks as they are stored.
"""

from __future__ import annotations

import ast
import contextlib
import csv
import importlib
import inspect
import io
import json
import os
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"

MODELS = {
    "burstprop.neurons.pyramidal": "Two-compartment pyramidal neuron",
    "burstprop.neurons.burst_poisson": "Burst-Poisson pyramidal neuron",
    "burstprop.neurons.adex": "Adaptive exponential interneurons: PV and SOM",
    "burstprop.circuit.synapses": "Short-term plasticity",
    "burstprop.circuit.plasticity": "Burst-dependent learning rule",
    "burstprop.spikes.bursts": "Events and bursts",
}
"""Modules whose text holds equations, source and departures, with the title of their section."""

NAMESPACES = {
    "burstprop": "Circuits, simulation, records, experiments",
    "burstprop.circuit": "Parts of a circuit that have no name at the top: what changes in a run, `Opposed`",
    "burstprop.spikes.bursts": "Events and bursts in any spikes",
    "burstprop.circuit.synapses": "Presets of synapses",
    "burstprop.neurons": "Neuron models",
    "burstprop.parameters": "Parameters with units",
    "burstprop.runs.sweep": "Many runs",
    "burstprop.report.plotting": "Figures",
    "burstprop.ensemble": "Rates of a circuit from its isolated populations",
    "burstprop.reduced": "Deep networks that learn with bursts",
    "burstprop.reduced.data": "Images",
}
"""What the API reference documents, with the title of the section."""


def write(docs: Path) -> None:
    """Write every generated page into ``docs/generated``."""
    folder = docs / "generated"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "command_line.md").write_text(command_line(), encoding="utf-8")
    (folder / "models.md").write_text(models(), encoding="utf-8")
    (folder / "api.rst").write_text(api(), encoding="utf-8")
    (folder / "results.md").write_text(results(folder), encoding="utf-8")
    for name in sorted((ROOT / "notebooks").glob("*.ipynb")):
        shutil.copy(name, folder / name.name)
    (folder / "changes.md").write_text((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), encoding="utf-8")


def command_line() -> str:
    """Return the page of all verbs, each with its own --help."""
    from burstprop.cli import VERBS, main

    lines = ["# Command line", "", "Every text below is what the program prints itself.", ""]
    lines += block("burstprop --help", printed(main, ["--help"]))
    for verb in VERBS:
        lines += [f"## {verb}", "", *block(f"burstprop {verb} --help", printed(main, [verb, "--help"]))]
    return "\n".join(lines)


def printed(main, words: list[str]) -> str:
    """Return what the command line prints for some words, as on a screen of 100 columns."""
    columns = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "100"
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
            main(words)
    finally:
        os.environ.pop("COLUMNS")
        if columns is not None:
            os.environ["COLUMNS"] = columns
    return out.getvalue()


def block(command: str, text: str) -> list[str]:
    """Return a command and what it prints as a block of text."""
    return ["````text", f"$ {command}", text.rstrip(), "````", ""]


def models() -> str:
    """Return the equations of each model, in the words of its module."""
    lines = [
        "# Equations of the models",
        "",
        "The text of each module, as `help(MODULE)` prints it: equations, units, scheme, source, and every "
        "departure of the published program with the name that chooses it.",
        "",
    ]
    for module, title in MODELS.items():
        text = docstring(module)
        lines += [f"## {title}", "", f"`{module}`", "", "````text", text.rstrip(), "````", ""]
    return "\n".join(lines)


def docstring(module: str) -> str:
    """Return the text of a module, read from its source."""
    path = ROOT.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def api() -> str:
    """Return the API reference: all public names of each namespace, in reStructuredText."""
    lines = ["API", "===", "", "Every name that is meant to be used, by the module it is imported from.", ""]
    seen: set[int] = set()
    for name, title in NAMESPACES.items():
        module = importlib.import_module(name)
        heading = f"{title}: ``{name}``"
        lines += [heading, "-" * len(heading), "", f".. currentmodule:: {name}", ""]
        for public in names(module):
            value = getattr(module, public)
            if id(value) in seen or not (inspect.isclass(value) or inspect.isfunction(value)):
                continue
            seen.add(id(value))
            kind = "class" if inspect.isclass(value) else "function"
            kind = "exception" if kind == "class" and issubclass(value, BaseException) else kind
            lines += [f".. auto{kind}:: {value.__module__}.{public}"]
            lines += ["   :members:", ""] if kind == "class" else [""]
    return "\n".join(lines)


def names(module) -> list[str]:
    """Return the public names of a module: its ``__all__``, or the functions and classes it defines."""
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    own = [
        name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__
    ]
    return sorted(name for name in own if not name.startswith("_"))


def results(folder: Path) -> str:
    """Return the page of stored results: every table of claims, every figure, and the command of each."""
    lines = [
        "# Results",
        "",
        "Every table and figure here is read from `benchmarks/results`, which commands write; each folder "
        "holds the command, the versions and the machine (`run.json`, or the `.json` beside the table).",
        "",
    ]
    for place in sorted(path for path in RESULTS.iterdir() if path.is_dir()):
        lines += [f"## {place.name}", ""]
        for path in sorted(place.glob("*claims.csv")):
            lines += [f"### {place.name}/{path.stem}", "", *claims_table(read(path)), ""]
        if (place / "run.json").is_file() and not list(place.glob("*claims.csv")):
            known = json.loads((place / "run.json").read_text(encoding="utf-8"))
            rows = [{key: str(value) for key, value in claim.items()} for claim in known.get("claims", [])]
            lines += [f"`{known['run_again']}`", "", *claims_table(rows), ""] if rows else []
        for path in sorted(place.rglob("*.png")):
            copy = "-".join(path.relative_to(RESULTS).parts)
            shutil.copy(path, folder / copy)
            lines += [f"![{path.stem.replace('_', ' ')}]({copy})", "", f"`{path.relative_to(ROOT)}`", ""]
    return "\n".join(lines)


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a stored table."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def claims_table(rows: list[dict[str, str]]) -> list[str]:
    """Return a table of claims as Markdown."""
    lines = [
        "| claim | measured | allowed | unit | reference | result |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        verdict = {"True": "pass", "False": "FAIL"}.get(row["passed"], row.get("not_judged") or row["passed"])
        allowed = f"{figure(row['low'])} … {figure(row['high'])}"
        cells = [row["claim"], figure(row["measured"]), allowed, row["unit"], row["reference"], verdict]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines


def figure(text: str) -> str:
    """Return a number as people read it; nothing where there is none."""
    return f"{float(text):.4g}" if text else ""
