"""docs/accuracy.md says what is measured now."""

from __future__ import annotations

import html
import importlib
import sys
import warnings
from decimal import Decimal

import pytest
from repository import ROOT

PAGE = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def accuracy():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        yield importlib.import_module("accuracy")
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


def is_on_the_page(row):
    """Whether a line of the page holds these cells, escaped or not."""
    lines = (html.unescape(line).split("|")[1:-1] for line in PAGE.splitlines() if line.startswith("|"))
    return [*map(str.strip, row)] in ([cell.strip().strip("`") for cell in line] for line in lines)


def test_the_baseline_stands_on_the_page_as_it_is_measured_now(accuracy):
    rows = accuracy.baseline_rows()
    assert rows[-1] == ("total", "592,371", "592,371", "exact", "1,243,802,176", "1,243,802,176", "exact")
    assert all(is_on_the_page(row) for row in rows)


def test_gpt_2_costs_what_its_arithmetic_says_and_the_page_shows(accuracy):
    layer = 12 * 768**2 * 1024 + 2 * 1024**2 * 768  # projections and MLP; Q K^T and A V
    head = 768 * 50257 * 1024
    assert f"{12 * layer + head:,}" == "145,824,153,600"
    assert "| 145,824,153,600 | 145,824,153,600 | exact |" in PAGE
    assert accuracy.WITH_MACS[0].macs == "145,824,153,600"


def test_the_quick_rows_stand_on_the_page_as_they_are_measured_now(accuracy):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what transformers warns of is not ours
        rows = accuracy.quick_rows()
    assert [row for row in rows if not is_on_the_page(row)] == []


def test_rows_made_from_the_figures_of_torchvision_stand_on_the_page(accuracy):
    assert accuracy.torchvision_section() in PAGE


def test_the_page_names_what_every_counter_misses_of_the_baseline():
    assert "all 7 miss archscope::deform_conv2d (15 calls, 290,304,000 MACs)" in PAGE
    assert PAGE.count("| archscope::deform_conv2d | 15 calls | &#45;290,304,000 |") == 7
    assert "| thop | 488,661 |" in PAGE
    assert 592_371 - 488_661 == 103_680 + 30 == 103_710


def test_published_figures_are_read_with_their_units_and_commas(accuracy):
    assert accuracy.number("8,030,261,248") == 8_030_261_248
    assert accuracy.number("4.089G") == 4_089_000_000
    assert accuracy.number("671B") == Decimal(671) * 10**9
    assert accuracy.ratio(110_000_000, "110M") == "exact"
    assert accuracy.ratio(55_000_000, "110M") == "0.5000"
