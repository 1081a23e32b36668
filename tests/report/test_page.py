"""Pages have words with units, not JSON, and a verdict whose look gives its kind."""

import os
import re
from types import SimpleNamespace

import pytest

from livetime.report.facts import fact_rows
from livetime.report.page import Banner, HtmlTable, Page, bullets, facts
from livetime.report.result import TRUTH, known_truth
from livetime.simulate.prior import Prior, Range

INFO = {
    "files": ["A.evt", "B.evt"],
    "mission": None,
    "recorded_rate": [261.5, 260.25],
    "barycentred": True,
    "band": [3.0, 10.0],
    "detector": {"dead_time": 2.5e-3},
    "gtis": [],
}


def page(banner):
    parts = {
        "Observation": facts(fact_rows(INFO)),
        "HtmlTable": HtmlTable(["", "a"], [["<b>", "1"]]).html,
        "Notes": bullets([]),
    }
    return Page("title", banner, "The verdict.", parts).html


def body(html):
    return re.sub(r"<style>.*?</style>", "", html, flags=re.S)


def test_a_page_has_no_json():
    assert not re.search(r"[{}\[\]]|null|true|None\b(?!\.)", body(page(Banner.TRUST)))


def test_facts_have_units():
    rows = fact_rows(INFO)
    assert rows["recorded rate"] == "261.5, 260.25 counts s⁻¹"
    assert rows["band"] == "3 to 10 keV"
    assert rows["detector: dead time"] == "0.0025 s"
    assert rows["mission"] == "not given"


def test_verdicts_differ_in_words_sign_class_and_style():
    pages = {banner: body(page(banner)) for banner in Banner}
    openings = {re.search(r'<p class="verdict.*?</strong>', html)[0] for html in pages.values()}
    assert len(openings) == len(Banner)
    style = page(Banner.TRUST)
    rules = {re.search(rf"\.{banner.kind} \{{(.*?)\}}", style)[1] for banner in Banner}
    assert len(rules) == len(Banner)
    assert "Regular statistics can do it" in pages[Banner.INFORMATION]
    assert "Do not trust" not in pages[Banner.INFORMATION]


@pytest.mark.parametrize("banner", Banner)
def test_words_are_escaped(banner):
    assert "<b>" not in page(banner)
    assert "&lt;b&gt;" in page(banner)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.write_text("[" * 10**5)])
def test_a_truth_that_is_no_file_of_numbers_is_left_out(tmp_path, make):
    """A pipe beside the event files would be waited for without end."""
    make(tmp_path / TRUTH)
    prior = Prior({"rate": Range(1.0, 10.0)})
    run = SimpleNamespace(simulator=SimpleNamespace(prior=prior))
    observation = SimpleNamespace(info={"files": [str(tmp_path / "A.evt")]})
    assert known_truth(SimpleNamespace(run=run, observation=observation)) is None
