"""Experiments: what one is, and what there are: circuits, the comparison of rules, your own files."""

from burstprop.experiments.experiment import Beside, Execution, Experiment

__all__ = ["Beside", "Execution", "Experiment"]
