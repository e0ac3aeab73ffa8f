"""Settings of the documentation; ``sphinx-build -W docs docs/_build/html`` builds it without a network."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "make"))

import generated  # noqa: E402

import burstprop  # noqa: E402

project = "burstprop"
author = "The burstprop developers"
copyright = author
release = burstprop.__version__
html_title = f"burstprop {release}"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb", ".ipynb": "myst-nb"}
exclude_patterns = ["_build", "make"]
html_theme = "furo"
html_show_sphinx = False
nitpicky = False

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # notebooks and blocks are run by the tests

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_mock_imports: list[str] = []
napoleon_google_docstring = False
napoleon_use_rtype = False

generated.write(HERE)
