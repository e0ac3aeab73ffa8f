"""The rules once more, in plain NumPy and as the equations stand: two sweeps, b_t formed and b subtracted.

Slow and literal on purpose. Arrays are of the type they are given in; ``numpy.longdouble`` has the digits
that the differences lose. A layer is a dictionary: W (out x in, or out x in x k x k), bias, and Y, Q, Z where
a rule has them; ``stride`` for convolutions (without padding).
"""

from __future__ import annotations

import numpy as np

TINY = 1e-8


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    z = np.exp(z - z.max(1, keepdims=True))
    return z / z.sum(1, keepdims=True)


def is_conv(layer):
    return layer["W"].ndim == 4


def _patches(shape, layer):
    """Yield (output row, output column, input slices) of a convolution."""
    k, s = layer["W"].shape[2], layer.get("stride", 1)
    for i in range((shape[2] - k) // s + 1):
        for j in range((shape[3] - k) // s + 1):
            yield i, j, (slice(None), slice(None), slice(i * s, i * s + k), slice(j * s, j * s + k))


def drive(layer, e):
    if not is_conv(layer):
        return e.reshape(len(e), -1) @ layer["W"].T + layer["bias"]
    k, s = layer["W"].shape[2], layer.get("stride", 1)
    side = (e.shape[2] - k) // s + 1
    z = np.zeros((len(e), len(layer["W"]), side, side), e.dtype)
    for i, j, where in _patches(e.shape, layer):
        z[:, :, i, j] = np.einsum("ncab,ocab->no", e[where], layer["W"]) + layer["bias"]
    return z


def down(layer, signal, weight, shape):
    """Send a signal down through ``weight``; ``shape`` is that of the layer's input."""
    if not is_conv(layer):
        return (signal @ weight).reshape(shape)
    out = np.zeros(shape, signal.dtype)
    for i, j, where in _patches(shape, layer):
        out[where] += np.einsum("no,ocab->ncab", signal[:, :, i, j], weight)
    return out


def outer(layer, signal, e):
    """Return the sum over images (and places) of signal times input."""
    if not is_conv(layer):
        return signal.T @ e.reshape(len(e), -1)
    total = np.zeros(layer["W"].shape, signal.dtype)
    for i, j, where in _patches(e.shape, layer):
        total += np.einsum("no,ncab->ocab", signal[:, :, i, j], e[where])
    return total


def forward(layers, images, units="sigmoid", output="sigmoid"):
    """Return the rates of the input and of every layer."""
    rates = [images]
    for number, layer in enumerate(layers):
        z = drive(layer, rates[-1])
        if number == len(layers) - 1:
            rates.append(sigmoid(z) if output == "sigmoid" else softmax(z))
        else:
            rates.append(sigmoid(z) if units == "sigmoid" else np.maximum(z, 0))
    return rates


def apical_factor(e, units):
    return 1 - e if units == "sigmoid" else (e > 0) / (e + TINY)


def burstprop(
    layers, rates, t, *, teacher="squared", units="sigmoid", p0=0.2, kappa=1e-5, feedback="Y", teaching=0.2,
    inhibition=0.0, broadcast=None,
):  # fmt: skip
    """Return the changes of the burst rates of every layer as they are sent, output last, and those of Z.

    ``broadcast``: matrices by which every hidden layer hears the output layer in place of the layer above.

    ``teaching`` None: as published, each the change itself. Otherwise a change is sent over p0 from the
    output, and 4/teaching times itself from hidden layers, and moves a dendrite ``teaching`` times.
    """
    e = rates[-1]
    if teacher == "squared":
        kappa_top = 1.0
        b, bt = p0 * e, p0 * ((t - e) * (1 - e) + 1) * e
    else:
        kappa_top = kappa
        b, bt = p0 * e, np.minimum(p0 * (kappa * (t - e) / (e + TINY) + 1), 1) * e
    deltas, changes_z = [(bt - b) / kappa_top / (1 if teaching is None else p0)], []
    top = b, bt, deltas[0]
    for number in range(len(layers) - 2, -1, -1):
        above, e = layers[number + 1], rates[number + 1]
        signals = (b, bt, deltas[0]) if broadcast is None else top
        if broadcast is None:
            x, xt, dx = (down(above, signal, above[feedback], e.shape) for signal in signals)
        else:
            x, xt, dx = ((signal @ broadcast[number]).reshape(e.shape) for signal in signals)
        if teaching is not None:
            xt = x * (1 - inhibition) + teaching * dx
        elif broadcast is not None or number == len(layers) - 2:
            xt = (xt - x) / kappa_top + x * (1 - inhibition)
        else:
            xt = xt - x * inhibition
        x = x * (1 - inhibition)
        factor = apical_factor(e, units)
        u, ut, c = x * factor, xt * factor, 0
        if "Z" in layers[number]:
            pre = sigmoid(x) * e
            c = np.einsum("ni...,oi->no...", pre, layers[number]["Z"])
            pairs = np.einsum("no...,ni...->oi...", u - c, pre)
            changes_z.insert(0, pairs.reshape(*pairs.shape[:2], -1).sum(2))
        b, bt = sigmoid(u - c) * e, sigmoid(ut - c) * e
        deltas.insert(0, (bt - b) * (1 if teaching is None else 4 / teaching))
    return deltas, changes_z


def burstccn(
    layers, rates, t, *, teacher="squared", units="sigmoid", p0=0.5, s=0.5, h=1.0, r=1.0, ramp=False
):
    """Return the changes of the burst rates of every layer over their size, output last; Q of a layer without
    one is -p0 Y."""
    e = rates[-1]
    if teacher == "squared":
        events, pt = e, p0 * ((t - e) * (1 - e) * s + 1)
    elif h == 0:
        events, pt = e, 2 * p0 * sigmoid(4 * s * (t - e) / (e + TINY))
    else:
        events, pt = e + h, 2 * p0 * sigmoid(4 * p0 * s * (t - e) / (e + h))
    bt = pt * events
    deltas = [bt - p0 * events]
    for number in range(len(layers) - 2, -1, -1):
        above, e = layers[number + 1], rates[number + 1]
        q = above.get("Q", -p0 * above["Y"])
        apic = down(above, bt, above["Y"], e.shape) + down(above, events, q, e.shape)
        if number == len(layers) - 2:
            apic = apic * r
        if units == "sigmoid":
            factor = 1 - e
        else:
            factor = (np.minimum(np.maximum(e, 0), 1) if ramp else (e > 0)) / (e + TINY)
        events, bt = e, 2 * p0 * sigmoid(2 / p0 * apic * factor) * e
        deltas.insert(0, bt - p0 * e)
    size = p0 * s * (1 if teacher == "squared" else 2 * p0 if h else 2)
    return [delta / size / (1 if number == len(layers) - 1 else r) for number, delta in enumerate(deltas)]


def linear_feedback(layers, rates, t, *, teacher="squared", units="sigmoid", feedback="W", broadcast=None):
    """Return t - e sent down through ``feedback`` (W: backpropagation), or by matrices ``broadcast`` to every
    layer."""
    e = rates[-1]
    top = (t - e) * e * (1 - e) if teacher == "squared" else t - e
    deltas = [top]
    for number in range(len(layers) - 2, -1, -1):
        above, e = layers[number + 1], rates[number + 1]
        if broadcast is None:
            taught = down(above, deltas[0], above[feedback], e.shape)
        else:
            taught = (top @ broadcast[number]).reshape(e.shape)
        deltas.insert(0, taught * (e * (1 - e) if units == "sigmoid" else (e > 0)))
    return deltas


def gradients(layers, rates, deltas):
    """Return (dW, dbias) of every layer, minus the mean over the images: what ``.grad`` should hold."""
    count = len(rates[0])
    result = []
    for layer, e, delta in zip(layers, rates[:-1], deltas, strict=True):
        axes = (0, 2, 3) if is_conv(layer) else 0
        result.append((-outer(layer, delta, e) / count, -delta.sum(axis=axes) / count))
    return result
