"""One isolated population at one drive: what it answers, measured by simulating it, and kept on disk.

The drive of a population is a constant current into each compartment, a mean conductance in each receptor and
Poisson trains. A mean conductance is made by a source that spikes in every step, so it has no noise; a
Poisson train has the noise of its weight. The population keeps the private backgrounds of its circuit.

An `Answer` is the mean over neurons and time after settling: rates of spikes, events and bursts, the mean of
the adaptation variable, the interval from an event to its second spike, and for each kind of short-term
plasticity the rate of what its synapses pass (sum of the efficacies of a neuron's spikes per second) and of
their squares.

`measure` keeps every answer on disk under a hash of all that decides it (model code, parameters, backgrounds,
drive, size, seed), so the same point is never simulated twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from burstprop import (
    Background,
    Circuit,
    Constant,
    Current,
    Population,
    Record,
    ShortTermPlasticity,
    Simulation,
    __version__,
    find_bursts,
)
from burstprop.ensemble import relay
from burstprop.ensemble.dynamics import adaptation, decay_ms
from burstprop.errors import BurstpropError, near
from burstprop.fingerprint import fingerprint
from burstprop.jit.kernel import cache_root
from burstprop.jit.model_code import model_code
from burstprop.parameters import quantity, validate
from burstprop.system.files import write_json

POPULATION = "isolated"


@dataclass(frozen=True)
class Effort:
    """How long and with how many neurons a point is measured."""

    n: int = quantity(1000, "1", "neurons", low=1)
    settle_ms: float = quantity(400.0, "ms", "before it counts", low=0)
    time_ms: float = quantity(2000.0, "ms", "that counts", low=0, open_low=True)
    seed: int = quantity(1, "1", "of the run", low=0)

    def __post_init__(self) -> None:
        """Check the numbers."""
        validate(self)


@dataclass(frozen=True)
class Drive:
    """What goes into an isolated population beside its backgrounds.

    Parameters
    ----------
    currents : dict of float
        Compartment -> constant current (pA).
    conductances : dict of float
        Receptor -> mean conductance without noise (units of the leak).
    trains : tuple of (receptor, rate_hz, weight)
        Poisson trains, private to each neuron, with true Poisson counts.
    """

    currents: dict[str, float] = field(default_factory=dict)
    conductances: dict[str, float] = field(default_factory=dict)
    trains: tuple[tuple[str, float, float], ...] = ()

    def rounded(self) -> Drive:
        """Return it with six digits, so that the rounding of a sum makes no new point."""
        return Drive(
            {k: _short(v) for k, v in sorted(self.currents.items())},
            {k: _short(v) for k, v in sorted(self.conductances.items())},
            tuple((r, _short(rate), _short(w)) for r, rate, w in self.trains),
        )


@dataclass(frozen=True)
class Kind:
    """What decides the answers of an isolated population: its neuron and its private backgrounds.

    The receptors and rates of ``backgrounds`` are those of the circuit; their population's name is of no
    account. ``synapses`` are the kinds of short-term plasticity whose passing is measured.
    """

    neuron: Any
    backgrounds: tuple[tuple[str, float, float, str], ...] = ()
    synapses: tuple[ShortTermPlasticity, ...] = ()
    burst_definition: str = "trace"
    burst_window_ms: float = 16.0
    dt_ms: float = 0.1

    @staticmethod
    def of(circuit: Circuit, population: str) -> Kind:
        """Return the kind of a population of a circuit; its synapses are all kinds that the circuit has."""
        part = circuit.neurons(population)
        own = (b for b in circuit.backgrounds if b.population == population)
        return Kind(
            part.neuron,
            tuple(sorted((b.receptor, float(b.rate_hz), float(b.weight), b.counts) for b in own)),
            synapses(circuit),
            part.burst_definition,
            part.burst_window_ms,
            circuit.dt_ms,
        )


def synapses(circuit: Circuit) -> tuple[ShortTermPlasticity, ...]:
    """Return the kinds of short-term plasticity of a circuit, each once."""
    return tuple(dict.fromkeys(p.stp for p in circuit.projections if p.stp is not None))


def measure(
    kind: Kind,
    drives: Iterable[Drive],
    effort: Effort | None = None,
    *,
    cache: bool = True,
    told: Callable[[float], None] | None = None,
) -> pd.DataFrame:
    """Measure isolated populations, one row a drive.

    Parameters
    ----------
    kind : Kind
        Neuron, backgrounds, kinds of synapses.
    drives : iterable of Drive
    effort : Effort, optional
    cache : bool
        Take what was measured before from the disk, and keep what is measured.
    told : callable, optional
        Told the share done.

    Returns
    -------
    DataFrame
        ``I_<compartment>`` (pA), ``g_<receptor>`` (mean conductance of drive and trains), ``l_<receptor>``
        (rate times squared weight of the trains, 1/s), ``rate_hz``, ``event_rate_hz``, ``burst_rate_hz``,
        ``adaptation_pa``, ``voltage_mv`` (somatic mean), ``second_spike_ms``, ``events`` (how many were
        counted), and ``passed_<k>_hz``, ``squares_<k>_hz`` for the k-th of ``kind.synapses``.

    Raises
    ------
    BurstpropError
        A compartment or receptor that the neuron has not.
    """
    effort = effort or Effort()
    drives = [drive.rounded() for drive in drives]
    for drive in drives:
        _check(kind, drive)
    store = _Store(kind, effort) if cache and model_code(type(kind.neuron)) is not None else None
    rows = []
    for k, drive in enumerate(drives):
        answer = store.get(drive) if store else None
        if answer is None:
            answer = _simulate(kind, drive, effort)
            if store:
                store.put(drive, answer)
        rows.append(inputs(kind, drive) | answer)
        if told:
            told((k + 1) / len(drives))
    if store:
        store.write()
    return pd.DataFrame(rows)


def _check(kind: Kind, drive: Drive) -> None:
    compartments, receptors = kind.neuron.Drive._fields, kind.neuron.receptors
    for name in drive.currents:
        if name not in compartments:
            raise BurstpropError(f"Drive.currents: no compartment {name!r}: {near(name, compartments)}")
    for name, value in [*drive.conductances.items(), *((r, rate * w) for r, rate, w in drive.trains)]:
        if name not in receptors:
            raise BurstpropError(f"Drive: no receptor {name!r}: {near(name, receptors)}")
        if not value >= 0:
            raise BurstpropError(f"Drive: {name!r} = {value:g}: a conductance cannot be negative; give >= 0")


def inputs(kind: Kind, drive: Drive) -> dict[str, float]:
    """Return the columns of `measure` that say what goes in."""
    taus = {r: decay_ms(kind.neuron, r, kind.dt_ms) for r in kind.neuron.receptors}
    found = {f"I_{c}": drive.currents.get(c, 0.0) for c in kind.neuron.Drive._fields}
    for receptor, tau in taus.items():
        g = drive.conductances.get(receptor, 0.0)
        g += sum(rate * w * tau / 1000.0 for r, rate, w in drive.trains if r == receptor)
        found[f"g_{receptor}"] = g
        found[f"l_{receptor}"] = sum(rate * w**2 for r, rate, w in drive.trains if r == receptor)
    return found


def _simulate(kind: Kind, drive: Drive, effort: Effort) -> dict[str, float]:
    neuron, dt = kind.neuron, kind.dt_ms
    backgrounds = [Background(POPULATION, r, rate, w, counts) for r, rate, w, counts in kind.backgrounds]
    for receptor, g in drive.conductances.items():
        # a spike in every step: the conductance decays, then rises by w, and settles at w / (1 - decay)
        w = g * -np.expm1(-dt / decay_ms(neuron, receptor, dt))
        if w > 0:
            backgrounds.append(Background(POPULATION, receptor, 1000.0 / dt, w))
    backgrounds += [
        Background(POPULATION, r, rate, w, counts="poisson") for r, rate, w in drive.trains if rate * w > 0
    ]
    population = Population(
        POPULATION,
        effort.n,
        neuron,
        burst_definition=kind.burst_definition,
        burst_window_ms=kind.burst_window_ms,
    )
    circuit = Circuit(
        populations=(population,),
        backgrounds=tuple(backgrounds),
        currents=tuple(Current(POPULATION, c, Constant(pa)) for c, pa in drive.currents.items()),
        dt_ms=dt,
    )
    simulation = Simulation(circuit, seed=effort.seed, record=Record(rates_bin_ms=50.0))
    simulation.advance(effort.settle_ms)
    wanted = adaptation(neuron)
    parts, mean, voltage = 5, 0.0, 0.0
    for _ in range(parts):
        simulation.advance(_whole(effort.time_ms / parts, 50.0))
        voltage += float(simulation.state(POPULATION, neuron.voltages[0]).mean()) / parts
        if wanted is not None:
            mean += wanted.sign * float(simulation.state(POPULATION, wanted.variable).mean()) / parts
    recording = simulation.recording()
    late = recording.rates[recording.rates["time_ms"] > effort.settle_ms + 1.0]
    found = {name: float(late[name].mean()) for name in ("rate_hz", "event_rate_hz", "burst_rate_hz")}
    seconds = effort.n * len(late) * 0.05
    found["adaptation_pa"], found["voltage_mv"] = mean, voltage
    found["events"] = found["event_rate_hz"] * seconds
    spikes = recording.spikes
    time = spikes["time_ms"].to_numpy(np.float64)
    order = np.lexsort((time, spikes["neuron_id"].to_numpy()))
    time, who = time[order], spikes["neuron_id"].to_numpy()[order]
    late_spikes = spikes[spikes["time_ms"] > effort.settle_ms]
    events = find_bursts(
        late_spikes[["time_ms", "neuron_id"]],
        definition=kind.burst_definition,
        window_ms=kind.burst_window_ms,
    )
    gap = (events["second_spike_ms"] - events["time_ms"]).mean()
    found["second_spike_ms"] = float(gap) if np.isfinite(gap) else 0.0
    for k, synapse in enumerate(kind.synapses):
        first, second = relay.passed(time, who, synapse, effort.settle_ms, dt)
        found[f"passed_{k}_hz"] = first / seconds
        found[f"squares_{k}_hz"] = second / seconds
    return found


def _whole(time_ms: float, bin_ms: float) -> float:
    return max(1, round(time_ms / bin_ms)) * bin_ms


def _short(value: float) -> float:
    return float(f"{value:.6g}")


class _Store:
    """Answers of one kind of population, in one file."""

    def __init__(self, kind: Kind, effort: Effort) -> None:
        code = model_code(type(kind.neuron))
        assert code is not None
        key = hashlib.sha256()
        for part in (fingerprint(kind), fingerprint(effort), code.hex(), __version__):
            key.update(part.encode())
        # what was measured by another text of the measurement is measured again
        key.update((inspect.getsource(_simulate) + inspect.getsource(relay)).encode())
        self.path = cache_root() / "ensemble" / f"{key.hexdigest()[:24]}.json"
        self.changed = False
        self.answers = self._read()

    def get(self, drive: Drive) -> dict[str, float] | None:
        return self.answers.get(_key(drive))

    def put(self, drive: Drive, answer: dict[str, float]) -> None:
        self.answers[_key(drive)] = answer
        self.changed = True

    def write(self) -> None:
        if self.changed:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # another process may have measured other points meanwhile
            write_json(self.path, self._read() | self.answers)

    def _read(self) -> dict[str, dict[str, float]]:
        with contextlib.suppress(OSError, ValueError):  # none yet, or of no use: measured again
            return dict(json.loads(self.path.read_text(encoding="utf-8")))
        return {}


def _key(drive: Drive) -> str:
    return json.dumps([drive.currents, drive.conductances, drive.trains])


def grid(compartments: Sequence[str], *axes: Iterable[float]) -> list[Drive]:
    """Return the drives of a grid of constant currents (pA), one axis a compartment."""
    mesh = np.meshgrid(*[np.asarray(list(axis), float) for axis in axes], indexing="ij")
    points = np.column_stack([m.ravel() for m in mesh])
    return [Drive(dict(zip(compartments, map(float, point), strict=True))) for point in points]
