"""Shared by all tests: one circuit of every neuron model, so that its loop is compiled once per precision.

This file also puts its folder on the path, so that tests can import ``oracles``, ``brian_twin`` and
``engine``, and gives what burstprop notes about a user a folder of the tests' own.
"""

import os
import tempfile

_notes = tempfile.TemporaryDirectory(prefix="burstprop-notes-")
os.environ["XDG_STATE_HOME"] = _notes.name
