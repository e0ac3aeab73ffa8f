"""Which changes of a circuit its check notices, and which it cannot.

A check that passes says little until it is known what it would not have passed. For each circuit this runs
deliberate changes (and no change at all), counts the claims that fail, and keeps the table, with how it was
made, in benchmarks/results/power; --docs writes docs/reference/power.md from all of these. Which changes, how
many realizations of each and what is expected were written down before they were run.

    python benchmarks/power.py propagation
    python benchmarks/power.py --docs
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from burstprop.circuits.plasticity_rule import check as plasticity
from burstprop.circuits.xor.check import before_learning
from burstprop.experiments import catalogue
from burstprop.parameters import parse
from burstprop.report.claim import Claim
from burstprop.report.report import provenance
from burstprop.runs.run_code import code_of_run
from burstprop.runs.sweep import work_counted
from burstprop.system.files import write_json, write_text, writing

SEED = 7
FACTORS = (1.05, 1.1, 1.2, 1.3, 1.5, 2.0, 3.0, 5.0)
RESULTS = Path(__file__).parent / "results" / "power"
DOCS = Path(__file__).parents[1] / "docs" / "reference" / "power.md"


@dataclass(frozen=True)
class Change:
    """A deliberate change of a circuit: what is set, how many realizations show it, what is expected."""

    words: str
    settings: tuple[str, ...] = ()
    realizations: int = 2
    noticed: bool = True
    variant: str | None = None
    why: str = ""


UNCHANGED = Change("nothing", noticed=False)
CHANGES: dict[str, tuple[Change, ...]] = {
    "propagation": (
        UNCHANGED,
        Change("w_pyr2_pyr1 + 5 %", ("w_pyr2_pyr1=0.3885",)),
        Change("w_from_som + 10 %", ("w_from_som=0.0385",)),
        Change("tau_F of the depressing synapses 1000 -> 100 ms", ("depressing_tau_f_ms=100",)),
        Change("w_to_som + 5 %", ("w_to_som=0.315",), realizations=5),
        Change(
            "tau_D of the facilitating synapses - 10 %",
            ("facilitating_tau_d_ms=90",),
            realizations=5,
            noticed=False,
            why="a spike takes few percent of what is there (U = 0.02); how fast that comes back is not felt",
        ),
    ),
    "transfer": (
        dataclasses.replace(UNCHANGED, variant="published"),
        Change("tau_s doubled", ("tau_s_ms=32",), variant="published"),
        Change("weight of the recurrent inhibition halved", ("w_recurrent=0.01",), variant="published"),
    ),
    "pairing": (
        dataclasses.replace(UNCHANGED, realizations=200),
        Change("burst window 17 ms", ("burst_window_ms=17",), realizations=200),
        Change("eta + 5 %", ("eta=0.105",), realizations=200),
    ),
    "xor": (
        dataclasses.replace(UNCHANGED, settings=("epochs=1",), realizations=1),
        *(
            Change(name, ("epochs=1",), realizations=1, variant=name)
            for name in (
                "no_feedback",
                "shuffled_feedback",
                "exchanged_feedback",
                "fed_alike",
                "symmetric_feedback",
                "no_feedback_inhibition",
            )
        ),
        *(
            Change(
                name,
                ("epochs=1",),
                realizations=1,
                variant=name,
                noticed=False,
                why="the same circuit before learning; the claims about learning tell (README, controls)",
            )
            for name in ("frozen_hidden", "no_teaching")
        ),
    ),
}
#: What is judged where it is not all of the check: quick XOR before it learns.
JUDGED: dict[str, Callable[[dict[str, pd.DataFrame]], list[Claim]]] = {"xor": before_learning}


def row(name: str, change: Change, jobs: int = 1) -> dict[str, Any]:
    """Run one change and return what the check says of it."""
    entry = catalogue.find(name)
    experiment = catalogue.load(entry)
    quick = name == "xor"
    params = parse(catalogue.parameters(entry, experiment, change.variant, quick), list(change.settings))
    frames = experiment.frames(
        params, seed=SEED, realizations=change.realizations, jobs=jobs, progress=False, quick=quick
    )
    claims = JUDGED.get(name, experiment.claims)(frames)
    distance = next((claim for claim in claims if "squared distance" in claim.claim), None)
    failed = [claim.claim for claim in claims if claim.failed]
    return {
        "change": change.words,
        "realizations": change.realizations,
        "distance": distance.measured if distance else float("nan"),
        "bound": distance.high if distance else float("nan"),
        "failed": len(failed),
        "first_failed": failed[0] if failed else "",
        "noticed": bool(failed),
        "expected": change.noticed,
        "why": change.why,
    }


def docs() -> str:
    """Return docs/reference/power.md, made from the stored tables."""
    text = [
        "# What the checks notice",
        "",
        "Deliberate changes of each circuit, and whether its check fails. D² is the squared distance of",
        "all compared figures from the reference (`burstprop.report.agreement`): about 1 for a correct",
        "program, its bound in brackets. Made by `python benchmarks/power.py --docs` from",
        "`benchmarks/results/power`, which `python benchmarks/power.py NAME` writes.",
    ]
    for name in CHANGES:
        path = RESULTS / f"{name}.csv"
        if not path.exists():
            continue
        text += ["", f"## {name}", "", "| change | realizations | D² | claims that fail | noticed |"]
        text += ["| --- | --- | --- | --- | --- |"]
        rows: list[dict[Any, Any]] = pd.read_csv(path, dtype={"why": str}).to_dict("records")
        for row in rows:
            distance = f"{row['distance']:.2f} ({row['bound']:.2f})" if pd.notna(row["distance"]) else ""
            word = "yes" if row["noticed"] else f"no: {row['why']}" if pd.notna(row["why"]) else "no"
            word += ", though it was expected to be" * (row["expected"] and not row["noticed"])
            text.append(
                f"| {row['change']} | {row['realizations']} | {distance} | {row['failed']} | {word} |"
            )
    return "\n".join([*text, *_one_published_realization()]) + "\n"


def _one_published_realization() -> list[str]:
    """Return what the check of plasticity_rule can tell from the one realization that was published."""
    stored = pd.read_csv(Path(plasticity.__file__).with_name("own_figures.csv"), index_col="realization")
    text = [
        "",
        "## plasticity_rule",
        "",
        "The published program printed one realization, which differs from the next as two of ours do: that,",
        "and not the number of ours, limits what the comparison can tell. The smallest factors by which a",
        f"quantity has to be larger, in all segments and {len(stored)} realizations, before it is noticed:",
        "",
        "| quantity | factor |",
        "| --- | --- |",
    ]
    for words in plasticity.QUANTITIES.values():
        names = [name for name in map(str, stored) if name.endswith(f": {words}")]
        for factor in FACTORS:
            larger = stored.copy()
            larger[names] *= factor
            if any(claim.failed for claim in plasticity.published_claims(larger)):
                break
        text.append(f"| {words} | {factor:g} |")
    return text


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", nargs="?", choices=tuple(CHANGES))
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side (1)")
    parser.add_argument(
        "--docs", action="store_true", help="write docs/reference/power.md from the stored tables"
    )
    args = parser.parse_args()
    if args.name:
        with work_counted() as work:
            table = pd.DataFrame([row(args.name, change, args.jobs) for change in CHANGES[args.name]])
        RESULTS.mkdir(parents=True, exist_ok=True)
        with writing(RESULTS / f"{args.name}.csv") as temporary:
            table.to_csv(temporary, index=False, float_format="%.4g")
        command = f"python benchmarks/power.py {args.name}"
        known = code_of_run(main, {}) | provenance(command=command, seed=SEED, parameters={}, parts=work)
        write_json(RESULTS / f"{args.name}.json", known)
        print(table.drop(columns="why").to_string(index=False))
    if args.docs:
        DOCS.parent.mkdir(exist_ok=True)
        write_text(DOCS, docs())


if __name__ == "__main__":
    main()
