"""The burst-dependent learning rule with its homeostatic terms, on a dense matrix of weights."""

import numpy as np

RULE = dict(
    eta=3.5e-3, tau_pre=100.0, tau_avg=5000.0, E_min=2.0, E_max=12.0, w_min=0.0, w_max=1.0,
    rate_of="spikes", tau_rate=30000.0, rate_start=0.1,
    fixed_Pbar=None, Pbar_max=1.0, E_start=0.0, B_start=0.0,
)  # fmt: skip
"""``rate_of``: the rate R of the presynaptic homeostatic term is that of all "spikes" over ``tau_rate``
(published) or that of the "events" (Ebar). ``fixed_Pbar`` 0.15 is the form with coefficients +1 and -0.15.
Rates in Hz. Without homeostasis: E_min = 0, E_max = inf. Without bounds: w_min = -inf, w_max = inf,
Pbar_max = inf."""


class BurstRule:
    """Weights ``w`` (pre, post) where ``mask`` says that there is a synapse, and the traces of both sides."""

    def __init__(self, w, mask, dt, params):
        self.p = p = {**RULE, **params}
        self.w = np.where(mask, np.asarray(w, dtype=np.float64), 0.0)
        self.mask = np.asarray(mask, dtype=bool)
        n_pre, n_post = self.w.shape
        self.dt, self.on = dt, True
        self.e_pre = np.zeros(n_pre)
        # the averages are kept in Hz: a spike adds 1000/tau
        self.E = np.full(n_post, float(p["E_start"]))
        self.B = np.full(n_post, float(p["B_start"]))
        self.R = np.full(n_post, float(p["rate_start"]))

    def decay(self):
        """Let one step pass; to be called before the spikes of the step are seen."""
        self.e_pre = self.e_pre * np.exp(-self.dt / self.p["tau_pre"])
        self.E = self.E * np.exp(-self.dt / self.p["tau_avg"])
        self.B = self.B * np.exp(-self.dt / self.p["tau_avg"])
        self.R = self.R * np.exp(-self.dt / self.p["tau_rate"])

    def _add(self, dw):
        if self.on:
            self.w = np.where(self.mask, np.clip(self.w + dw, self.p["w_min"], self.p["w_max"]), 0.0)

    def presynaptic(self, events):
        """Take the presynaptic events of this step, after they were transmitted."""
        p = self.p
        rate = {"spikes": self.R, "events": self.E}[p["rate_of"]]
        self._add(np.outer(events, p["eta"] * np.maximum(0.0, p["E_min"] - rate)))
        self.e_pre = self.e_pre + events

    def postsynaptic(self, events, bursts, spikes):
        """Take the postsynaptic events, bursts and spikes of this step, after `presynaptic`."""
        p = self.p
        silent = self.E == 0.0
        E = np.where(silent, 1.0, self.E)  # no division by 0 where Pbar is -1 anyway
        Pbar = np.where(silent, -1.0, np.minimum(p["Pbar_max"], self.B / E))
        if p["fixed_Pbar"] is not None:
            Pbar = np.full_like(E, p["fixed_Pbar"])
        excess = np.maximum(0.0, self.E - p["E_max"])
        h = -excess / E
        self._add(np.outer(self.e_pre, p["eta"] * (h - Pbar) * events))
        self._add(np.outer(self.e_pre, p["eta"] * (1.0 + h) * bursts))
        self.E = self.E + events * 1000.0 / p["tau_avg"]
        self.B = self.B + bursts * 1000.0 / p["tau_avg"]
        self.R = self.R + spikes * 1000.0 / p["tau_rate"]
