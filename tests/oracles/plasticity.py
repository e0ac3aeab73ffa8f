"""The burst-dependent learning rule with its homeostatic terms, on a dense matrix of weights."""

import numpy as np

RULE = dict(
    eta=3.5e-3, tau_pre=100.0, tau_avg=5000.0, E_min=2.0, E_max=12.0, w_min=0.0, w_max=1.0,
    rate_of="spikes", tau_rate=30000.0, rate_start=0.1,
    fixed_Pbar=None, Pbar_max=1.0, E_start=0.0, B_start=0.0, tau_homeostasis=None, burst_credit="burst",
)  # fmt: skip
"""``rate_of``: the rate R of the presynaptic homeostatic term is that of all "spikes" over ``tau_rate``
(published) or that of the "events" (Ebar). ``fixed_Pbar`` 0.15 is the form with coefficients +1 and -0.15.
``tau_homeostasis`` gives E_max and the lower term averages of their own, which `hold` leaves alone;
``burst_credit`` "event" changes a weight at a burst by the e_pre that its event met. Rates in Hz. Without homeostasis: E_min = 0, E_max = inf. Without bounds: w_min = -inf, w_max = inf,
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
        self.own_homeostasis = p["tau_homeostasis"] is not None
        self.slow = np.zeros(n_post)
        self.held = False
        self.met = np.zeros((n_pre, n_post))

    def decay(self):
        """Let one step pass; to be called before the spikes of the step are seen."""
        self.e_pre = self.e_pre * np.exp(-self.dt / self.p["tau_pre"])
        self._decay_averages()

    def _decay_averages(self):
        if not self.held:
            self.E = self.E * np.exp(-self.dt / self.p["tau_avg"])
            self.B = self.B * np.exp(-self.dt / self.p["tau_avg"])
        if not self.held or self.own_homeostasis:
            self.R = self.R * np.exp(-self.dt / self.p["tau_rate"])
        if self.own_homeostasis:
            self.slow = self.slow * np.exp(-self.dt / self.p["tau_homeostasis"])

    def hold(self):
        """Hold the averages as the next step would find them, until `go_on`."""
        slow, R = self.slow, self.R
        self._decay_averages()
        if self.own_homeostasis:
            self.slow, self.R = slow, R
        self.held = True

    def go_on(self):
        """Let the averages go on: the next step finds them as they were held."""
        self.held = False
        p = self.p
        self.E, self.B = (x * np.exp(self.dt / p["tau_avg"]) for x in (self.E, self.B))
        if not self.own_homeostasis:
            self.R = self.R * np.exp(self.dt / p["tau_rate"])

    def _add(self, dw):
        if self.on:
            self.w = np.where(self.mask, np.clip(self.w + dw, self.p["w_min"], self.p["w_max"]), 0.0)

    def presynaptic(self, events):
        """Take the presynaptic events of this step, after they were transmitted."""
        p = self.p
        rate = {"spikes": self.R, "events": self.slow if self.own_homeostasis else self.E}[p["rate_of"]]
        if events.any():
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
        active = self.slow if self.own_homeostasis else self.E
        h = -np.maximum(0.0, active - p["E_max"]) / np.where(active == 0.0, 1.0, active)
        self.met = np.where(events, self.e_pre[:, None], self.met)
        met = self.met if p["burst_credit"] == "event" else self.e_pre[:, None]
        if events.any():
            self._add(np.outer(self.e_pre, p["eta"] * (h - Pbar) * events))
        if bursts.any():
            self._add(met * (p["eta"] * (1.0 + h) * bursts))
        if not self.held:
            self.E = self.E + events * 1000.0 / p["tau_avg"]
            self.B = self.B + bursts * 1000.0 / p["tau_avg"]
        if not self.held or self.own_homeostasis:
            self.R = self.R + spikes * 1000.0 / p["tau_rate"]
        if self.own_homeostasis:
            self.slow = self.slow + events * 1000.0 / p["tau_homeostasis"]
