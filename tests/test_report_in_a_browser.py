"""No text of a user runs a script or asks for anything in report.html: looked at in a real browser."""

import base64
import re

import pandas as pd
import pytest
from chromium import chromium

from burstprop.parameters import text_table
from burstprop.report.claim import Claim
from burstprop.report.report import provenance, write_report

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
HIT = "window.hit=(window.hit||0)+1"
PAYLOADS = [
    f"<script>{HIT}</script>",
    f"</title></style></pre></td></table><script>{HIT}</script>",
    f"<img src=x onerror={HIT}>",
    f"'><img src=x onerror={HIT}>",
    f'"><svg onload={HIT}>',
    f"https://example.org/'onmouseover='{HIT}'x='y",
    f'https://example.org/"onmouseover="{HIT}"x="y',
    f"https://example.org/`onfocus={HIT}`autofocus",
    f"javascript:{HIT}",
    f"`<b onmouseover={HIT}>code</b>`",
    f"*<i onclick={HIT}>emphasis</i>*",
    "<link rel=stylesheet href=https://example.org/a.css>",
    "<iframe src=https://example.org/></iframe>",
    "<meta http-equiv=refresh content='0;url=https://example.org/'>",
    "<style>@import 'https://example.org/a.css'</style>",
    "<base href=https://example.org/>",
    "{{ 6 * 7 }}{% raw %}",
    "&lt;script&gt; &amp; <!--",
    "]]><![CDATA[",
]


def report(folder, payload):
    """Write a report with a payload in every field that takes text."""
    (folder / "figure.png").write_bytes(PNG)
    aligned = text_table([(payload, payload)], ("name", "meaning"))
    return write_report(
        folder,
        title=payload,
        text=f"{payload}\n\nClaim: {payload}\n\n- {payload}\n- {payload}\n\n    {payload}\n\nSee {payload}.",
        claims=[Claim(payload, 1.0, 0.0, 2.0, payload, payload), Claim(payload, 3.0, 0.0, 2.0)],
        figures={payload: folder / "figure.png"},
        tables={
            payload: f"{payload}\n{aligned}\n\n{payload}",
            f"frame {payload}": pd.DataFrame({payload: [payload, 1.0]}),
        },
        provenance=provenance(command=["burstprop", payload], seed=1, parameters={}, **{payload: payload})
        | {"nested": {payload: payload}},
    )


@pytest.fixture(scope="module")
def browser():
    with chromium() as open_page:
        yield open_page


@pytest.fixture(scope="module")
def page(browser):
    # the policy of the page is a second wall: the first has to hold without it
    return browser(bypass_csp=True)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_payload_runs_or_asks_for_anything_and_all_are_shown_as_they_are(page, tmp_path, payload):
    address = report(tmp_path, payload).as_uri()
    page.asked.clear()
    page.complaints.clear()
    page.goto(address)
    # every element is touched: an attribute that runs something would
    page.evaluate(
        """() => document.querySelectorAll('*').forEach(element =>
            ['mouseover', 'focus', 'click', 'error', 'load'].forEach(kind =>
                element.tagName == 'A' && kind == 'click' || element.dispatchEvent(new Event(kind))))"""
    )
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.hit") is None
    assert [url for url in page.asked if not url.startswith("data:image/png")] == [address]
    assert page.complaints == []
    assert page.url == address
    attributes = page.evaluate(
        "[...document.querySelectorAll('*')].flatMap(e => [...e.attributes].map(a => a.name))"
    )
    assert set(attributes) <= {
        *("lang", "charset", "http-equiv", "content", "name", "class", "alt", "src", "href", "rel", "width"),
        *("height", "viewBox", "aria-hidden", "x", "x1", "x2", "y", "y1", "y2", "rx", "cx", "cy", "r"),
    }
    links = page.evaluate("[...document.links].map(a => a.getAttribute('href'))")
    assert all(re.fullmatch(r"https?://[^\s<>\"'`]+", link) for link in links)
    assert page.title() == " ".join(payload.split())
    shown = page.evaluate("document.querySelector('td + td').textContent")
    assert shown == payload


def test_the_policy_of_the_page_stops_a_script_that_is_in_it(browser, tmp_path):
    path = report(tmp_path, "text")
    path.write_text(path.read_text(encoding="utf-8").replace("</h1>", f"</h1><script>{HIT}</script>"))
    page = browser()
    page.goto(path.as_uri())
    assert page.evaluate("window.hit") is None
    assert any("Content Security Policy" in line for line in page.complaints)
