"""Speed of a circuit on this machine: nanoseconds per neuron and step, everything included.

Wall time is what a user waits for; processor time, of all threads together, stands beside it: on a machine
that does other work too, only the second says something about the program.

A circuit is run for a while first (compilation, first spikes, moving averages that settle), then several
times for the same simulated time; the median and the minimum over these are given. A circuit with plastic
projections is timed with plasticity off, always on, and, as the published protocol has it, on during the last
tenth of each example.

There is no `burstprop.runs.run.Run` here: half a measurement is worth nothing, so nothing is kept that could
be resumed. The same holds for the programs in ``benchmarks/`` that measure times.
"""

from __future__ import annotations

import math
import statistics
import time
from typing import Any

from burstprop.circuit import Circuit
from burstprop.errors import BurstpropError
from burstprop.recording import Record
from burstprop.simulation.simulation import Simulation
from burstprop.system.machine import cpu_model, versions
from burstprop.system.progress import Progress, Shown

WARM_UP_MS = 500.0
SETTLING = 3.0
"""Time constants that the averages of a plastic projection get to settle, as in the XOR protocol."""
PLASTIC_SHARE = 0.1


def bench_circuit(
    circuit: Circuit,
    *,
    seed: int = 1,
    threads: int = 1,
    repeats: int = 7,
    duration_ms: float = 1000.0,
    record: Record | None = None,
    dtype: str = "float32",
    progress: Shown = False,
) -> dict[str, Any]:
    """Time a circuit.

    Parameters
    ----------
    circuit : Circuit
    seed, threads, dtype, record
        As in `burstprop.simulate`; the default record keeps all spikes, and rates in bins of 50 ms.
    repeats : int
        Timed pieces.
    duration_ms : float
        Simulated time of a piece.

    Returns
    -------
    dict
        ``ns_per_neuron_step`` (median) and ``ns_per_neuron_step_min`` over the repeats, both of wall time;
        ``ns_processor``, the median of the processor time of all threads; ``threads``,
        ``neurons``, ``synapses``, ``steps`` of a repeat, ``repeats``, and the machine. With plastic
        projections the two figures are those of the protocol (plasticity on for a tenth of the time), and
        ``ns_plasticity_off``, ``ns_plasticity_on`` stand beside them.
    """
    simulation = Simulation(circuit, seed=seed, record=record, threads=threads, dtype=dtype)
    sizes = simulation.sizes()
    if not sizes["neurons"]:
        raise BurstpropError("the circuit has no neurons to time: it holds Poisson populations only")
    plastic = any(p.rule is not None for p in circuit.projections)
    phases = ("off", "on") if plastic else ("",)
    times: dict[str, list[float]] = {phase: [] for phase in phases}
    worked: dict[str, list[float]] = {phase: [] for phase in phases}
    averages_ms = [SETTLING * p.rule.tau_avg_ms for p in circuit.projections if p.rule is not None]
    warm_up_ms = math.ceil(max([WARM_UP_MS, *averages_ms]) / circuit.dt_ms) * circuit.dt_ms
    total = warm_up_ms + repeats * len(phases) * duration_ms
    done = 0.0
    with Progress(total, "bench", enabled=progress) as bar:
        simulation.advance(warm_up_ms)
        done += warm_up_ms
        for _ in range(repeats):
            for phase in phases:
                if phase:
                    simulation.set_plasticity(phase == "on")
                begin, work = time.perf_counter(), time.process_time()
                simulation.advance(duration_ms)
                times[phase].append(time.perf_counter() - begin)
                worked[phase].append(time.process_time() - work)
                simulation.forget_recording()
                done += duration_ms
                bar.update(done)
    steps = circuit.steps("duration_ms", duration_ms)
    unit = steps * sizes["neurons"] * 1e-9
    mixed, of_all = _as_in_the_protocol(times), _as_in_the_protocol(worked)
    more = {f"ns_plasticity_{phase}": statistics.median(times[phase]) / unit for phase in phases if phase}
    return {
        "ns_per_neuron_step": statistics.median(mixed) / unit,
        "ns_per_neuron_step_min": min(mixed) / unit,
        "ns_processor": statistics.median(of_all) / unit,
        **more,
        "threads": threads,
        "neurons": sizes["neurons"],
        "synapses": sizes["synapses"],
        "steps": steps,
        "repeats": repeats,
        "dt_ms": circuit.dt_ms,
        "dtype": dtype,
        "bytes_per_neuron": sizes["neuron_bytes"] / sizes["neurons"],
        "bytes_per_synapse": sizes["synapse_bytes"] / sizes["synapses"] if sizes["synapses"] else 0.0,
        "cpu": cpu_model(),
        "versions": versions(),
    }


def _as_in_the_protocol(times: dict[str, list[float]]) -> list[float]:
    """Return the time of each repeat: with plasticity, on for a tenth of it."""
    if "" in times:
        return times[""]
    pairs = zip(times["off"], times["on"], strict=True)
    return [(1 - PLASTIC_SHARE) * off + PLASTIC_SHARE * on for off, on in pairs]
