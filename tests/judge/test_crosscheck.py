from __future__ import annotations

import json
import os

import pytest
from click.testing import CliRunner
from told import render_crosscheck_json, render_crosscheck_markdown

import archscope
from archscope.cli import main
from archscope.judge.crosscheck import PEERS, crosscheck

DEFORMABLE = "archscope::deform_conv2d"


@pytest.fixture(scope="module")
def baseline():
    return crosscheck(archscope.load("zoo:featherface-baseline"), (archscope.InputSpec(shape=(1, 3, 64, 64)),))


MISSING = PEERS.keys() - {"deepspeed"}  # which counts the matrix products inside of the operator


def test_every_peer_but_one_misses_the_fifteen_deformable_convolutions_of_the_baseline(baseline):
    # 290,304,000 at 640 pixels; a hundredth of the area.
    macs = 290_304_000 // 100
    assert {result.peer: result.status for result in baseline.results} == dict.fromkeys(PEERS, "counted")
    missed = {
        result.peer
        for result in baseline.results
        if (DEFORMABLE, 15, -macs) in {(d.what, d.calls, d.amount) for d in result.macs_differences}
    }
    assert missed == MISSING


def test_the_differences_add_to_the_whole_and_leave_nothing_unexplained(baseline):
    for result in baseline.results:
        assert sum(d.amount for d in result.macs_differences) == result.macs - baseline.macs
        assert "not attributed" not in {d.what for d in result.macs_differences}


def test_the_parameters_that_thop_misses_are_named(baseline):
    thop = next(result for result in baseline.results if result.peer == "thop")
    assert {(d.what.partition(",")[0], d.calls, d.amount) for d in thop.parameter_differences} == {
        ("Conv2d", 15, -103_680),
        ("BiFPNCell", 12, -30),
    }
    assert thop.parameters == 592_371 - 103_710


def test_the_outputs_hold_every_figure(baseline):
    plain = json.loads(render_crosscheck_json(baseline))
    assert [row["macs"] for row in plain["results"]] == [result.macs for result in baseline.results]
    page = render_crosscheck_markdown(baseline)
    assert "| 12,462,352 |" in page
    assert page.count("2,903,040") == len(MISSING)


MODEL = """
import os
import time
import torch
from torch import nn

class Slow(nn.Linear):
    def forward(self, x):
        if os.environ["TEST_PROCESS"] != str(os.getpid()):
            time.sleep(60)
        return super().forward(x)

class Broken(nn.Linear):
    def forward(self, x):
        if os.environ["TEST_PROCESS"] != str(os.getpid()):
            raise ValueError("only in the peer's process")
        return super().forward(x)

def slow(): return Slow(4, 4)
def broken(): return Broken(4, 4)
def plain(): return nn.Linear(4, 4)
"""
INPUTS = (archscope.InputSpec(shape=(1, 4)),)


@pytest.fixture
def model_file(tmp_path, monkeypatch):
    monkeypatch.setenv("TEST_PROCESS", str(os.getpid()))
    path = tmp_path / "nets.py"
    path.write_text(MODEL)
    return path


def test_a_peer_that_hangs_becomes_a_row_that_says_so(model_file):
    (row,) = crosscheck(archscope.load(f"{model_file}:slow"), INPUTS, peers=["torch"], timeout=8).results
    assert (row.status, row.macs, row.detail) == ("timed out", None, "no result after 8 s")


def test_a_peer_that_crashes_becomes_a_row_with_its_last_words(model_file):
    result = crosscheck(archscope.load(f"{model_file}:broken"), INPUTS, peers=["torch"])
    (row,) = result.results
    assert (row.status, row.detail) == ("failed", "ValueError: only in the peer's process")
    assert result.verdict == "no peer gave a figure"


def test_a_peer_that_is_not_installed_becomes_a_row_that_says_how_to_get_it(model_file, monkeypatch, tmp_path):
    (tmp_path / "thop.py").write_text("raise ModuleNotFoundError(\"No module named 'thop'\")")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (row,) = crosscheck(archscope.load(f"{model_file}:plain"), INPUTS, peers=["thop"]).results
    assert (row.status, row.detail) == ("missing", "pip install thop")


def test_a_peer_that_agrees_has_no_differences(model_file):
    result = crosscheck(archscope.load(f"{model_file}:plain"), INPUTS, peers=["torch"])
    assert result.results[0].macs_differences == ()
    assert result.verdict == "torch of 1 peers agree to the unit"


def test_a_peer_runs_the_method_that_is_asked_for(model_file):
    model_file.write_text(
        "from torch import nn\n"
        "class Coder(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.code, self.back = nn.Linear(4, 8), nn.Linear(8, 4)\n"
        "    def forward(self, x):\n"
        "        return self.back(self.code(x))\n"
        "    def encode(self, x):\n"
        "        return self.code(x)\n"
    )
    given = archscope.Inputs(args=(archscope.InputSpec(shape=(1, 4)),), method="encode")
    result = crosscheck(archscope.load(f"{model_file}:Coder"), given, peers=["torch", "thop"])
    assert (result.macs, [row.macs for row in result.results]) == (32, [32, 32])


def test_a_saved_report_cannot_be_crosschecked(tmp_path):
    path = tmp_path / "saved.json"
    path.write_text(archscope.to_json(archscope.analyze(archscope.load("zoo:featherface-baseline"))))
    result = CliRunner().invoke(main, ["crosscheck", str(path)])
    assert result.exit_code == 2
    assert "cannot be built anew" in result.output


def test_the_command_prints_its_result_whatever_becomes_of_the_peers(model_file):
    arguments = ["crosscheck", f"{model_file}:plain", "--input", "1x4", "--timeout", "1", "--json", "-"]
    plain = json.loads(CliRunner().invoke(main, arguments).stdout)
    assert plain["macs"] == 16
    assert {row["peer"] for row in plain["results"]} == {*PEERS}
