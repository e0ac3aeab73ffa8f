"""The propagation circuit predicted in time, beside the spiking circuit, and what each ingredient is worth.

Six configurations: the figure; the other drive (half the sine into somata, twice that into dendrites); other
weights; another period; other constant currents; weaker and slower sines. The rate model of each is measured
on isolated populations, and the spiking circuit is simulated beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from burstprop.ensemble.build import Model
from burstprop.ensemble.builder import ensemble
from burstprop.ensemble.dynamics import compartment
from burstprop.ensemble.isolated import Effort
from burstprop.ensemble.model import Ensemble, binned
from burstprop.ensemble.step import PLAIN, RELAY
from burstprop.neurons import PyramidalNeuron
from burstprop.recording import Record
from burstprop.simulation import simulate

from ..propagation.experiment import Params, build, duration_ms
from ..propagation.fit import Protocol, figures, wrapped

CONFIGURATIONS: dict[str, Params] = {
    "figure": Params(),
    "other drive": Params(feedforward_pa=100.0, feedback_pa=200.0),
    "other weights": Params(w_pyr1_pyr2=0.08, w_pyr2_pyr1=0.25, w_to_som=0.45),
    "other period": Params(feedforward_period_ms=320.0),
    "other currents": Params(
        pyr1_soma_pa=60.0, pyr2_soma_pa=-50.0, pyr1_dendrite_pa=100.0, pyr2_dendrite_pa=50.0
    ),
    "weak and slow": Params(
        feedforward_pa=120.0, feedback_pa=60.0, feedforward_period_ms=700.0, feedback_period_ms=1500.0
    ),
}
SPIKING_REALIZATIONS = 3
MAIN = {
    "feedforward": ("E of pyr1", "P of pyr1", "E of pyr2", "rate of PV", "rate of SOM"),
    "feedback": ("P of pyr1", "P of pyr2", "rate of SOM"),
}
CROSS_TALK = {"feedforward": ("P of pyr2",), "feedback": ("E of pyr1", "E of pyr2")}


def predict(
    params: Params, effort: Effort, told: Callable[[str], None]
) -> tuple[Ensemble, pd.DataFrame, pd.DataFrame]:
    """Return the rate model of a configuration, its rates, and the rates of the simulated circuit."""
    model = ensemble(build(params), effort=effort, progress=told)
    record = Record(spikes=False, rates_bin_ms=params.bin_ms)
    rates = model.run(duration_ms(params), record=record).rates
    parts = [
        simulate(build(params), duration_ms(params), seed=1, realization=k, record=record).rates
        for k in range(1, SPIKING_REALIZATIONS + 1)
    ]
    return model, rates, pd.concat(parts, ignore_index=True)


def compare(configuration: str, rates: pd.DataFrame, spiking: pd.DataFrame, params: Params) -> pd.DataFrame:
    """Return means, amplitudes and phases: ``configuration, signal, figure, rate_model, spiking, sd``."""
    ours: Any = means(figures(rates, _protocol(params)))["mean"]
    theirs: Any = means(figures(spiking, _protocol(params)))
    kept = [key for key in theirs.index if key[1].split()[-1] in ("mean", "amplitude", "phase")]
    frame = pd.DataFrame(
        {
            "configuration": configuration,
            "signal": [key[0] for key in kept],
            "figure": [key[1] for key in kept],
            "rate_model": [float(ours.loc[key]) for key in kept],
            "spiking": [float(theirs.loc[key, "mean"]) for key in kept],
            "sd": [float(theirs.loc[key, "sd"]) for key in kept],
        }
    )
    return frame.assign(error=errors(frame))


def means(table: pd.DataFrame) -> pd.DataFrame:
    """Return mean and SD over realizations of each figure, phases on the circle: columns ``mean, sd``."""
    rows = {}
    for key, group in table.groupby(["signal", "figure"], sort=False):
        values = group["value"].to_numpy()
        if str(key[1]).endswith("phase"):
            middle = np.degrees(np.angle(np.mean(np.exp(1j * np.radians(values)))))
            values = middle + wrapped(values - middle)
        rows[key] = {"mean": values.mean(), "sd": values.std(ddof=1) if len(values) > 1 else np.nan}
    return pd.DataFrame.from_dict(rows, orient="index")


def errors(frame: pd.DataFrame) -> np.ndarray:
    """Return relative errors, of phases the difference in degrees."""
    phase = frame["figure"].str.endswith("phase").to_numpy()
    ours, theirs = frame["rate_model"].to_numpy(), frame["spiking"].to_numpy()
    return np.where(phase, wrapped(ours - theirs), ours / np.where(theirs == 0, np.nan, theirs) - 1.0)


def summary(table: pd.DataFrame) -> dict[str, float]:
    """Return the largest and rms errors of one configuration: means, amplitudes, phases, cross-talk."""
    found: dict[str, float] = {}
    indexed: Any = table.set_index(["signal", "figure"])

    def take(keys: list[tuple[str, str]]) -> np.ndarray:
        return np.abs(indexed.loc[keys, "error"].to_numpy())

    groups = {"mean": [(s, "mean") for s in MAIN["feedforward"] + ("P of pyr2",)]}
    for which, signals in MAIN.items():
        groups[f"{which} amplitude"] = [
            (s, f"{which} amplitude") for s in signals if not (which == "feedforward" and s == "rate of SOM")
        ]
    groups["feedforward amplitude of SOM"] = [("rate of SOM", "feedforward amplitude")]
    groups["phase"] = [
        (s, f"{which} phase") for which, signals in MAIN.items() for s in signals if _clear(indexed, s, which)
    ]
    groups["cross-talk"] = [
        (s, f"{which} amplitude")
        for which, signals in CROSS_TALK.items()
        for s in signals
        if _clear(indexed, s, which)
    ]
    for name, keys in groups.items():
        if keys:
            found[f"{name} largest"], found[f"{name} rms"] = (
                take(keys).max(),
                np.sqrt((take(keys) ** 2).mean()),
            )
    return {name: float(value) for name, value in found.items()}


def _clear(indexed: Any, signal: str, which: str) -> bool:
    """Whether an amplitude is at least four times its spread over realizations: below that it is noise."""
    row = indexed.loc[(signal, f"{which} amplitude")]
    return bool(row["spiking"] >= 4 * row["sd"])


def ablations(model: Ensemble, params: Params, spiking: pd.DataFrame) -> pd.DataFrame:
    """Return the errors with one ingredient changed at a time: ``ingredient``, columns of `summary`."""
    rows = []
    for name, changed in variants(model).items():
        trajectory = model.trajectory(duration_ms(params), check=False, model=changed)
        rates = binned(trajectory, model.circuit, params.bin_ms, model.dt_ms)
        rows.append({"ingredient": name, **summary(compare(name, rates, spiking, params))})
    return pd.DataFrame(rows)


def variants(model: Ensemble) -> dict[str, Model]:
    """Return the arrays of the rate model with one ingredient changed at a time."""
    full = model.arrays
    no_lag = full.pro.relay.copy()
    no_lag[:, 4] = 2.0
    plain = np.where(full.pro.what == RELAY, PLAIN, full.pro.what)
    fast = np.full_like(full.pop.adapt_ms, 2.0)
    unfiltered = full.pop._replace(filtered=np.zeros_like(full.pop.filtered))
    return {
        "full": full,
        "usual mean field of short-term plasticity": full._replace(pro=full.pro._replace(what=plain)),
        "adaptation inside a static curve": full._replace(pop=full.pop._replace(adapt_ms=fast)),
        "mean voltage as driving force of dendrites": full._replace(
            rec=full.rec._replace(kappa=_mean_voltage_kappa(model))
        ),
        "no network noise": full._replace(pop=full.pop._replace(offset=np.zeros_like(full.pop.offset))),
        "facilitation without lag": full._replace(pro=full.pro._replace(relay=no_lag)),
        "no dendritic filter": full._replace(pop=unfiltered),
        "no burst lag": full._replace(pop=full.pop._replace(lag=np.zeros_like(full.pop.lag))),
        "all static": full._replace(
            pop=unfiltered._replace(adapt_ms=fast, lag=np.zeros_like(full.pop.lag)),
            pro=full.pro._replace(relay=no_lag),
        ),
    }


def _mean_voltage_kappa(model: Ensemble) -> np.ndarray:
    """Return driving forces of dendritic receptors as the mean somatic potential gives them."""
    kappa = model.arrays.rec.kappa.copy()
    for k, (name, receptor) in enumerate(model.arrays.receptors):
        neuron = model.circuit.neurons(name).neuron
        if isinstance(neuron, PyramidalNeuron) and compartment(neuron, receptor) == "dendrite":
            voltage = float(model.answers[name]["voltage_mv"].median())
            reversal = neuron.e_inh if receptor.endswith("inh") else neuron.e_exc
            kappa[k] = neuron.c_d / neuron.tau_d * (reversal - voltage)
    return kappa


def curve_table(model: Ensemble) -> pd.DataFrame:
    """Return how well each population's curves fit: residuals, driving forces, noise correction."""
    rows = []
    for name, response in model.responses.items():
        rows.append(
            {
                "population": name,
                **response.residuals,
                **{f"kappa_{r}_pa": k for r, k in response.kappa.items()},
                "noise_soma_pa": response.offset[0, 0],
                "noise_dendrite_pa": response.offset[1, 0],
                "second_spike_ms": response.second_spike_ms,
                "relay_rms": max((relay.rms for relay in response.relays), default=np.nan),
            }
        )
    return pd.DataFrame(rows)


def shorter(params: Params) -> Params:
    """Return the configuration of the quick version: two seconds of stimulation."""
    return replace(params, stimulation_ms=2250.0)


def _protocol(params: Params) -> Protocol:
    return Protocol(
        params.settling_ms, params.bin_ms, params.feedforward_period_ms, params.feedback_period_ms
    )
