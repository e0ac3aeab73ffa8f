"""Numbers of results in the README and in docs/ are those of the stored files; who writes these is written beside them."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "benchmarks"))
RESULTS = ROOT / "benchmarks" / "results"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [
    *sorted((ROOT / "docs" / "results").glob("*.md")),
    ROOT / "docs" / "explanation" / "giant_circuits.md",
]
TEXT = "\n".join([README, *(page.read_text(encoding="utf-8") for page in PAGES)])


def table(first: str) -> list[list[str]]:
    """Return the rows of the table whose head starts with these words, cell by cell, the head first."""
    lines = TEXT[TEXT.index(f"| {first} |") :].splitlines()
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return [rows[0], *rows[2:]]


def stored(name: str) -> pd.DataFrame:
    return pd.read_csv(RESULTS / f"{name}.csv")


def test_the_table_of_time_steps():
    from dt_convergence import page

    text = (ROOT / "docs" / "explanation" / "limits.md").read_text(encoding="utf-8")
    assert page(stored("simulator/dt_convergence")) in text


# --- XOR


def test_the_learning_curve_of_xor():
    head, ours, _ = table("epochs")
    assert "`benchmarks/results/xor`" in ours[0]
    curve = stored("xor/xor").groupby("epoch")["cost"].mean()
    for epochs, said in zip(head[1:], ours[1:], strict=True):
        first, last = map(int, epochs.split("-"))
        assert float(said) == pytest.approx(curve.loc[first:last].mean(), abs=0.0051), epochs


CONTROLS = {
    "published": "published",
    "no plasticity in the hidden layer": "frozen_hidden",
    "no teaching current": "no_teaching",
    "no feedback": "no_feedback",
    "kind of feedback drawn for each hidden neuron": "shuffled_feedback",
    "feedback of the two populations exchanged, currents kept": "exchanged_feedback",
    "both populations fed alike": "fed_alike",
}


def test_the_controls_of_xor():
    full, quick = stored("xor/controls_solved"), stored("xor/controls_quick_solved")
    rows = table("control")[1:]
    assert {row[0] for row in rows} == set(CONTROLS)
    for words, solves, costs, epochs in rows:
        for frame, share, cost in zip(
            (full, quick), re.findall(r"(\d of \d)", solves), costs.split(","), strict=True
        ):
            own = frame[frame["variant"] == CONTROLS[words]]
            assert share == f"{own['solved'].sum()} of {len(own)}", words
            assert float(cost) == pytest.approx(own["last_cost"].mean(), abs=0.0051), words
        for frame, said in zip(
            (full, quick), re.findall(r"\b\d{2,3}\b", epochs.partition("(")[0]), strict=False
        ):
            own = frame[frame["variant"] == CONTROLS[words]]["half_chance_epoch"].dropna()
            assert float(said) == pytest.approx(own.mean(), abs=0.51), words


# --- rules


RULES = {
    "backpropagation": ["backprop"],
    "burstprop, learned feedback": ["burstprop"],
    "BurstCCN, Kolen-Pollack": ["burstccn"],
    "burstprop, fixed feedback": ["burstprop_fixed"],
    "feedback alignment": ["feedback_alignment"],
    "burstprop, symmetric / recurrent": ["burstprop_symmetric", "burstprop_recurrent"],
    "BurstCCN, tied / fixed / apical silence": ["burstccn_tied", "burstccn_fixed", "burstccn_apical_silence"],
    "Kolen-Pollack / sign-symmetry / direct feedback alignment": [
        "kolen_pollack",
        "sign_symmetry",
        "direct_feedback_alignment",
    ],
    "node perturbation": ["node_perturbation"],
}
DATASETS = ("digits", "mnist", "cifar10", "tiny-imagenet")


def test_the_rules_of_the_reduced_model():
    head, *rows = table("rule | digits, 128-128-10, 30 epochs, 3 seeds")
    assert len(head) == 1 + len(DATASETS)
    assert {row[0] for row in rows} == set(RULES)
    for row in rows:
        for dataset, cell in zip(DATASETS, row[1:], strict=True):
            frame = stored(f"reduced/{dataset}").set_index("rule")
            for rule, said in zip(RULES[row[0]], cell.split(" / "), strict=bool(cell)):
                if not said:
                    continue
                mean, *sd = said.split(" ± ")
                for words, column in ((mean, "test_error_percent"), *((word, "sd") for word in sd)):
                    digits = len(words.partition(".")[2])
                    assert float(words) == pytest.approx(frame.loc[rule, column], abs=0.51 * 10.0**-digits), (
                        dataset,
                        rule,
                        column,
                    )


# --- how long things take


def test_times_in_the_readme():
    said = {what: cell.partition(" (")[0] for what, cell in table("what")[1:]}
    xor = json.loads((RESULTS / "xor" / "run.json").read_text(encoding="utf-8"))
    assert said["XOR: 5 realizations of 500 epochs, on two cores"] == f"{xor['seconds']:,.0f} s"
    assert (xor["realizations"], xor["cores"]) == (5, 2)
    digits = stored("reduced/digits").set_index("rule").loc["burstprop"]
    assert said["a deep network on 1,797 digits, 30 epochs"] == f"{digits['seconds']:.1f} s"
    assert digits["epochs"] == 30
    cost = stored("simulator/scaling").set_index("neurons").loc[10_000, "ns_per_neuron_step"]
    assert said["one neuron, one step, at 10,000 neurons"] == f"{cost:.1f} ns"


def test_the_sizes_of_the_design_note():
    sizes = stored("simulator/scaling").set_index("neurons")
    head, *rows = table("neurons")
    assert head[2:] == ["ns per neuron and step", "bytes per neuron", "bytes per synapse", "to build"]
    assert [row[0] for row in rows] == ["10,000", "100,000", "1,000,000"]
    for neurons, synapses, cost, neuron, synapse, build in rows:
        measured = sizes.loc[int(neurons.replace(",", ""))]
        assert synapses == f"{measured['synapses']:,.0f}"
        assert cost == f"{measured['ns_per_neuron_step']:.2f}"
        assert (neuron, synapse) == (
            f"{measured['bytes_per_neuron']:.0f}",
            f"{measured['bytes_per_synapse']:.0f}",
        )
        assert build == f"{measured['build_s']:.1f} s"
    note = PAGES[-1].read_text(encoding="utf-8")
    touched = [row["ns_per_touched"] for row in learning_cost()]
    assert f"costs {min(touched):.1f} to {max(touched):.1f} ns each time" in note
    million = sizes.loc[1_000_000]
    assert f"takes {million['ns_per_neuron_step'] * 10:.0f} s" in note
    bytes_of_all = 1e6 * million["bytes_per_neuron"] + 1e8 * million["bytes_per_synapse"]
    assert f"a million neurons take {bytes_of_all / 1e9:.1f} GB" in note


def learning_cost() -> list[dict]:
    found = json.loads((RESULTS / "simulator" / "learning_cost.json").read_text(encoding="utf-8"))
    return found["rows"] if isinstance(found, dict) else found


# --- who made them

#: Stored before its program said on what machine, when, and how to make it again, as it does now. All are times
#: (of machines with AVX-512); they wait for a machine that does nothing else.
SAYS_NOT = {
    "reduced/data_path.json",
    "reduced/imagenet_step.json",
    "simulator/learning_cost.json",
    "simulator/scaling.csv",
    "simulator/scaling.png",
}
#: Stored before its program named the code; hours of work (`python benchmarks/reduced_training.py`,
#: `burstprop reproduce xor`), or timings.
NAMES_NO_CODE = {
    "reduced/cifar10.json",
    "reduced/mnist.json",
    "reduced/tiny-imagenet.json",
    "xor/controls.json",
    "xor/extended.json",
    "xor/run.json",
}
CODE_FIRST, CODE_SINCE = "2026-11-28", "2026-11-29"
"""From the first day on programs learned to name the code, from the second on all do."""
FILES = sorted(str(path.relative_to(RESULTS)) for path in RESULTS.rglob("*") if path.is_file())


def made_by(name: str) -> Path | None:
    """Return the file that says how a stored file was made: its own name's, or the run's of its folder."""
    path = RESULTS / name
    own = [
        known for known in path.parent.glob("*.json") if re.match(rf"{re.escape(known.stem)}(_|$)", path.stem)
    ]
    run = path.with_name("run.json")
    return max(own, key=lambda known: len(known.stem), default=run if run.exists() else None)


def test_every_stored_file_says_how_it_was_made():
    silent = {name for name in FILES if made_by(name) is None or name in SAYS_NOT}
    assert silent == SAYS_NOT


@pytest.mark.parametrize(
    "path",
    sorted(
        {*RESULTS.rglob("*.json"), *(ROOT / "circuits").rglob("own_figures.json")}
        - {RESULTS / name for name in SAYS_NOT}
    ),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_every_stored_result_says_command_machine_date_and_code(path):
    known = json.loads(path.read_text(encoding="utf-8"))
    assert known["cpu"]
    assert known["run_again"]
    assert known["date"]
    parts = known.get("parts", [])  # of each run, beside the whole
    assert all(part["code"] for part in parts)
    if path.is_relative_to(RESULTS) and known["date"] >= CODE_SINCE:
        assert known.get("code") or known.get("commit") or parts


def test_results_that_name_no_code_are_those_of_before():
    names_none = set()
    for name in {name for name in FILES if name.endswith(".json")} - SAYS_NOT:
        known = json.loads((RESULTS / name).read_text(encoding="utf-8"))
        if (
            not (known.get("code") or known.get("commit") or known.get("parts"))
            and known["date"] < CODE_FIRST
        ):
            names_none.add(name)
    assert names_none <= NAMES_NO_CODE


def test_one_command_a_table_is_listed():
    """benchmarks/README.md names a command for every folder and file of results."""
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    for name in FILES:
        known = made_by(name)
        stem = known.stem if known is not None and known.stem != "run" else Path(name).stem
        folder = name.partition("/")[0]
        assert any(f"`{row}" in text for row in (f"{folder}/{stem}`", f"{folder}`", f"{folder}/depth")), name


# --- how much memory things take


def test_bytes_in_the_docs_are_those_that_bench_prints():
    from simulator_scaling import circuit as one_population

    from burstprop import Simulation
    from burstprop.circuits.propagation.experiment import Params, build

    said = re.search(r"takes (\d+) bytes a neuron .* takes (\d+) a neuron", TEXT, re.DOTALL)
    for circuit, words in zip((one_population(30_000), build(Params())), said.groups(), strict=True):
        sizes = Simulation(circuit).sizes()
        assert sizes["neuron_bytes"] / sizes["neurons"] == pytest.approx(int(words), rel=0.02)


# --- spiking digits


SPIKING = {
    "learned": "learned",
    "hidden layer frozen": "frozen_hidden",
}
WITHOUT_SPIKES = {
    "backpropagation without spikes": "backprop",
    "the reduced rule without spikes": "burstprop",
    "frozen hidden layer without spikes": "frozen_hidden",
    "logistic regression": "logistic_regression",
}


def test_the_errors_of_the_spiking_digits():
    by_time, without = (
        stored("digits-spiking/controls_errors"),
        stored("digits-spiking/controls_without_spikes"),
    )
    rows = table("100 hidden neurons, 6 epochs, mean of 3 (`benchmarks/results/digits-spiking`)")[1:]
    assert {row[0] for row in rows} == set(SPIKING) | set(WITHOUT_SPIKES)
    for words, *said in rows:
        if words in SPIKING:
            own = by_time[by_time["variant"] == SPIKING[words]]
            early, last = (own[own["reading_ms"] == ms]["error_percent"] for ms in (600.0, 1200.0))
            assert float(said[0]) == pytest.approx(early.mean(), abs=0.051), words
        else:
            last = without[without["rule"] == WITHOUT_SPIKES[words]]["error_percent"]
            assert said[0] == "", words
        assert float(said[1]) == pytest.approx(last.mean(), abs=0.051), words
        assert [float(word) for word in said[2].split(",")] == pytest.approx(list(last), abs=0.051), words


VARIANTS = {
    "50 hidden neurons": "hidden_50",
    "50 hidden neurons, frozen": "hidden_50_frozen",
    "200 hidden neurons": "hidden_200",
    "no feedback": "no_feedback",
    "feedback scrambled": "scrambled_feedback",
    "feedback without the class": "classless_feedback",
    "no cancelling": "no_cancelling",
    "published burst timing": "published_timing",
    "feedback learned": "learned_feedback",
    "two layers of 50": "two_layers",
    "two layers of 50, layered feedback": "two_layers_layered",
    "three layers of 33": "three_layers",
    "hidden rates up to 4 Hz": "rates_up_to_4",
    "hidden rates up to 8 Hz": "rates_up_to_8",
    "hidden rates up to 30 Hz": "rates_up_to_30",
    "feedback learned, hidden rates up to 8 Hz": "learned_feedback_up_to_8",
    "feedback without the class, hidden rates up to 8 Hz": "classless_feedback_up_to_8",
    "two phases, examples of 1 s": "two_phases",
    "Dale's law": "dale",
    "Dale's law, frozen": "dale_frozen",
}


def test_the_errors_of_the_variants_of_the_spiking_digits():
    rows = table("variant, 6 epochs (`benchmarks/results/digits-spiking/NAME`)")[1:]
    folders = [path.name for path in (RESULTS / "digits-spiking").iterdir() if path.is_dir()]
    there = {name for name in folders if "mnist" not in name}
    assert {VARIANTS[row[0]] for row in rows} == there
    for words, *said in rows:
        answers = stored(f"digits-spiking/{VARIANTS[words]}/answers")
        wrong = 100.0 * (answers["answer"] != answers["label"])
        by_time = wrong.groupby([answers["reading_ms"], answers["realization"]]).mean()
        # a circuit that sees an image for 0.6 s before it is taught is read later
        assert (said[0] == "") == (by_time.index.levels[0].min() > 600.0), words
        if said[0]:
            assert float(said[0]) == pytest.approx(by_time[600.0].mean(), abs=0.051), words
        assert float(said[1]) == pytest.approx(by_time[1200.0].mean(), abs=0.051), words
        each = [float(word) for word in said[2].split(",")]
        assert each == pytest.approx(list(by_time[1200.0]), abs=0.051), words


CODES = {
    "1 input neuron a pixel": (1, 800.0),
    "4, the circuit's": (4, 800.0),
    "4, white pixels 2000 pA instead of 800": (4, 2000.0),
}


def test_what_the_events_of_the_spiking_digits_carry():
    frame = stored("digits-spiking/reading_digits")
    means = frame.groupby(["per_pixel", "image_high_pa", "population", "reading_ms"]).mean(numeric_only=True)
    rows = table("events of | Hz")[1:]
    assert len(rows) == 6
    for words, *said in rows:
        code, _, population = words.partition(": ")
        own = means.loc[(*CODES[code], population.split()[-2])]
        assert float(said[0]) == pytest.approx(own.loc[600.0, "event_rate_hz"], abs=0.051), words
        each = [float(word) for word in said[1:]]
        assert each == pytest.approx(list(own["error_percent"]), abs=0.051), words


def test_what_limits_the_spiking_digits_after_learning():
    frame = stored("digits-spiking/limits_learned").set_index(["readout", "images", "reading_ms"])
    rows = table("readout after learning (error, %)")[1:]
    assert [row[0].partition(":")[0] for row in rows] == ["circuit", "weights", "perfect"]
    for words, *said in rows:
        readout = words.partition(":")[0]
        found = [
            frame.loc[(readout, images, reading_ms), "error_percent"]
            for images in ("learned", "held back")
            for reading_ms in (200.0, 1200.0)
        ]
        assert [float(word) for word in said] == pytest.approx(found, abs=0.051), words


def test_the_signal_in_two_hidden_layers():
    layers = stored("digits-spiking/two_layers/layers")
    last = layers[layers["examples"] == layers["examples"].max()].groupby("layer").mean(numeric_only=True)
    text = (ROOT / "docs" / "results" / "digits.md").read_text(encoding="utf-8").replace("\n", " ")
    for column, words in (
        ("signal_correlation", r"([\d.]+) in the first layer and ([\d.]+) in the second"),
        ("burst_prob_change", r"burst probabilities by ([\d.]+) and ([\d.]+)"),
    ):
        said = re.search(words, text)
        assert said is not None, words
        assert [float(word) for word in said.groups()] == pytest.approx(list(last[column]), abs=0.0051)
    layers = stored("digits-spiking/three_layers/layers")
    last = layers[layers["examples"] == layers["examples"].max()].groupby("layer").mean(numeric_only=True)
    said = re.search(r"three layers of 33 it survives as well: ([\d.]+), ([\d.]+) and ([\d.]+)", text)
    assert said is not None
    found = list(last["signal_correlation"])
    assert [float(word) for word in said.groups()] == pytest.approx(found, abs=0.0051)
    layers = stored("digits-spiking/two_layers_layered/layers")
    last = layers[layers["examples"] == layers["examples"].max()].groupby("layer").mean(numeric_only=True)
    said = re.search(r"correlation is ([\d.]+) in the second layer and ([\d.]+) in the first", text)
    assert said is not None
    found = list(last["signal_correlation"])[::-1]
    assert [float(word) for word in said.groups()] == pytest.approx(found, abs=0.0051)


def test_mnist_in_spikes():
    rows = {words: said for words, *said in table("MNIST | after 0.6 s (%)")[1:]}
    for words, name in (
        ("28 x 28, all images three times, 300 hidden neurons: learned", "whole_mnist"),
        ("the same, hidden layer frozen", "whole_mnist_frozen"),
        ("14 x 14, 10,000 images once, 100 hidden neurons: learned", "mnist"),
        ("14 x 14: hidden layer frozen", "mnist_frozen"),
    ):
        answers = stored(f"digits-spiking/{name}/answers")
        wrong = 100.0 * (answers["answer"] != answers["label"])
        found = wrong.groupby(answers["reading_ms"]).mean()[[600.0, 1200.0]]
        assert [float(word) for word in rows[words]] == pytest.approx(list(found), abs=0.051), words
    last = {
        name: answers[answers["reading_ms"] == answers["reading_ms"].max()]
        for name in ("whole_mnist", "whole_mnist_frozen")
        for answers in [stored(f"digits-spiking/{name}/answers")]
    }
    learned, frozen = ((frame["answer"] != frame["label"]).mean() for frame in last.values())
    text = (ROOT / "docs" / "results" / "digits.md").read_text(encoding="utf-8")
    said = re.search(r"learned layer errs ([\d.]+) times as often as the frozen one\*\*", text)
    assert said is not None
    assert float(said[1]) == pytest.approx(learned / frozen, abs=0.0051)
    readings = stored("digits-spiking/reading_mnist").set_index(["population", "per_pixel", "reading_ms"])
    for population, words in (("input", "input events"), ("hidden", "untrained hidden events")):
        found = [readings.loc[(population, 2, ms), "error_percent"] for ms in (600.0, 1200.0)]
        said = rows[f"14 x 14: perfect readout of {words}, 2,500 images"]
        assert [float(word) for word in said] == pytest.approx(found, abs=0.051), words


# --- two digits in the microcircuit

MICROCIRCUIT = {"learned": "learned", "hidden layer frozen": "frozen_hidden", "no feedback": "no_feedback"}


def test_the_answers_of_the_microcircuit():
    frame = stored("digits-microcircuit/controls_solved")
    rows = table("circuit, 160 images taught (`benchmarks/results/digits-microcircuit`)")[1:]
    assert {MICROCIRCUIT[row[0]] for row in rows} == set(frame["variant"])
    for words, *said in rows:
        own = frame[frame["variant"] == MICROCIRCUIT[words]]
        assert float(said[0]) == pytest.approx(own["accuracy_percent"].mean(), abs=0.051), words
        each = [float(word) for word in said[1].split(",")]
        assert each == pytest.approx(list(own["accuracy_percent"]), abs=0.051), words
        assert float(said[2]) == pytest.approx(own["separation_sd"].mean(), abs=0.051), words
