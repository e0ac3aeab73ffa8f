"""The propagation circuit at its published size in Brian2, compiled to C++ (standalone), one thread, timed.

    python benchmarks/brian2_propagation.py --json

Needs brian2 and a C++ compiler. Equations, sizes and inputs are those of `burstprop reproduce propagation`;
the circuit is written as an experienced user of Brian2 would write it for speed:

- one state update per population with everything in it. Conductances and somatic adaptation decay exactly:
  their Euler step with the rate (1 - exp(-dt/tau))/dt is the exact factor;
- short-term plasticity once per presynaptic neuron, advanced only when it spikes (its exact solution);
- weights in the code, not one per synapse; one delay per projection;
- the background (at most one spike per step, source and neuron) by comparing uniform random numbers. On the
  machine of development PoissonInput with N = 1, the same distribution, took 7 % longer, and single precision
  no less time;
- Brian2's own compiler options: -O3 -ffast-math -march=native.

Spikes of all neurons are recorded. Build and run are timed apart; the time of the run is what Brian2 itself
measures, the processor time of the loop over the steps alone, without creating the synapses and writing the
results (``process_wall_s`` is all of that, by the clock on the wall). The mean rates are checked
against the published program's when the run has the length of the published protocol (4000 ms).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import platform
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # brian2 2.9 calls pyparsing by its old names
    import brian2 as b
    from brian2 import ms, mV, nS, pA, pF

DT = 0.1
SETTLING_MS, PROTOCOL_MS = 1000.0, 4000.0
# Mean over 1000-4000 ms and over five realizations of the published program, Hz, and the tolerance
REFERENCE = {
    "pyr1_event_rate_hz": (5.510, 0.03),
    "pyr1_burst_rate_hz": (1.476, 0.06),
    "pyr2_event_rate_hz": (5.649, 0.03),
    "pyr2_burst_rate_hz": (1.609, 0.06),
    "pv_rate_hz": (13.219, 0.03),
    "som_rate_hz": (16.535, 0.03),
}

PYRAMIDAL = """
dV_s/dt = (-(C_s/tau_s)*(V_s - E_L) + g_s*f + w_s + I_syn_s + I_soma)/C_s : volt
dV_d/dt = (-(C_d/tau_d)*(V_d - E_L) + g_d*f + c_d*K + a_w*w_d + I_syn_d + I_dend)/C_d : volt
K = int(t < box_until) : 1
f = 1/(1 + exp(-(V_d - E_d)/D_d)) : 1
I_syn_s = (C_s/tau_s)*(ge_s*(0*mV - V_s) + gi_s*(-80*mV - V_s)) : amp
I_syn_d = (C_d/tau_d)*(ge_d*(0*mV - V_s) + gi_d*(-80*mV - V_s)) : amp
dw_s/dt = -w_s*fall_ws : amp
dw_d/dt = (V_d - E_L - w_d)/tau_wd : volt
dth/dt = (th_0 - th)/tau_th : volt
dge_s/dt = -ge_s*fall_exc : 1
dge_d/dt = -ge_d*fall_exc : 1
dgi_s/dt = -gi_s*fall_inh : 1
dgi_d/dt = -gi_d*fall_inh : 1
box_until : second
last : second
x_dep : 1
u_dep : 1
depressed : 1
x_fac : 1
u_fac : 1
facilitated : 1
"""
SPIKE = """
V_s = V_r
w_s += b_ws
th += dth
box_until = t + 2.05*ms
x_dep = 1 - (1 - x_dep)*exp(-(t - last)/(20*ms))
u_dep = 0.9 + (u_dep - 0.9)*exp(-(t - last)/(1000*ms))
depressed = x_dep*u_dep
x_dep -= depressed
u_dep += 0.9*(1 - u_dep)
x_fac = 1 - (1 - x_fac)*exp(-(t - last)/(100*ms))
u_fac = 0.02 + (u_fac - 0.02)*exp(-(t - last)/(100*ms))
facilitated = x_fac*u_fac
x_fac -= facilitated
u_fac += 0.02*(1 - u_fac)
last = t
"""
INTERNEURON = """
dV/dt = (-g_L*(V - E_L) + g_L*D*exp((V - V_T)/D) - w + I_syn + I)/C : volt
dw/dt = (a*(V - E_L) - w)/tau_w : amp
I_syn = g_L*(ge_s*(0*mV - V) + gi_s*(-80*mV - V)) : amp
dge_s/dt = -ge_s*fall_exc : 1
dgi_s/dt = -gi_s*fall_inh : 1
"""
HOLD = "V = int(not_refractory)*clip(V, -80*mV, 20*mV) + (1 - int(not_refractory))*E_L"


def fall(tau: float) -> Any:
    """Return the rate whose Euler step multiplies by exp(-dt/tau)."""
    return (1.0 - math.exp(-DT / tau)) / (DT * ms)


COMMON = dict(fall_exc=fall(5.0), fall_inh=fall(10.0), mV=mV, ms=ms, E_L=-70 * mV)


def pyramidal(name: str, soma: str, dend: str) -> Any:
    space = dict(
        COMMON, V_r=-70 * mV, th_0=-50 * mV, dth=2 * mV, tau_th=27 * ms, fall_ws=fall(100.0),
        C_s=370 * pF, tau_s=16 * ms, g_s=1300 * pA, b_ws=-200 * pA, C_d=170 * pF, tau_d=7 * ms, g_d=1200 * pA,
        tau_wd=30 * ms, a_w=-13 * nS, c_d=2600 * pA, E_d=-38 * mV, D_d=6 * mV, pA=pA,
    )  # fmt: skip
    equations = f"{PYRAMIDAL}\nI_soma = {soma} : amp (shared)\nI_dend = {dend} : amp (shared)"
    group = b.NeuronGroup(
        4000, equations, threshold="V_s > th", reset=SPIKE, method="euler", namespace=space, name=name
    )
    group.V_s = "-70*mV + 5*mV*randn()"
    group.V_d, group.w_d, group.th = -70 * mV, 0.1 * mV, -50 * mV
    group.box_until, group.last = -1 * ms, -1e6 * ms
    group.x_dep, group.x_fac, group.u_dep, group.u_fac = 1.0, 1.0, 0.9, 0.02
    return group


def interneuron(
    name: str,
    g_L: float,
    D: float,
    V_r: float,
    a: float,
    jump: float,
    held: float,
    rheobase: float,
    current: float,
) -> Any:
    V_T = -70.0 + rheobase / (g_L + a) + D - D * math.log(1.0 + a / g_L)
    space = dict(
        COMMON, g_L=g_L * nS, C=100 * pF, D=D * mV, V_r=V_r * mV, a=a * nS, b=jump * pA, tau_w=500 * ms,
        V_T=V_T * mV, I=current * pA,
    )  # fmt: skip
    group = b.NeuronGroup(
        1000,
        INTERNEURON,
        threshold="V > 0*mV",
        reset="V = V_r; w += b",
        refractory=(held + DT) * ms,  # Brian2 counts from the step of the spike, which is not held
        method="euler",
        namespace=space,
        name=name,
    )
    group.run_regularly(HOLD, when="groups", order=1)
    group.V = "-70*mV + 5*mV*randn()"
    return group


def build() -> tuple[Any, dict[str, Any]]:
    """Return the network and its spike monitors by population."""
    sine = "sin(2*pi*t/({})) * int(t >= 1000*ms)"
    soma1 = "200*pA*" + sine.format("500*ms")
    dend2 = "100*pA + 100*pA*" + sine.format("500*sqrt(5)*ms")
    groups = {
        "pyr1": pyramidal("pyr1", soma1, "50*pA"),
        "pyr2": pyramidal("pyr2", "-100*pA", dend2),
        "pv": interneuron("pv", 10.0, 2.0, -55.0, 0.0, 0.0, 1.0, rheobase=200.0, current=205.0),
        "som": interneuron("som", 5.0, 4.0, -65.0, 0.5, 10.0, 2.0, rheobase=25.0, current=0.0),
    }
    pyramidal_background = {"ge_s": 0.35, "gi_s": 0.35, "ge_d": 0.05, "gi_d": 0.05}
    backgrounds = {
        "pyr1": pyramidal_background,
        "pyr2": pyramidal_background,
        "pv": {"ge_s": 0.75, "gi_s": 1.125},
        "som": {"ge_s": 0.4, "gi_s": 0.5},
    }
    chance = 500.0 * DT / 1000.0
    for name, ports in backgrounds.items():
        draws = [f"{port} += {weight}*int(rand() < {chance})" for port, weight in ports.items()]
        groups[name].run_regularly("\n".join(draws), when="synapses")
    network = b.Network(*groups.values())
    projections = [
        ("pyr1", "pyr2", "ge_s_post += 0.05*depressed_pre"),
        ("pyr1", "pv", "ge_s_post += 0.05*depressed_pre"),
        ("pv", "pyr2", "gi_s_post += 0.07"),
        ("pyr2", "pyr1", "ge_d_post += 0.37*facilitated_pre"),
        ("pyr2", "som", "ge_s_post += 0.3*facilitated_pre"),
        ("som", "pyr1", "gi_d_post += 0.035"),
        ("pyr1", "pyr1", "gi_d_post += 0.1*facilitated_pre"),
        ("pyr2", "pyr2", "gi_d_post += 0.1*facilitated_pre"),
    ]
    for pre, post, effect in projections:
        synapses = b.Synapses(
            groups[pre], groups[post], on_pre=effect, delay=0.8 * ms, name=f"{pre}_to_{post}"
        )
        synapses.connect(condition="i != j" if pre == post else None, p=0.05)
        network.add(synapses)
    monitors = {name: b.SpikeMonitor(group, name=f"{name}_spikes") for name, group in groups.items()}
    network.add(*monitors.values())
    return network, monitors


def events_and_bursts(t: np.ndarray, i: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the times (ms) of events, where the trace of past spikes is below 1/e, and of bursts."""
    events, bursts = [], []
    order = np.lexsort((t, i))
    neuron, last, z, burst_done = -1, 0.0, 0.0, False
    for at, who in zip(t[order].tolist(), i[order].tolist(), strict=True):
        z = z * math.exp(-(at - last) / 16.0) if who == neuron else 0.0
        if z < math.exp(-1.0) * (1.0 - 1e-9):  # an interval of exactly 16 ms belongs to the burst
            events.append(at)
            burst_done = False
        elif not burst_done:
            bursts.append(at)
            burst_done = True
        neuron, last, z = who, at, z + 1.0
    return np.array(events), np.array(bursts)


def mean_rates(monitors: dict[str, Any], begin: float, end: float) -> dict[str, float]:
    def rate(times: np.ndarray, n: int) -> float:
        return float(np.count_nonzero((times >= begin) & (times < end)) / n / (end - begin) * 1000.0)

    means = {}
    for name, monitor in monitors.items():
        t, i, n = np.asarray(monitor.t / ms), np.asarray(monitor.i), len(monitor.source)
        if name.startswith("pyr"):
            events, bursts = events_and_bursts(t, i)
            means[f"{name}_event_rate_hz"] = rate(events, n)
            means[f"{name}_burst_rate_hz"] = rate(bursts, n)
        else:
            means[f"{name}_rate_hz"] = rate(t, n)
    return means


def measure(duration_ms: float, repeats: int, seed: int, folder: Path, split: bool) -> dict[str, Any]:
    """Build once, run ``repeats`` times, return what is printed."""
    b.BrianLogger.log_level_error()
    b.set_device("cpp_standalone", build_on_run=False)
    b.prefs.devices.cpp_standalone.openmp_threads = 0
    b.defaultclock.dt = DT * ms
    b.seed(seed)
    network, monitors = build()
    network.run(duration_ms * ms, namespace={}, profile=split)
    began = time.perf_counter()
    b.device.build(directory=str(folder), run=False, compile=True, with_output=False)
    build_s = time.perf_counter() - began

    steps = round(duration_ms / DT)
    neurons = sum(len(monitor.source) for monitor in monitors.values())
    loops, processes = [], []
    for _ in range(repeats):
        began = time.perf_counter()
        b.device.run(str(folder), with_output=False, run_args=[])
        loops.append(float(b.device._last_run_time))
        processes.append(time.perf_counter() - began)
    per_step = [loop / (neurons * steps) * 1e9 for loop in loops]
    result: dict[str, Any] = {
        "simulator": f"brian2 {b.__version__} cpp_standalone",
        "circuit": "propagation",
        "threads": 1,
        "neurons": neurons,
        "steps": steps,
        "build_s": build_s,
        "run_s": statistics.median(loops),
        "process_wall_s": statistics.median(processes),
        "ns_per_neuron_step": statistics.median(per_step),
        "ns_per_neuron_step_min": min(per_step),
        "repeats": repeats,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    if split:
        parts = {name: float(seconds) / (neurons * steps) * 1e9 for name, seconds in network.profiling_info}
        result["split_ns_per_neuron_step"] = dict(sorted(parts.items(), key=lambda item: -item[1]))
    if duration_ms > SETTLING_MS:
        result["means"] = mean_rates(monitors, SETTLING_MS, duration_ms)
    if duration_ms == PROTOCOL_MS:
        means = result["means"]
        result["means_agree"] = all(
            abs(means[name] - value) <= within * value for name, (value, within) in REFERENCE.items()
        )
    return result


def as_text(result: dict[str, Any]) -> str:
    lines = [
        f"{result['simulator']}, one thread, {result['neurons']} neurons, {result['steps']} steps",
        f"build {result['build_s']:.1f} s, run {result['run_s']:.2f} s (median of {result['repeats']}), "
        f"whole process {result['process_wall_s']:.1f} s",
        f"{result['ns_per_neuron_step']:.1f} ns per neuron-step, best {result['ns_per_neuron_step_min']:.1f}",
    ]
    lines += [f"  {ns:7.2f}  {name}" for name, ns in result.get("split_ns_per_neuron_step", {}).items()]
    for name, value in result.get("means", {}).items():
        beside = f"   published program {REFERENCE[name][0]:7.3f}" if "means_agree" in result else ""
        lines.append(f"  {name:20s} {value:7.3f}{beside}")
    if "means_agree" in result:
        lines.append("means agree" if result["means_agree"] else "means DO NOT agree")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--duration-ms", type=float, default=PROTOCOL_MS, help="default: 4000, as in the protocol"
    )
    parser.add_argument("--repeats", type=int, default=3, help="runs of the same program (default: 3)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--split", action="store_true", help="also the time of each part (costs a little)")
    parser.add_argument("--build-dir", type=Path, help="keep the C++ project here, build only what changed")
    parser.add_argument("--json", action="store_true", help="print one JSON object on one line")
    args = parser.parse_args(argv)
    if args.repeats < 1 or not args.duration_ms >= DT:
        parser.error("--repeats must be at least 1 and --duration-ms at least 0.1")
    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore", DeprecationWarning)
        folder = args.build_dir or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        result = measure(args.duration_ms, args.repeats, args.seed, folder, args.split)
    print(json.dumps(result) if args.json else as_text(result))
    return 0 if result.get("means_agree", True) else 1


if __name__ == "__main__":
    sys.exit(main())
