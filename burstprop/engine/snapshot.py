"""The moving part of a compiled circuit as plain arrays, in a form that does not depend on the number of threads."""

from __future__ import annotations

import numpy as np

from burstprop.engine import network as nw

COPIED = (
    "state",
    "last",
    "trace",
    "open",
    "presynaptic_trace",
    "presynaptic_open",
    "poisson_log_miss",
    "uniform_weight",
    "weights",
    "stp_x",
    "stp_u",
    "stp_last",
    "e_pre",
    "average_event",
    "average_burst",
    "average_spike",
)


def take(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Copy everything that a run changes; the ring of spikes as one list, step by step, neurons ascending."""
    out = {name: arrays[name].copy() for name in COPIED}
    slots, emitters, places, lanes = [], [], [], []
    for slot in range(arrays["sizes"][nw.RING]):
        for e in range(len(arrays["emitter_n"])):
            for t in range(arrays["sizes"][nw.THREADS]):
                lane = np.arange(
                    arrays["bounds"][e, t], arrays["bounds"][e, t] + arrays["counts"][slot, e, t]
                )
                slots.append(np.full(len(lane), slot, np.int32))
                emitters.append(np.full(len(lane), e, np.int32))
                places.append(arrays["emitter_spikes"][e] + slot * arrays["emitter_width"][e] + lane)
                lanes.append(slot * arrays["emitter_width"][e] + lane)
    place, emitter = np.concatenate(places), np.concatenate(emitters)
    heard = arrays["emitter_presynaptic"][emitter]
    out["ring_slot"], out["ring_emitter"] = np.concatenate(slots), emitter
    out["ring_neuron"], out["ring_flag"] = arrays["spikes"][place], arrays["flags"][place]
    out["ring_presynaptic_flag"] = np.where(
        heard, arrays["presynaptic_flags"][np.where(heard, place, 0)], 0
    ).astype(np.uint8)
    lane = np.concatenate(lanes)
    for k, (source, _, first) in enumerate(arrays["stp"]):
        out[f"ring_efficacy_{k}"] = arrays["efficacy"][first + lane[emitter == source]]
    out["plastic_on"] = np.array(arrays["control"][nw.PLASTIC_ON])
    return out


def put(arrays: dict[str, np.ndarray], saved: dict[str, np.ndarray]) -> None:
    """Put back what `take` copied, into a network of the same circuit and seed and any number of threads.

    Raises
    ------
    KeyError, ValueError
        An array is missing or has another shape.
    """
    for name in COPIED:
        target = arrays[name]
        if saved[name].shape != target.shape:
            raise ValueError(f"{name} has shape {saved[name].shape} instead of {target.shape}")
    for name in COPIED:
        arrays[name][...] = saved[name]
    arrays["counts"][...] = 0
    emitter, neuron, slot = saved["ring_emitter"], saved["ring_neuron"], saved["ring_slot"]
    place_in_ring = np.empty(len(neuron), np.int64)
    for k, (e, i, s) in enumerate(zip(emitter, neuron, slot, strict=True)):
        t = max(int(np.searchsorted(arrays["bounds"][e, 1:], i, side="right")), 0)
        place_in_ring[k] = s * arrays["emitter_width"][e] + arrays["bounds"][e, t] + arrays["counts"][s, e, t]
        arrays["counts"][s, e, t] += 1
    place = arrays["emitter_spikes"][emitter] + place_in_ring
    arrays["spikes"][place], arrays["flags"][place] = neuron, saved["ring_flag"]
    heard = arrays["emitter_presynaptic"][emitter]
    arrays["presynaptic_flags"][place[heard]] = saved["ring_presynaptic_flag"][heard]
    for k, (source, _, first) in enumerate(arrays["stp"]):
        arrays["efficacy"][first + place_in_ring[emitter == source]] = saved[f"ring_efficacy_{k}"]
    arrays["control"][nw.PLASTIC_ON] = int(saved["plastic_on"])
