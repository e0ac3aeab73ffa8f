"""Shared by all tests: one circuit of every neuron model, so that its loop is compiled once per precision.

This file also puts its folder on the path, so that tests can import ``oracles``, ``brian_twin`` and
``engine``.
"""
