"""Cost per neuron and step, and memory, from 1,000 to 1,000,000 neurons at a fixed in-degree of 100.

    python benchmarks/simulator_scaling.py --out DIR          some minutes, 3 GB of memory for the largest

One population of pyramidal neurons with the background of the propagation circuit (four Poisson sources of
500 Hz a neuron) and recurrent inhibition of the dendrites. Writes scaling.csv and scaling.png: nanoseconds
per neuron and step (median, minimum), bytes per neuron and per synapse; and scaling.json, how they were made.
What grows with the size is what no longer fits a cache: the state (42 bytes a neuron are touched in every
step) and the synapses of the neurons that spike.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import pandas as pd

from burstprop import (
    Background,
    Circuit,
    FixedInDegree,
    Population,
    Projection,
    PyramidalNeuron,
    Record,
    Simulation,
)
from burstprop.report.report import provenance
from burstprop.runs.run_code import code_of_run
from burstprop.system.files import write_json
from burstprop.system.machine import cpu_model

SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
IN_DEGREE = 100


def circuit(n: int) -> Circuit:
    """Return one population of ``n`` neurons."""
    sources = (("soma_exc", 0.35), ("soma_inh", 0.35), ("dendrite_exc", 0.05), ("dendrite_inh", 0.05))
    return Circuit(
        populations=(Population("pyr", n, PyramidalNeuron()),),
        projections=(Projection("pyr", "pyr", "dendrite_inh", 0.005, FixedInDegree(IN_DEGREE)),),
        backgrounds=tuple(Background("pyr", receptor, 500.0, weight) for receptor, weight in sources),
    )


def measure(n: int, repeats: int) -> dict[str, float]:
    """Time one size; a piece is as many steps as ten million neuron-steps take, at least 200."""
    begin = time.perf_counter()
    simulation = Simulation(circuit(n), record=Record(spikes=False, rates_bin_ms=50.0))
    built = time.perf_counter() - begin
    simulation.advance(20.0 if n > 100_000 else 200.0)
    steps = max(200, 10_000_000 // n)
    values = []
    for _ in range(repeats):
        begin = time.perf_counter()
        simulation.advance(steps * simulation.circuit.dt_ms)
        values.append((time.perf_counter() - begin) / steps / n * 1e9)
    sizes = simulation.sizes()
    return {
        "neurons": n,
        "synapses": sizes["synapses"],
        "ns_per_neuron_step": statistics.median(values),
        "ns_per_neuron_step_min": min(values),
        "bytes_per_neuron": sizes["neuron_bytes"] / n,
        "bytes_per_synapse": sizes["synapse_bytes"] / sizes["synapses"],
        "build_s": built,
    }


def draw(frame: pd.DataFrame, path: Path) -> None:
    """Draw cost and memory over size."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (cost, memory) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    cost.plot(frame["neurons"], frame["ns_per_neuron_step"], "o-", color="#0072b2", label="median")
    cost.plot(frame["neurons"], frame["ns_per_neuron_step_min"], ":", color="#0072b2", label="minimum")
    cost.set(xscale="log", ylim=(0, None), xlabel="neurons", ylabel="ns per neuron and step", title="Cost")
    for cache, size in (("L2, 2 MB", 2e6 / 42), ("100 MB", 1e8 / 42)):
        cost.axvline(size, color="0.7", lw=0.8)
        cost.annotate(
            f"state fills {cache}",
            (size, 0.05),
            rotation=90,
            fontsize=7,
            color="0.4",
            va="bottom",
            ha="right",
        )
    cost.legend(frameon=False)
    memory.plot(frame["neurons"], frame["bytes_per_neuron"], "o-", color="#0072b2", label="per neuron")
    memory.plot(frame["neurons"], frame["bytes_per_synapse"], "s-", color="#d55e00", label="per synapse")
    memory.set(xscale="log", yscale="log", xlabel="neurons", ylabel="bytes", title="Memory")
    memory.legend(frameon=False)
    figure.suptitle(f"In-degree {IN_DEGREE}, one thread, {cpu_model()}", fontsize=9)
    figure.savefig(path, dpi=150)


def main() -> None:
    """Measure all sizes, print, write, draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, default=Path("results/scaling"), help="where to write (results/scaling)"
    )
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="leave out larger sizes (1,000,000)")
    parser.add_argument("--repeats", type=int, default=7, help="timed pieces of each size (7)")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for n in SIZES:
        if n <= args.largest:
            rows.append(measure(n, args.repeats))
            print(", ".join(f"{name} {value:,.4g}" for name, value in rows[-1].items()), flush=True)
    frame = pd.DataFrame(rows)
    frame.to_csv(args.out / "scaling.csv", index=False)
    command = ["python", "benchmarks/simulator_scaling.py", *sys.argv[1:]]
    parameters = {"in_degree": IN_DEGREE, "largest": args.largest, "repeats": args.repeats}
    known = code_of_run(main, {}) | provenance(command=command, seed=1, parameters=parameters)
    write_json(args.out / "scaling.json", known)
    draw(frame, args.out / "scaling.png")


if __name__ == "__main__":
    main()
