"""Circuits of bursting pyramidal neurons, and networks that learn with bursts."""

__version__ = "0.1.0"
