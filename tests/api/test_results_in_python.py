"""What results do for people who call the library: rows by name, tables, files, a line and a text for each."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch
from toys import Branching

import archscope
from archscope.errors import UsageError

IMAGE = torch.rand(1, 3, 6, 6)


@pytest.fixture(scope="module")
def report():
    return archscope.analyze(Branching(), IMAGE, keep_calls=True)


def test_a_module_and_a_component_are_found_by_name(report):
    assert (report["left"].parameters, report["left"].macs) == (224, 7_776)
    assert report[""].parameters == Branching.PARAMETERS
    assert report.component("classifier").parameters == 45
    with pytest.raises(KeyError) as caught:
        report["lefft"]
    assert "did you mean left" in str(caught.value)
    with pytest.raises(archscope.ArchscopeError, match="no component 'Neck'"):
        report.component("Neck")


def test_every_kind_of_rows_is_a_data_frame_that_adds_to_the_totals(report):
    modules, components = report.to_frame(), report.to_frame("components")
    operators, parameters = report.to_frame("operators"), report.to_frame("parameters")
    assert modules["own_macs"].sum() == components["macs"].sum() == operators["macs"].sum() == Branching.MACS
    assert operators["flops"].sum() == Branching.FLOPS
    assert parameters["numel"].sum() == components["parameters"].sum() == Branching.PARAMETERS
    assert [*parameters.loc[0, ["path", "shape", "trainable"]]] == ["left.weight", "8x3x3x3", "true"]
    with pytest.raises(UsageError, match="no table of 'layers'"):
        report.to_frame("layers")
    assert archscope.analyze(Branching()).to_frame("components")["macs"].isna().all(), "nothing was run"


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("r.json", b'{\n "schema_version"'),
        ("r.md", b"# Branching"),
        ("r.csv", b"path,"),
        ("r.png", b"\x89PNG"),
        ("r.svg", b"<?xml"),
        ("r.html", b"<!doctype html>"),
        ("r.tex", b"\\begin{table}"),
        ("deep/er/r.JSON", b"{"),
    ],
)
def test_a_report_is_saved_in_the_format_of_its_ending(report, tmp_path, name, begins):
    written = report.save(tmp_path / name)
    assert written == tmp_path / name
    assert written.read_bytes().lstrip().startswith(begins)


def test_a_saved_report_is_a_report_again(report, tmp_path):
    again = archscope.analyze(str(report.save(tmp_path / "r.json")))
    assert (again.totals, again["left"]) == (report.totals, report["left"])
    with pytest.raises(UsageError, match="cannot be measured further"):
        archscope.analyze(again, IMAGE)
    with pytest.raises(UsageError) as caught:
        report.save(tmp_path / "r.pdf")
    assert caught.value.help == "end it with one of .csv, .json, .tex, .md, .png, .svg, .html"


def test_each_result_is_one_line_and_its_text_is_the_view_of_the_command_line(report):
    check = archscope.check(report, parameters=100, macs="1M")
    comparison = archscope.compare(report, report)
    why = archscope.why(report, "left")
    lines = {
        report: "<Report of Branching: 499 parameters, 15.592 K MACs>",
        report.totals: "<Totals: 499 parameters, 15.592 K MACs>",
        report["left"]: "<Conv2d at left: 224 parameters, 7.776 K MACs>",
        report.component("left"): "<Component left: 224 parameters, 7.776 K MACs>",
        check: "<CheckResult failed: 1 failed, 1 passed>",
        comparison: "<Comparison of Branching with Branching: +0 parameters, +0 MACs>",
        why: "<Explanation of left: 224 parameters, 7.776 K MACs>",
    }
    assert [repr(result) for result in lines] == [*lines.values()]
    for part in ("input  image 1x3x6x6 float32", "TOTAL", "classifier"):
        assert part in str(report)
    assert "parameters 499 > max 100   over by 399" in str(check)
    assert "8 x 6 x 6 outputs x (3 x 3 x 3) = 7,776" in str(why)
    assert "parameters                499  499" in str(report.totals)


def test_check_and_lock_hold_a_model_from_python(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert archscope.check(Branching(), IMAGE, parameters=499, macs="15_592").passed
    parts = {"Sides": {"match": ["left", "right"], "parameters": 448, "macs": "99.8%"}, "Rest": {"match": ["**"]}}
    assert archscope.check(Branching, "1x3x6x6", components=parts).passed
    assert not archscope.check(Branching(), IMAGE, components={"left": 223}).passed
    archscope.lock(Branching(), IMAGE, name="net")
    assert archscope.check(Branching(), IMAGE, lock="net").passed
    wider = Branching()
    wider.idle = torch.nn.Linear(2, 3)
    failed = archscope.check(wider, IMAGE, lock="net")
    assert [row.excess for row in failed.results if row.status == "failed"] == [3]
    with pytest.raises(UsageError, match="parameters from 499 to 502"):
        archscope.lock(wider, IMAGE, name="net")
    archscope.lock(wider, IMAGE, name="net", allow_increase="a third answer")
    assert archscope.check(wider, IMAGE, lock="net").passed
    assert "a third answer" in (tmp_path / "archscope.lock").read_text()
    for wrong, what in (({"parametres": 1}, "unknown metric"), ({}, "without limits"), ({"lock": "no"}, "not locked")):
        with pytest.raises(UsageError, match=what):
            archscope.check(Branching(), IMAGE, **wrong)


def test_claims_plan_and_crosscheck_are_there_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(
        "from torch import nn\n\n\nclass Net(nn.Linear):\n    def __init__(self, width=8):\n"
        "        super().__init__(8, width)\n"
    )
    (tmp_path / "claims.toml").write_text(
        'inputs = ["1x8"]\n[[claims]]\nwhat = "size"\nvalue = "72"\nmetric = "parameters"\n'
        '[[claims]]\nwhat = "work"\nvalue = "65"\nmetric = "macs"\n'
    )
    (tmp_path / "targets.toml").write_text(
        'inputs = ["1x8"]\n[goal]\nmetric = "parameters"\nmax = 40\n'
        '[[proposals]]\nname = "half"\noptions = { width = 4 }\n'
    )
    claims = archscope.claims("net.py:Net", "claims.toml")
    assert [row.verdict for row in claims.results] == ["holds", "differs"]
    plan = archscope.plan("net.py:Net", "targets.toml")
    assert (plan.total, plan.steps[0].alone) == (72, 36)
    found = archscope.crosscheck("net.py:Net", "1x8", peers=["torch"], width=4)
    assert (found.macs, found.results[0].macs) == (32, 32)
    for result in (claims, plan, found):
        assert repr(result).startswith(f"<{type(result).__name__} of ")
        assert "Net" in str(result)
        json.loads(result.save(tmp_path / "result.json").read_text())


def test_help_is_a_page_worth_reading_and_costs_no_torch():
    code = "import sys, archscope, pydoc; text = pydoc.plain(pydoc.render_doc(archscope)); print(text)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for word in (
        "archscope.analyze(model, images)",
        "check ",
        "crosscheck ",
        "report.save",
        "analyze(model, x, mask=m)",
    ):
        assert word in shown
    bare = "import sys, archscope; archscope.__doc__; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", bare], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
