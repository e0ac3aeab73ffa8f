"""Import and run Brian2 where every warning is an error: only its own known deprecations are let through."""

import contextlib
import warnings

import pytest

KNOWN = [
    # brian2 2.9 calls pyparsing 3.3 by its old names
    (r"'\w+' (deprecated|argument is deprecated)", DeprecationWarning),
]


@contextlib.contextmanager
def known_warnings():
    """Ignore the warnings listed in `KNOWN`, and only those."""
    with warnings.catch_warnings():
        for message, category in KNOWN:
            warnings.filterwarnings("ignore", message=message, category=category)
        yield


def brian2_or_skip():
    """Return the module brian2, set to its NumPy target, or skip the calling test if not installed."""
    with known_warnings():
        brian2 = pytest.importorskip("brian2", reason="brian2 is not installed (pip install -e '.[dev]')")
    brian2.prefs.codegen.target = "numpy"
    brian2.BrianLogger.log_level_error()
    return brian2
