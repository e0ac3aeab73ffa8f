"""What learning costs: it grows with activity, not with the number of synapses.

    python benchmarks/learning_cost.py

runs 2000 presynaptic Poisson sources onto 500 Burst-Poisson neurons, plastic and not, and prints the time
that plasticity adds, per simulated second and per synapse that an event or a burst touches. In the first
rows the number of synapses of neurons that are silent grows, in the others the rates of those that are
active, before and after the synapses. All times are CPU times of one thread, the smallest of several pieces;
compare within one run.

    python benchmarks/learning_cost.py --json > learning_cost.json
"""

import argparse
import json
import sys
import time

from burstprop import (
    BurstDependentRule,
    BurstPoissonNeuron,
    Circuit,
    Constant,
    Current,
    PoissonPopulation,
    Population,
    Probability,
    Projection,
    Record,
    Simulation,
)
from burstprop.parameters import text_table
from burstprop.report.report import provenance
from burstprop.runs.run_code import code_of_run

N_PRE, N_POST = 2000, 500
PIECE_MS, PIECES = 200.0, 5


def seconds_per_second(silent_p, rate_hz, post_pa, plastic):
    """Return CPU seconds per simulated second, and the synapses touched in it.

    The active half of the neurons has p = 0.2, sources of ``rate_hz`` and a current of ``post_pa``.
    """
    neuron = BurstPoissonNeuron()
    rule = BurstDependentRule(eta=1e-9, e_min_hz=0.0)
    circuit = Circuit(
        populations=(
            PoissonPopulation("active", N_PRE, rate_hz),
            PoissonPopulation("silent", N_PRE, 0.0),
            Population("post", N_POST, neuron),
            Population("quiet", N_POST, neuron),
        ),
        projections=(
            Projection("active", "post", "soma_exc", 1e-6, Probability(0.2), "events", rule=rule),
            Projection("silent", "quiet", "soma_exc", 1e-6, Probability(silent_p), "events", rule=rule),
        ),
        currents=(Current("post", "soma", Constant(post_pa)), Current("quiet", "soma", Constant(-100.0))),
        plastic=plastic,
    )
    simulation = Simulation(circuit, record=Record(spikes=False, rates_bin_ms=PIECE_MS))
    simulation.advance(PIECE_MS)
    times = []
    for _ in range(PIECES):
        before = time.thread_time()
        simulation.advance(PIECE_MS)
        times.append(time.thread_time() - before)
    rates = simulation.recording().rates.groupby("population", observed=True)[
        ["event_rate_hz", "burst_rate_hz"]
    ]
    mean = rates.mean()
    post = mean.loc["post"].sum() * N_POST * N_PRE * 0.2
    pre = mean["event_rate_hz"].to_dict()["active"] * N_PRE * N_POST * 0.2
    return min(times) / (PIECE_MS / 1000.0), post + pre


def row(silent_p, rate_hz, post_pa):
    """Return one row of a table: with and without plasticity, and the difference per touched synapse."""
    off, _ = seconds_per_second(silent_p, rate_hz, post_pa, False)
    on, touched = seconds_per_second(silent_p, rate_hz, post_pa, True)
    return {
        "silent_synapses": round(N_PRE * N_POST * silent_p),
        "source_rate_hz": rate_hz,
        "post_current_pa": post_pa,
        "touched_per_s": touched,
        "off_ms_per_s": 1000 * off,
        "on_ms_per_s": 1000 * on,
        "ns_per_touched": 1e9 * (on - off) / touched,
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    args = parser.parse_args()
    rows = [row(p, 5.0, 700.0) for p in (0.01, 0.1, 0.9)]
    rows += [row(0.1, rate, current) for rate, current in ((1.0, 600.0), (5.0, 700.0), (20.0, 1500.0))]
    if args.json:
        command = ["python", "benchmarks/learning_cost.py", *sys.argv[1:]]
        known = code_of_run(main, {}) | provenance(command=command, seed=1, parameters=vars(args), rows=rows)
        print(json.dumps(known, indent=2))
        return
    header = tuple(rows[0])
    print(text_table([tuple(f"{value:.4g}" for value in r.values()) for r in rows], header))


if __name__ == "__main__":
    main()
