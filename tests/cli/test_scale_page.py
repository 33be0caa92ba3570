"""``archscope scale --html`` writes the page of the report, opened at what the model costs at other sizes."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner

import archscope
from archscope.cli import main

NETS = """
from torch import nn
Net = lambda width=8: nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.ReLU())
"""


@pytest.fixture(autouse=True)
def _project(tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)


def page(tmp_path, *words):
    done = CliRunner().invoke(main, ["scale", "net.py:Net", *words, "--html", "page.html"])
    assert done.exit_code == 0, done.output
    html = (tmp_path / "page.html").read_text("utf-8")
    return (
        html,
        json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html)[1]),
        done.output,
    )


def test_the_page_is_that_of_the_report_at_the_sizes_of_the_inputs(tmp_path):
    html, data, shown = page(tmp_path, "--input", "1x3x64x64", "--over", "size=32:128:32", "--max-macs", "1M")
    assert data["view"] == "scale"
    assert data["views"][-1] == "scale"
    assert data["reports"][0]["totals"]["macs"] == 216 * 64 * 64
    assert [data["scaling"]["start"], data["scaling"]["dimensions"][0]["runs"]] == [[1], [[32, 32, 4]]]
    assert "FITS" in shown
    assert "FITS" in html  # the law in words, answers too


def test_it_begins_with_the_smallest_sizes_where_those_of_the_inputs_are_none_of_them(tmp_path):
    _, data, _ = page(tmp_path, "--input", "1x3x64x64", "--over", "size=96:160:32", "--over", "width=4,8")
    assert data["scaling"]["start"] == [0, 0]
    assert data["reports"][0]["totals"]["macs"] == 108 * 96 * 96  # 9 x 3 x 4 for each pixel


def test_a_model_that_is_not_run_has_a_law_of_what_it_holds(tmp_path):
    _, data, shown = page(tmp_path, "--over", "width=4:32:4")
    assert "the model was not run" in shown
    assert "MACs  " not in shown
    assert [metric["key"] for metric in data["scaling"]["metrics"]] == ["parameters", "parameter_bytes"]
    law = archscope.scale(archscope.load("net.py:Net"), over={"width": range(4, 33, 4)})
    assert law.at(width=12).macs is None
    assert law.at(width=12).totals.parameters == 28 * 12
    assert law.formula("macs") == "MACs: no formula: the model was given no inputs, so that it was not run"
    assert law.save(tmp_path / "law.png").is_file()


def test_a_model_without_macs_has_a_picture_all_the_same(tmp_path):
    law = archscope.scale(archscope.load("net.py:Net").build()[1], (1, 3, 8, 8), over={"size": range(8, 65, 8)})
    assert law.formula("macs") == "MACs = 0"
    assert law.save(tmp_path / "law.png").is_file()
    assert law.save(tmp_path / "law.html").is_file()


def test_the_schema_needs_no_model():
    done = CliRunner().invoke(main, ["scale", "--schema"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["title"] == "archscope scale --json"
