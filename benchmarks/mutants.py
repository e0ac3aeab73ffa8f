"""Faults made on purpose, one line each, and whether the tests notice: what the test suite can see.

    python benchmarks/mutants.py                  every fault of mutants.toml, some minutes on a core
    python benchmarks/mutants.py --new            those that the stored table has not, or has otherwise
    python benchmarks/mutants.py --only trainer   those whose name or file holds the word; stores nothing

Each fault is made in a copy of the repository, and the tests that should notice it run there: it is killed
where they fail. They have to pass in the copy without any fault first, so that a failure means the fault. The
table goes to results/mutants/mutants.csv, with the commit at which each was made, versions, machine and date
to mutants.json beside it. Exit code 1: there are survivors.

Every fault has a process of its own, forked from one that has loaded the large libraries, and nothing of
burstprop.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import traceback
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).resolve().parent / "results" / "mutants"
COPIED = ("burstprop", "circuits", "tests", "pyproject.toml")
LARGE = ("torch", "torch.utils.data", "numba", "pandas", "scipy.sparse", "matplotlib.pyplot", "PIL.Image")


@dataclass(frozen=True)
class Fault:
    """A fault: ``old``, which stands once in ``file``, becomes ``new``; ``tests`` have to notice."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def text(self, root: Path = ROOT) -> str:
        """Return the file with the fault; raises SystemExit unless ``old`` stands there once."""
        text = (root / self.file).read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise SystemExit(f"{self.name}: {self.old!r} stands {text.count(self.old)} times in {self.file}")
        return text.replace(self.old, self.new)

    def line(self, root: Path) -> int:
        """Return the number of the line in which ``old`` begins."""
        text = (root / self.file).read_text(encoding="utf-8")
        return text[: text.index(self.old)].count("\n") + 1


def faults(only: str = "") -> list[Fault]:
    """Return the faults of mutants.toml whose name or file holds a word."""
    content = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    found = [Fault(**{**entry, "tests": tuple(entry["tests"])}) for entry in content["fault"]]
    return [fault for fault in found if only in fault.name or only in fault.file]


def copy_of_repository(folder: Path) -> Path:
    """Copy what the tests need; the link from the package to its circuits stays one."""
    for name in COPIED:
        if (ROOT / name).is_dir():
            kept = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=kept)
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def passes(folder: Path, tests: list[str]) -> bool:
    """Return whether tests pass in the copy; raises SystemExit where they could not be run."""
    if "burstprop" in sys.modules:
        raise SystemExit("burstprop is loaded here, so the tests would take that instead of the copy")
    told = folder / "told.txt"
    child = os.fork()
    if child == 0:
        output = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(folder)
        sys.path.insert(0, str(folder))
        # a file that is changed twice within a second would be taken for the compiled one
        sys.dont_write_bytecode = True
        code = int(importlib.import_module("pytest").main(["-x", "-q", "-p", "no:cacheprovider", *tests]))
        sys.stdout.flush()
        os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, 1):
        raise SystemExit(f"pytest {' '.join(tests)}: exit code {code}\n{told.read_text()[-3000:]}")
    return code == 0


def carry_out(fault: Fault, folder: Path) -> dict[str, object]:
    """Make a fault in the copy, run its tests, undo it, and return its row of the table."""
    began, file = time.monotonic(), folder / fault.file
    sound = file.read_text(encoding="utf-8")
    file.write_text(fault.text(folder), encoding="utf-8")
    killed = not passes(folder, list(fault.tests))
    file.write_text(sound, encoding="utf-8")
    return {
        **row_of(fault), "line": fault.line(folder), "outcome": "killed" if killed else "SURVIVED",
        "seconds": round(time.monotonic() - began, 1), "commit": commit(),
    }  # fmt: skip


def stored() -> pd.DataFrame:
    """Return the rows of the stored table whose faults are those of mutants.toml still."""
    path = RESULTS / "mutants.csv"
    if not path.exists():
        return pd.DataFrame(columns=["fault"])
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if "commit" not in table:  # all were made at once
        table["commit"] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["commit"]
    now = {fault.name: row_of(fault) for fault in faults()}
    same = [now.get(row["fault"], {}).items() <= row.items() for row in table.to_dict("records")]
    return table[[fine and name in now for fine, name in zip(same, table["fault"], strict=True)]]


def row_of(fault: Fault) -> dict[str, str]:
    """Return what the table says of a fault before it is made."""
    old, new = fault.old.strip(), fault.new.strip()
    return {
        "fault": fault.name, "file": fault.file, "old": old, "new": new, "tests": " ".join(fault.tests),
    }  # fmt: skip


def store(table: pd.DataFrame, command: str) -> None:
    """Write the table, and beside it what made it.

    A process of its own does it: tests that are forked later must not find burstprop loaded.
    """
    child = os.fork()
    if child:
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            raise SystemExit("the table could not be stored")
        return
    try:
        _write(table, command)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _write(table: pd.DataFrame, command: str) -> None:
    from burstprop.report.report import provenance
    from burstprop.system.files import write_json, writing

    RESULTS.mkdir(parents=True, exist_ok=True)
    with writing(RESULTS / "mutants.csv") as temporary:
        table.to_csv(temporary, index=False)
    known = provenance(command=command, seed=0, parameters={"faults": len(table)})
    write_json(RESULTS / "mutants.json", {**known, "commit": commit()})


def commit() -> str:
    """Return the commit of the checkout, with a plus where files differ from it."""
    words = ["git", "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True).stdout.strip()


def main() -> int:
    """Make every fault, run its tests, store and print the table; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default="", metavar="WORD", help="faults whose name or file holds it")
    parser.add_argument("--new", action="store_true", help="faults that the stored table has not")
    args = parser.parse_args()
    kept = stored() if args.new else pd.DataFrame(columns=["fault"])
    chosen = [fault for fault in faults(args.only) if fault.name not in set(kept["fault"])]
    if not chosen:
        raise SystemExit("no such fault in mutants.toml")
    for fault in chosen:
        fault.text()
    with tempfile.TemporaryDirectory() as place:
        folder = copy_of_repository(Path(place))
        os.environ |= {"NUMBA_CACHE_DIR": str(folder / "numba"), "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
        for name in LARGE:
            importlib.import_module(name)
        if not passes(folder, sorted({test for fault in chosen for test in fault.tests})):
            raise SystemExit(f"tests fail without any fault:\n{(folder / 'told.txt').read_text()[-3000:]}")
        print(f"{len(chosen)} faults; their tests pass without one", flush=True)
        rows = []
        for fault in chosen:
            rows.append(carry_out(fault, folder))
            print(f"{rows[-1]['outcome']:8} {rows[-1]['seconds']:6.1f} s  {fault.name}", flush=True)
            table = pd.concat([kept, pd.DataFrame(rows)], ignore_index=True)
            if args.new:  # stopped, it goes on with those that are left
                store(table, "python benchmarks/mutants.py --new")
    survivors = table.loc[table["outcome"] != "killed", "fault"].tolist()
    print(f"{len(table) - len(survivors)} of {len(table)} faults killed; survivors: {survivors or 'none'}")
    if not (args.only or args.new):
        store(table, "python benchmarks/mutants.py")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
