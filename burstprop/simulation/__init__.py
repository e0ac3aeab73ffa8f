"""Running a circuit: `simulate` for a whole run, `Simulation` to steer one, long runs in a folder."""

from burstprop.simulation.simulation import Simulation, simulate

__all__ = ["Simulation", "simulate"]
