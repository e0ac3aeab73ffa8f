"""How fast the simulator runs, and where the time goes: all figures measured in turns in one run.

    python benchmarks/simulator_speed.py                 about two minutes
    python benchmarks/simulator_speed.py --brian2        the same circuit in Brian2 (C++) beside it, several
    minutes python benchmarks/simulator_speed.py --json FILE

Prints nanoseconds of wall time per neuron and step (median over the repeats, and minimum):

- the propagation circuit at its published size, one thread, as parts are added to it: neurons alone, with
their
  background, with synapses (and the spikes that now travel), with everything recorded;
- the same on two threads, and two realizations side by side in two processes;
- the XOR circuit (2500 neurons, sparse background) with plasticity off, on, and as its protocol has it.

The variants are timed in turns, so that a machine whose speed drifts does not favour one of them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from burstprop.circuit import Circuit
from burstprop.circuits.propagation import experiment as propagation
from burstprop.circuits.xor import experiment as xor
from burstprop.recording import Record
from burstprop.simulation import Simulation
from burstprop.simulation.bench import bench_circuit
from burstprop.system.machine import cpu_model

NOTHING = Record(spikes=False, rates_bin_ms=None)
WARM_UP_MS = 500.0


def variants(circuit: Circuit) -> dict[str, Simulation]:
    """Return the propagation circuit as its parts are added."""
    neurons = dataclasses.replace(circuit, projections=(), backgrounds=())
    background = dataclasses.replace(circuit, projections=())
    return {
        "neurons": Simulation(neurons, record=NOTHING),
        "+ background": Simulation(background, record=NOTHING),
        "+ synapses": Simulation(circuit, record=NOTHING),
        "+ recording (all)": Simulation(circuit),
        "all, 2 threads": Simulation(circuit, threads=2),
    }


def timed(simulations: dict[str, Simulation], repeats: int, piece_ms: float) -> dict[str, list[float]]:
    """Advance all simulations in turns; return ns per neuron and step of every piece."""
    for simulation in simulations.values():
        simulation.advance(WARM_UP_MS)
    out: dict[str, list[float]] = {name: [] for name in simulations}
    for _ in range(repeats):
        for name, simulation in simulations.items():
            begin = time.perf_counter()
            simulation.advance(piece_ms)
            seconds = time.perf_counter() - begin
            simulation.forget_recording()
            steps = piece_ms / simulation.circuit.dt_ms
            out[name].append(seconds / steps / simulation.sizes()["neurons"] * 1e9)
    return out


def _one_side(realization: int, piece_ms: float, meet: Any, answer: Any) -> None:
    simulation = Simulation(propagation.build(), realization=realization)
    simulation.advance(WARM_UP_MS)
    while meet.wait() is not None:
        begin = time.perf_counter()
        simulation.advance(piece_ms)
        answer.put(time.perf_counter() - begin)
        simulation.forget_recording()


def side_by_side(repeats: int, piece_ms: float) -> float:
    """Return how much faster two realizations are made in two processes than one after the other (median)."""
    context = multiprocessing.get_context("spawn")
    alone = Simulation(propagation.build())
    alone.advance(WARM_UP_MS)
    meet, answer = context.Barrier(3), context.Queue()
    workers = [
        context.Process(target=_one_side, args=(k, piece_ms, meet, answer), daemon=True) for k in (1, 2)
    ]
    for worker in workers:
        worker.start()
    gains = []
    for repeat in range(repeats + 1):
        begin = time.perf_counter()
        alone.advance(piece_ms)
        one = time.perf_counter() - begin
        alone.forget_recording()
        meet.wait()
        slower = max(answer.get(), answer.get())
        if repeat:  # the first round only makes sure that both have started
            gains.append(2 * one / slower)
    for worker in workers:
        worker.terminate()
    return statistics.median(gains)


def brian2() -> dict[str, Any]:
    """Time the same circuit in Brian2, C++ standalone, one thread."""
    program = Path(__file__).with_name("brian2_propagation.py")
    done = subprocess.run(
        [sys.executable, str(program), "--json"], capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=9, help="timed pieces of each variant (9)")
    parser.add_argument("--piece-ms", type=float, default=500.0, help="simulated time of a piece (500)")
    parser.add_argument("--brian2", action="store_true", help="time Brian2 in the same run")
    parser.add_argument("--json", metavar="FILE", help="write the figures to a file")
    args = parser.parse_args()
    figures = timed(variants(propagation.build()), args.repeats, args.piece_ms)
    result: dict[str, Any] = {"cpu": cpu_model(), "repeats": args.repeats, "propagation": {}}
    print(
        f"{cpu_model()}; ns per neuron and step, "
        f"median (minimum) of {args.repeats} pieces of {args.piece_ms:g} ms\n"
    )
    print("propagation, 10,000 neurons")
    before = 0.0
    for name, values in figures.items():
        median = statistics.median(values)
        added = "" if "threads" in name else f"   adds {median - before:5.2f}"
        before = median
        print(f"  {name:20} {median:5.2f} ({min(values):.2f}){added}")
        result["propagation"][name] = {"median": median, "min": min(values)}
    gains = [
        one / two for one, two in zip(figures["+ recording (all)"], figures["all, 2 threads"], strict=True)
    ]
    result["two_threads_gain"] = statistics.median(gains)
    result["side_by_side_gain"] = side_by_side(args.repeats, args.piece_ms)
    print(f"  two threads on one circuit: {result['two_threads_gain']:.2f} times as fast as one")
    print(f"  two realizations side by side: {result['side_by_side_gain']:.2f} times as fast as in turns")
    learned = bench_circuit(xor.build(xor.Params()), repeats=args.repeats, duration_ms=args.piece_ms)
    result["xor"] = learned
    print(f"\nXOR, {learned['neurons']:,} neurons")
    print(f"  plasticity off        {learned['ns_plasticity_off']:5.2f}")
    print(f"  plasticity on         {learned['ns_plasticity_on']:5.2f}")
    mixed, least = learned["ns_per_neuron_step"], learned["ns_per_neuron_step_min"]
    print(f"  on a tenth of it      {mixed:5.2f} ({least:.2f})")
    if args.brian2:
        result["brian2"] = brian2()
        ours = statistics.median(figures["+ recording (all)"])
        theirs = result["brian2"]["ns_per_neuron_step"]
        print(f"\nBrian2, C++ standalone, the same circuit: {theirs:.1f} ({theirs / ours:.0f} times ours)")
    if args.json:
        Path(args.json).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
