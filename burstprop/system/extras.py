"""Optional libraries: which extra installs them, and the error where one is missing."""

from __future__ import annotations

import importlib
from typing import Any

from burstprop.errors import BurstpropError

#: Library, as imported -> the extra of burstprop that installs it.
EXTRAS = {
    "matplotlib": "plot",
    "joblib": "plot",
    "jinja2": "plot",
    "torch": "train",
    "PIL": "train",
    "dask": "dask",
    "distributed": "dask",
    "tensorboard": "tensorboard",
    "bokeh": "explore",
    "xarray": "xarray",
    "pynapple": "pynapple",
    "neo": "neo",
    "pynwb": "nwb",
    "h5py": "sonata",
    "pyarrow": "parquet",
}


def missing(library: str, what: str) -> BurstpropError:
    """Return the error that says which optional library ``what`` needs, and how to install it."""
    command = f'pip install "burstprop[{EXTRAS[library]}]"' if library in EXTRAS else f"pip install {library}"
    return BurstpropError(f"{what} needs {library}, which is not installed: {command}")


def optional(library: str, what: str) -> Any:
    """Import an optional library for ``what``.

    Raises
    ------
    BurstpropError
        It is not installed.
    """
    try:
        return importlib.import_module(library)
    except ModuleNotFoundError as error:
        if error.name != library:
            raise
        raise missing(library, what) from None
