"""The claims about the bridge: what is predicted, how well, and what each ingredient and design is worth.

The bounds were fixed before the run.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pandas as pd

from burstprop.report.claim import Claim

from .derivatives import agreement
from .xor import SPIKING, SPIKING_CURVE, half_chance, near

INF = math.inf
PROPAGATION = {
    "mean largest": (0.08, "means of E, P, PV and SOM: largest relative error"),
    "feedforward amplitude largest": (0.15, "amplitudes at the somatic period: largest relative error"),
    "feedforward amplitude of SOM largest": (0.20, "amplitude of SOM at the somatic period: relative error"),
    "feedback amplitude largest": (0.20, "amplitudes at the dendritic period: largest relative error"),
    "phase largest": (8.0, "phases of all these: largest error"),
    "cross-talk largest": (0.40, "cross-talk above noise: largest relative error"),
}
WORSE = {
    "usual mean field of short-term plasticity": ("feedforward amplitude rms", 3.0),
    "adaptation inside a static curve": ("feedforward amplitude rms", 2.0),
    "mean voltage as driving force of dendrites": ("feedback amplitude rms", 2.0),
    "no network noise": ("mean rms", 1.5),
}
"""Ingredient -> which error it is worth, and by what factor at least."""
CHANCE = 4 * math.log(2)


def check(frames: dict[str, pd.DataFrame]) -> list[Claim]:
    """Return the claims about the frames of the experiment; what was not run is not claimed."""
    numbers = frames["numbers"].groupby("what")["value"].mean()
    claims = [*_curves(frames, numbers), *_propagation(frames, numbers)]
    claims += [*_xor(frames, numbers), *_alignment(frames), *_derivatives(frames["derivatives"])]
    return claims


def _curves(frames: dict[str, pd.DataFrame], numbers: pd.Series) -> list[Claim]:
    curves: Any = frames["curves"].set_index("population")
    claims = []
    for name in curves.index:
        pyramidal = name.startswith("pyr")
        error = curves.loc[name, "events_rms" if pyramidal else "spikes_rms"]
        what = "events" if pyramidal else "rate"
        claims.append(Claim(f"curve of {name}: {what}, rms of the fit", float(error), 0.0, 0.02, "1"))
        if pyramidal:
            claims.append(
                Claim(
                    f"curve of {name}: burst probability, rms of the fit",
                    float(curves.loc[name, "burst_prob_rms"]),
                    0.0,
                    0.01,
                )
            )
            claims.append(
                Claim(
                    f"{name}: what depressing and facilitating synapses pass, rms of the fit",
                    float(curves.loc[name, "relay_rms"]),
                    0.0,
                    0.03,
                )
            )
    claims += [
        Claim(
            "Burst-Poisson neuron: events in closed form, rms",
            float(numbers["Burst-Poisson neuron: events_rms"]),
            0.0,
            0.04,
        ),
        Claim(
            "Burst-Poisson neuron: burst probability in closed form, rms",
            float(numbers["Burst-Poisson neuron: burst_prob_rms"]),
            0.0,
            0.02,
        ),
    ]
    return claims


def _propagation(frames: dict[str, pd.DataFrame], numbers: pd.Series) -> list[Claim]:
    claims = []
    for name in frames["propagation"]["configuration"].unique():
        for key, (bound, text) in PROPAGATION.items():
            what = f"{key}, {name}"
            if what in numbers:
                unit = "deg" if key.startswith("phase") else "1"
                claims.append(Claim(f"propagation, {name}: {text}", float(numbers[what]), 0.0, bound, unit))
    ablations: Any = frames["ablations"].set_index("ingredient")
    for ingredient, (column, factor) in WORSE.items():
        ratio = float(ablations.loc[ingredient, column] / ablations.loc["full", column])
        claims.append(
            Claim(f"{ingredient}: {column} error over that of the full model", ratio, factor, INF, "1")
        )
    what = "processor time of 4 s of the propagation circuit in rates"
    claims.append(Claim(what, float(numbers[what]), 0.0, 0.1, "s"))
    return claims


def _xor(frames: dict[str, pd.DataFrame], numbers: pd.Series) -> list[Claim]:
    xor = frames["xor"]
    units = xor[(xor["level"] == "units") & (xor["variant"] == "published")]
    last = int(units["epoch"].max())
    claims = []
    for epoch, spiking in SPIKING_CURVE:
        if epoch in (1, 50, 100, 150, 200, 250, 350, 490) and epoch + 5 <= last:
            bound = 0.15 if epoch <= 250 else 0.2
            claims.append(
                Claim(
                    f"XOR, one unit per neuron: cost around epoch {epoch}",
                    near(units, epoch),
                    spiking - bound,
                    spiking + bound,
                    "nats",
                    f"{spiking:.2f} (spiking)",
                )
            )
    mean = xor[xor["level"] == "six mean weights"]
    claims.append(
        Claim(
            f"XOR, six mean weights: cost after {int(mean['epoch'].max())} epochs",
            near(mean, int(mean["epoch"].max())),
            2.2,
            INF,
            "nats",
            f"by guessing {CHANCE:.2f}",
        )
    )
    if "state" in frames:
        state = frames["state"]
        away = (state["rate"] - state["spiking"]).abs()
        weights = state["what"].str.startswith("weight")
        claims += [
            Claim("XOR, epoch 100: event rates, largest error", float(away[~weights].max()), 0.0, 0.5, "Hz"),
            Claim("XOR, epoch 100: mean weights, largest error", float(away[weights].max()), 0.0, 0.01, "1"),
        ]
    if last >= 480:
        claims += _order(xor, last)
    what = "processor time of an epoch of XOR in rates"
    claims.append(Claim(f"{what}, times 500", 500.0 * float(numbers[what]), 0.0, 20.0, "s"))
    return claims


def _order(xor: pd.DataFrame, last: int) -> list[Claim]:
    """Return whether the variants reach half of chance in the order of the spiking circuit."""
    claims: list[Claim] = []
    own = {name: part for name, part in xor[xor["level"] == "units"].groupby("variant")}
    if len(own) < len(SPIKING):
        return claims
    spiking = sorted((half, name) for name, (_, half) in SPIKING.items() if math.isfinite(half))
    ours = [half_chance(own[name]) for _, name in spiking]
    swaps = sum(not a < b for a, b in pairwise(ours))
    claims.append(
        Claim(
            "XOR variants: neighbours out of order by the epoch of half chance",
            float(swaps),
            0.0,
            0.0,
            "1",
            ", ".join(name for _, name in spiking),
        )
    )
    for name, (cost, _) in SPIKING.items():
        if name != "published":
            claims.append(
                Claim(
                    f"XOR, {name}: cost of the last epochs",
                    near(own[name], last),
                    cost - 0.3,
                    cost + 0.3,
                    "nats",
                    f"{cost:.2f} (spiking)",
                )
            )
    return claims


def _derivatives(table: pd.DataFrame) -> list[Claim]:
    claims = []
    found: Any = agreement(table)
    for row in found.itertuples():
        where = f"output by mean weights, epoch {row.epoch}, {row.layer}"
        if row.layer in ("output", "all"):
            claims.append(
                Claim(f"{where}: cosine of spiking differences and the gradient", row.cosine, 0.95, 1.0)
            )
        if row.layer == "output":
            claims.append(Claim(f"{where}: size of spiking differences over it", row.size, 0.8, 1.2))
    return claims


def _alignment(frames: dict[str, pd.DataFrame]) -> list[Claim]:
    table: Any = frames["alignment"].set_index(["variant", "epoch", "layer", "against"])
    claims = []
    for variant, epoch in sorted({key[:2] for key in table.index}, key=str):
        for layer in ("hidden1", "hidden2", "output"):
            row = table.loc[(variant, epoch, layer, "rate")]
            where = f"{variant}, epoch {epoch}, {layer}"
            claims.append(
                Claim(f"{where}: cosine of spiking change and rate units", row["cosine"], 0.98, 1.0)
            )
            claims.append(
                Claim(f"{where}: size of the spiking change over rate units", row["size"], 0.85, 1.15)
            )
            value = float(table.loc[(variant, epoch, layer, "minus_gradient"), "cosine"])
            against = variant == "published" and layer == "hidden2" and epoch <= 10
            if against:
                claims.append(Claim(f"{where}: moves against the gradient, cosine", value, -1.0, -0.7))
            elif not (variant == "published" and layer == "hidden2"):
                claims.append(Claim(f"{where}: follows the gradient, cosine", value, 0.85, 1.0))
        value = float(table.loc[(variant, epoch, "all", "reduced"), "cosine"])
        claims.append(
            Claim(
                f"{variant}, epoch {epoch}: reduced rule with constants read off the curves, cosine",
                value,
                0.8,
                1.0,
            )
        )
    return claims
