import base64
import html.parser
import math
import re

import pandas as pd
import pytest

from burstprop.errors import BurstpropError
from burstprop.parameters import text_table
from burstprop.report.claim import Claim
from burstprop.report.report import claims_frame, claims_text, provenance, verdict, write_report

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
GOOD = Claim("event rate of pyr1", 5.512345, 5.0, 6.0, "Hz", "5.51 in the published program")
BAD = Claim("burst probability <P>", 0.61, 0.2, 0.4)
PROVENANCE = provenance(command=["burstprop", "reproduce", "a b"], seed=3, parameters={"w": 0.05}, threads=2)


class Page(html.parser.HTMLParser):
    """Collects tags, what they load, and the text of every table."""

    VOID = ("meta", "img", "line", "rect", "circle")

    def __init__(self, text):
        super().__init__()
        self.loads, self.tables, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)
        self.loads += [value for name, value in attrs if name in ("src", "data", "srcset") or tag == "link"]
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_startendtag(self, tag, attrs):
        assert tag in self.VOID

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, "tags must nest"

    def handle_data(self, data):
        if "td" in self.open or "th" in self.open:
            self.tables[-1][-1][-1] += data


@pytest.mark.parametrize(
    ("measured", "low", "high", "passed"),
    [
        (1.0, 1.0, 2.0, True),
        (2.0, 1.0, 2.0, True),
        (2.0001, 1.0, 2.0, False),
        (0.9999, 1.0, 2.0, False),
        (5.0, -math.inf, math.inf, True),
        (math.nan, -math.inf, math.inf, False),
        (1.0, math.nan, 2.0, False),
    ],
)
def test_a_claim_holds_within_its_bounds_and_nan_never(measured, low, high, passed):
    assert Claim("x", measured, low, high).passed is passed


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (1, 2, "1 … 2"),
        (-0.5, math.inf, "≥ −0.5"),
        (-math.inf, 12345.0, "≤ 1.234e+04"),
        (3, 3, "3"),
        (-math.inf, math.inf, "any number"),
    ],
)
def test_bounds_in_words(low, high, words):
    assert Claim("x", 0, low, high).allowed == words


def test_claims_as_frame_and_as_text():
    frame = claims_frame([GOOD, BAD])
    assert list(frame) == ["claim", "measured", "unit", "low", "high", "reference", "passed", "verdict"]
    assert frame["passed"].tolist() == [True, False]
    assert frame["verdict"].tolist() == ["pass", "FAIL"]

    assert frame["measured"].tolist() == [5.512345, 0.61]
    assert claims_frame([]).empty
    lines = claims_text([GOOD, BAD]).splitlines()
    assert len(lines) == 5
    assert re.search(r"event rate of pyr1 +5\.512 +5 … 6 +Hz .* pass$", lines[2])
    assert lines[3].endswith("FAIL")
    assert lines[-1] == "1 of 2 claims FAIL"
    assert verdict([GOOD]) == "1 of 1 claims hold"
    assert verdict([]) == "nothing was checked"


def test_a_claim_that_is_not_judged_neither_holds_nor_fails(tmp_path):
    left = Claim("spread", 0.3, 0.0, 0.1, "Hz", "published", not_judged="needs 5 realizations")
    assert (left.passed, left.failed, left.verdict) == (False, False, "not judged")
    assert verdict([GOOD, left]) == "1 of 1 claims hold, 1 not judged"
    assert verdict([GOOD, BAD, left]) == "1 of 2 claims FAIL, 1 not judged"
    assert verdict([left]) == "nothing was checked, 1 not judged"
    row = claims_text([GOOD, left]).splitlines()[-2]
    assert re.search(r"^spread +0\.3 +needs 5 realizations +Hz +published +not judged$", row)
    path = write_report(
        tmp_path, title="t", text="x", claims=[GOOD, left], figures={}, tables={}, provenance=PROVENANCE
    )
    cells = Page(path.read_text()).tables[0][-1]
    assert cells[0] == "–"
    assert "needs 5 realizations" in cells


def test_provenance_is_complete_and_quotes_the_command():
    assert PROVENANCE["run_again"] == "burstprop reproduce 'a b'"
    assert PROVENANCE["seed"] == 3
    assert PROVENANCE["threads"] == 2
    assert PROVENANCE["parameters"] == {"w": 0.05}
    assert {"burstprop", "python", "numpy", "numba", "scipy", "pandas"} <= set(PROVENANCE["versions"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", PROVENANCE["date"])
    assert PROVENANCE["cpu"]


def test_the_page_carries_everything_in_itself(tmp_path):
    figure = tmp_path / "figure.png"
    figure.write_bytes(PNG)
    aligned = "Neurons\n" + text_table(
        [("pyr1", "4000", "two words"), ("PV", "", "x")], ("name", "size", "meaning")
    )
    path = write_report(
        tmp_path,
        title="Two messages & one circuit",
        text="First\nparagraph.\n\n    dV/dt < 0\n\n"
        "- one `x` is\n  2*3*4\n- *two* of https://doi.org/10.1/ab.\n\nClaim: a < b.",
        claims=[GOOD, BAD],
        figures={"Rates over time": figure},
        tables={
            "Circuit": aligned,
            "Means": pd.DataFrame({"population": ["pyr1"], "rate_hz": [5.5123456], "n": [4]}),
        },
        provenance=PROVENANCE,
    )
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert len(page.loads) == 1
    kind, data = page.loads[0].split(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(data) == PNG
    assert not re.search(r"url\(|@import|<script|<link|<iframe", text)
    claims, circuit, means, details = page.tables
    assert claims[1][:5] == ["✓", "event rate of pyr1", "5.512", "5 … 6", "Hz"]
    assert claims[2][:2] == ["✗", "burst probability <P>"]
    assert circuit == [["name", "size", "meaning"], ["pyr1", "4000", "two words"], ["PV", "", "x"]]
    assert means == [["population", "rate_hz", "n"], ["pyr1", "5.512", "4"]]
    assert ["threads", "2"] in details
    assert "<p>First paragraph.</p>" in text
    assert "<pre>    dV/dt &lt; 0</pre>" in text
    assert "<li>one <code>x</code> is 2*3*4</li>" in text
    assert "<li><em>two</em> of <a href='https://doi.org/10.1/ab'>https://doi.org/10.1/ab</a>.</li>" in text
    assert "<p><b>Claim:</b> a &lt; b.</p>" in text
    assert "1 of 2 claims FAIL" in text
    assert "<pre class='command'>burstprop reproduce &#39;a b&#39;</pre>" in text


def test_a_figure_that_is_no_png_is_an_error_and_no_page_is_written(tmp_path):
    (tmp_path / "a.png").write_text("text")
    for name, words in (("a.png", "no PNG"), ("b.png", "cannot be read")):
        with pytest.raises(BurstpropError, match=words):
            write_report(
                tmp_path,
                title="t",
                text="",
                claims=[],
                figures={"f": tmp_path / name},
                tables={},
                provenance=PROVENANCE,
            )
    assert not (tmp_path / "report.html").exists()
