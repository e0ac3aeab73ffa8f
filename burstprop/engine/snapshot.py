"""The moving part of a compiled circuit as plain arrays, in a form that any number of threads can read."""

from __future__ import annotations

import numpy as np

from burstprop.engine import network as nw
from burstprop.engine.ring import lane_in

SAVED = [name for name, array in nw.ARRAYS.items() if array.role is nw.Role.SAVED]


def take(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Copy all that a run changes (`network.Role.SAVED`), and the ring of spikes.

    The ring becomes one list, step by step, neurons ascending.
    """
    out = {name: arrays[name].copy() for name in SAVED}
    slots, populations, lanes = [], [], []
    for slot in range(arrays["sizes"][nw.RING]):
        for e in range(len(arrays["population_n"])):
            for t in range(arrays["sizes"][nw.THREADS]):
                lane = lane_in(arrays, e, slot, t) + np.arange(arrays["counts"][t, slot, e])
                slots.append(np.full(len(lane), slot, np.int32))
                populations.append(np.full(len(lane), e, np.int32))
                lanes.append(lane)
    lane, population = np.concatenate(lanes), np.concatenate(populations)
    place = arrays["population_spikes"][population] + lane
    heard = arrays["population_presynaptic"][population]
    out["ring_slot"], out["ring_population"] = np.concatenate(slots), population
    out["ring_neuron"], out["ring_flag"] = arrays["spikes"][place], arrays["flags"][place]
    out["ring_presynaptic_flag"] = np.where(
        heard, arrays["presynaptic_flags"][np.where(heard, place, 0)], 0
    ).astype(np.uint8)
    for k, (source, _, first) in enumerate(arrays["stp"]):
        out[f"ring_efficacy_{k}"] = arrays["efficacy"][first + lane[population == source]]
    return out


def put(arrays: dict[str, np.ndarray], saved: dict[str, np.ndarray]) -> None:
    """Put back what `take` copied, into a network of the same circuit, seed and ring, whatever its threads.

    Raises
    ------
    KeyError, ValueError
        An array is missing, or of another shape or type; nothing has been put back then.
    """
    for name in SAVED:
        found, target = saved[name], arrays[name]
        if found.shape != target.shape or found.dtype != target.dtype:
            raise ValueError(
                f"{name} is {found.dtype} of shape {found.shape} instead of {target.dtype} of shape "
                f"{target.shape}"
            )
    population, neuron, slot = saved["ring_population"], saved["ring_neuron"], saved["ring_slot"]
    flag, presynaptic_flag = saved["ring_flag"], saved["ring_presynaptic_flag"]
    if not len(population) == len(neuron) == len(slot) == len(flag) == len(presynaptic_flag):
        raise ValueError("the spikes on their way have columns of different lengths")
    efficacies = [saved[f"ring_efficacy_{k}"] for k in range(len(arrays["stp"]))]
    for name in SAVED:
        arrays[name][...] = saved[name]
    arrays["counts"][...] = 0
    lane = np.empty(len(neuron), np.int64)
    for k, (e, i, s) in enumerate(zip(population, neuron, slot, strict=True)):
        t = max(int(np.searchsorted(arrays["bounds"][e, 1:], i, side="right")), 0)
        lane[k] = lane_in(arrays, e, s, t) + arrays["counts"][t, s, e]
        arrays["counts"][t, s, e] += 1
    place = arrays["population_spikes"][population] + lane
    arrays["spikes"][place], arrays["flags"][place] = neuron, flag
    heard = arrays["population_presynaptic"][population]
    arrays["presynaptic_flags"][place[heard]] = presynaptic_flag[heard]
    for (source, _, first), efficacy in zip(arrays["stp"], efficacies, strict=True):
        arrays["efficacy"][first + lane[population == source]] = efficacy
