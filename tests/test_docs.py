"""What the documentation shows is run, what it links to is there, and the picture of the house is that of the code."""

from __future__ import annotations

import re
import runpy
import sys
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(
    path
    for path in DOCS.rglob("*.md")
    if path.relative_to(DOCS).parts[0] not in ("_build", "generated", "make")
)
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = [
    pytest.param(page, block, id=f"{page.relative_to(DOCS)}-{k}")
    for page in PAGES
    for k, block in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")))
]
GENERATED = {"api", "models", "command_line", "results", "changes"}
"""Pages that the build makes (docs/make/generated.py), beside the notebooks."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """One folder for each page: a block may read what an earlier one of its page wrote."""
    return {page: tmp_path_factory.mktemp(page.stem) for page in PAGES}


@pytest.mark.parametrize(("page", "block"), BLOCKS)
def test_block_runs(page, block, folders, monkeypatch):
    folder = folders[page]
    if "burstprop.reduced" in block or "torch" in block:
        pytest.importorskip("torch", reason="the reduced model needs PyTorch")
    if "brian2" in block:
        pytest.importorskip("brian2", reason="this block compares with Brian2")
        warnings.simplefilter("ignore")  # of Brian2's own making; pytest sets them back after the test
    program = folder / f"block_{abs(hash(block))}.py"
    program.write_text(block, encoding="utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    runpy.run_path(str(program), run_name=program.stem)


def test_pages_show_programs():
    assert len(BLOCKS) >= 12


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES], ids=lambda page: page.name
)
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http", "mailto:", "#")):
            continue
        there = (page.parent / target.partition("#")[0]).resolve()
        if there.parent == DOCS / "generated":
            assert there.stem in GENERATED or (ROOT / "notebooks" / f"{there.stem}.ipynb").is_file(), target
        else:
            assert there.exists(), f"{page.name} links to {target}"


def test_every_notebook_is_in_the_contents():
    contents = (DOCS / "index.md").read_text(encoding="utf-8")
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"\ngenerated/{notebook.stem}\n" in contents, f"docs/index.md leaves out {notebook.name}"


def test_the_house_is_drawn_from_the_code(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS / "make"))
    house = __import__("house")
    assert house.drawn() == house.PICTURE.read_text(encoding="utf-8"), "run python docs/make/house.py"
    with pytest.raises(ValueError, match=r"circle among \['a', 'b'\]"):
        house.storeys({"a": {"b"}, "b": {"a"}, "c": set()})
    assert house.shortened({"a": {"b", "c"}, "b": {"c"}, "c": set()})["a"] == {"b"}
    sys.modules.pop("house")
