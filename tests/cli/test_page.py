"""The page from the command line: alone, beside other files, of two models, with the budgets of the config."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner
from synthetic import report_of

from archscope.cli import main
from archscope.serial import to_json

TREE = {"": ("Net", 5, 0), "a": ("Conv2d", 10, 100), "b": ("Linear", 2, 20)}
CONFIG = """
[models.toy]
source = "toy.json"

[[budgets]]
name = "small"
model = "toy"
metric = "parameters"
max = 20
message = "fits the chip"

[[budgets]]
name = "half"
model = "toy"
metric = "macs"
relative-to = "old"
max = "50%"

[models.old]
source = "old.json"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toy.json").write_text(to_json(report_of(TREE, name="toy")), encoding="utf-8")
    old = report_of(TREE | {"a": ("Conv2d", 30, 300)}, name="old")
    (tmp_path / "old.json").write_text(to_json(old), encoding="utf-8")
    return tmp_path


def run(*arguments):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return result


def data_of(html):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)[1])


def names(html):
    return [report["model"]["name"] for report in data_of(html)["reports"]]


def test_the_page_goes_to_a_file_or_to_stdout(folder):
    run("analyze", "toy.json", "--html", "page.html")
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert names(page) == ["toy"]
    assert run("analyze", "toy.json", "--html", "-").stdout == page


def test_the_folder_of_a_report_holds_its_page(folder):
    run("analyze", "toy.json", "--out", "here")
    assert names((folder / "here" / "report.html").read_text(encoding="utf-8")) == ["toy"]


def test_graph_and_latex_are_formats_too(folder):
    run("analyze", "toy.json", "--graph", "graph.svg", "--latex", "table.tex")
    assert (folder / "graph.svg").read_text(encoding="utf-8").startswith("<svg")
    assert "\\toprule" in (folder / "table.tex").read_text(encoding="utf-8")


def test_compare_shows_both_models_the_older_one_first(folder):
    run("compare", "old.json", "toy.json", "--html", "page.html", "--latex", "table.tex")
    assert names((folder / "page.html").read_text(encoding="utf-8")) == ["old", "toy"]
    assert "old and toy" in (folder / "table.tex").read_text(encoding="utf-8")


def test_the_page_shows_the_budgets_of_its_model(folder):
    (folder / "archscope.toml").write_text(CONFIG, encoding="utf-8")
    page = run("analyze", "toy", "--html", "-").stdout
    assert "fits the chip" in page
    assert "85.00 %" in page  # 17 of 20 parameters
    assert "half" not in page  # it needs another model
    both = run("compare", "old", "toy", "--html", "-").stdout
    assert both.count('<tr class="good">') == 2
    assert "75.00 %" in both  # 120 of 160 MACs, half of 320


def test_a_budget_that_cannot_be_held_is_a_warning(folder):
    broken = CONFIG.replace("max = 20", 'max = 20\ncomponent = "Nowhere"')
    (folder / "archscope.toml").write_text(broken, encoding="utf-8")
    result = run("analyze", "toy", "--html", "page.html")
    assert "warning: the page shows no budgets" in result.stderr
    assert names((folder / "page.html").read_text(encoding="utf-8")) == ["toy"]


def test_json_is_the_same_beside_a_page_or_alone(folder):
    (folder / "net.py").write_text("from torch import nn\n\n\ndef net():\n    return nn.Sequential(nn.Linear(4, 2))\n")
    run("analyze", "net.py:net", "--input", "1x4", "--json", "alone.json")
    run("analyze", "net.py:net", "--input", "1x4", "--json", "beside.json", "--html", "page.html")
    assert (folder / "alone.json").read_bytes() == (folder / "beside.json").read_bytes()
    [packed] = data_of((folder / "page.html").read_text(encoding="utf-8"))["reports"]
    assert sum(packed["calls"]["macs"]) == 8  # the page alone knows what ran where: one addmm, 4 x 2
