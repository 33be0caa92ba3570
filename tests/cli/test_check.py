"""``archscope check`` as a person meets it: real processes, saved reports, exit codes."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
import time

import pytest
from gate_project import CONFIG, NET, environment, make_project, run
from made import made_report
from repository import COMMAND

from archscope.metrics import Figures
from archscope.report import OperatorRow, UncountedRow
from archscope.serial import to_json

MODELS = """\
import time
from torch import nn

class Talks(nn.Linear):
    def __init__(self):
        super().__init__(3, 2)
        print("building talks")

class Breaks(nn.Module):
    def __init__(self):
        raise RuntimeError("boom")

class Stumbles(nn.Linear):
    def __init__(self):
        super().__init__(3, 2)

    def forward(self, x):
        return super().forward(x) @ x

class Waits(nn.Module):
    def __init__(self):
        super().__init__()
        open("waiting", "w").close()
        time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path):
    return make_project(tmp_path)


def test_budgets_that_hold_exit_0_and_one_below_the_value_exits_1(folder):
    holds = run(folder, "check", "net.json")
    assert (holds.returncode, holds.stderr) == (0, "")
    assert holds.stdout.startswith(" PASS  net-params   parameters 100 <= max 100   0 left\n1 passed  (1 model")
    (folder / "archscope.toml").write_text(CONFIG.format(most=99))
    fails = run(folder, "check", "net.json")
    assert fails.returncode == 1
    assert fails.stdout == (
        " FAIL  net-params   parameters 100 > max 99   over by 1 (+1.01 %)\n"
        "         largest: Neck 70 · Body 20 · Rest 10\n"
        '         archscope.toml:5   "Flash limit"\n'
        "1 failed  (1 model, input 1x3x640x640 float32)\n"
        "next: `archscope analyze net --sort parameters` shows where they are\n"
    )


def test_a_saved_report_is_checked_without_torch(folder):
    done = run(folder, "check", "net.json", imports=True)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert done.returncode == 0
    assert "archscope.judge.budgets" in loaded
    assert loaded & {"torch", "numpy", "pandas", "matplotlib", "rich"} == set()


def test_limits_on_the_line_take_the_place_of_the_config(folder):
    done = run(folder, "check", "net.json", "--max-params", "<100", "--max-macs", "1K", "--json", "-")
    assert done.returncode == 1
    rows = json.loads(done.stdout)["results"]
    assert [(row["name"], row["value"], row["max"], row["status"], row["source"]) for row in rows] == [
        ("max-params", 100, 99, "failed", None),
        ("max-macs", 1000, 1000, "passed", None),
    ]


def test_uncounted_operators_make_a_macs_budget_unproven_and_exit_1(folder):
    report = made_report(NET, name="net")
    totals = dataclasses.replace(report.totals, complete=False)
    row = UncountedRow(op="custom::scan", calls=1, modules=("neck",))
    operators = (
        *report.operators,
        OperatorRow(op="custom::scan", kind="uncounted", calls=1, figures=Figures({"macs": 0, "flops": 0})),
    )
    report = dataclasses.replace(report, totals=totals, operators=operators, uncounted=(row,))
    (folder / "net.json").write_text(to_json(report))
    done = run(folder, "check", "net.json", "--max-macs", "1M")
    assert done.returncode == 1
    assert done.stdout.startswith(
        " UNPROVEN  max-macs   macs >= 1,000, max 1,000,000   not proven\n"
        "         uncounted: custom::scan, 1 call in neck\n"
        "1 unproven  ("
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["mine"], "there is no budget for 'mine'"),
        (["--max-params", "1"], "a limit without a model"),
        (["net.json", "--max-params", "1 MB"], "--max-params: '1 MB' has an unknown unit 'MB'"),
        (["net.json", "--max-params", "5%"], "a share of nothing"),
        (["net.json", "--max-parms", "5"], "--max-params"),
    ],
)
def test_words_that_mean_nothing_exit_2(folder, arguments, words):
    done = run(folder, "check", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stdout == ""


def test_a_model_that_cannot_be_found_exits_3_and_hides_no_other(folder):
    done = run(folder, "check", "nets.json", "net.json")
    assert done.returncode == 3
    lines = done.stdout.splitlines()
    assert lines[0].startswith(" PASS  net-params")
    assert lines[1].startswith(" ERROR  nets.json   ")
    assert lines[2] == "1 not checked, 1 passed  (2 models, input 1x3x640x640 float32)"
    assert "nets.json" in done.stderr


def test_a_budget_for_a_model_that_does_not_exist_is_told_with_its_line(folder):
    share = CONFIG.format(most='"50%"').replace('"net"', '"net.json"') + 'relative-to = "basline"\n'
    (folder / "archscope.toml").write_text(CONFIG.format(most=1).replace("net", "nothing") + share)
    done = run(folder, "check")
    assert done.returncode == 2
    assert "error: 'nothing' names no model\n  at archscope.toml:5\n" in done.stderr
    assert "error: 'basline' names no model\n  at archscope.toml:11\nhelp: did you mean baseline" in done.stderr


def test_without_budgets_the_way_on_is_shown(tmp_path):
    (tmp_path / ".git").mkdir()
    done = run(tmp_path, "check")
    assert done.returncode == 2
    assert "no archscope.toml" in done.stderr
    assert "archscope init" in done.stderr


def test_a_broken_config_exits_2_with_its_line(folder):
    (folder / "archscope.toml").write_text(CONFIG.format(most="0.25"))
    done = run(folder, "check")
    assert done.returncode == 2
    assert "archscope.toml:5" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_exception_in_the_model_exits_3_with_its_own_frames_and_beats_all_other_failures(folder):
    (folder / "nets.py").write_text(MODELS)
    done = run(folder, "check", "net.json", "nets.py:Breaks", "nope", "--max-params", "99", "--json", "checked.json")
    assert done.returncode == 3
    assert "1 failed" in done.stdout
    assert "2 not checked" in done.stdout
    assert "boom" in done.stderr
    assert "nets.py" in done.stderr
    assert "archscope/measure" not in done.stderr
    assert "'nope' names no model" in done.stderr
    saved = json.loads((folder / "checked.json").read_text())
    assert saved["passed"] is False
    assert [(error["model"], error["exit_code"]) for error in saved["errors"]] == [("nets.py:Breaks", 3), ("nope", 2)]


def test_a_forward_that_fails_exits_3_and_a_model_that_prints_does_not_spoil_json(folder):
    (folder / "nets.py").write_text(MODELS)
    arguments = ["check", "nets.py:Talks", "nets.py:Stumbles", "--max-params", "8", "--max-macs", "6", "--input", "1x3"]
    done = run(folder, *arguments, "--json", "-")
    assert done.returncode == 3
    rows = json.loads(done.stdout)["results"]
    assert [(row["model"], row["value"], row["status"]) for row in rows] == [
        ("nets.py:Talks", 8, "passed"),  # 3 x 2 weights and 2 biases
        ("nets.py:Talks", 6, "passed"),
    ]
    assert "building talks" in done.stderr


def test_ctrl_c_exits_130(folder):
    (folder / "nets.py").write_text(MODELS)
    with subprocess.Popen(
        [COMMAND, "check", "nets.py:Waits", "--max-params", "1"], cwd=folder, env=environment(), stderr=subprocess.PIPE
    ) as process:
        for _ in range(300):
            if (folder / "waiting").exists():
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"Traceback" not in said


def test_a_reader_that_went_away_exits_141(folder):
    with subprocess.Popen(
        [COMMAND, "check", "net.json"], cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (141, b"")


def test_a_fault_of_archscope_exits_2_and_says_so(folder):
    code = (
        "import archscope.judge.budgets as b\n"
        "def boom(*_, **__): raise KeyError('inside')\n"
        "b.figure = boom\n"
        "from archscope.cli import main\n"
        "main(['check', 'net.json'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "archscope itself failed: KeyError: 'inside'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
def test_piped_output_has_no_escape_codes_unless_they_are_forced_and_no_color_wins(folder, variables, coloured):
    done = run(folder, "check", "net.json", COLUMNS="20", **variables)
    assert ("\x1b" in done.stdout) == coloured
    assert "parameters 100 <= max 100   0 left" in done.stdout  # never cut, however narrow


def test_github_gets_annotations_and_a_summary_and_json_alone_stays_on_stdout(folder):
    (folder / "archscope.toml").write_text(CONFIG.format(most=99))
    summary = folder / "summary.md"
    variables = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    done = run(folder, "check", "net.json", "--junit", "j.xml", "--sarif", "s.sarif", **variables)
    assert done.stdout.splitlines()[-1].startswith(
        "::error file=archscope.toml,line=5,title=archscope%3A net net-params::"
    )
    once = summary.read_text()
    assert "### archscope check failed" in once
    assert 'failures="1"' in (folder / "j.xml").read_text()
    assert json.loads((folder / "s.sarif").read_text())["runs"][0]["results"][0]["ruleId"] == "parameters"
    again = run(folder, "check", "net.json", "--json", "-", **variables)
    assert json.loads(again.stdout)["passed"] is False
    assert again.stderr.startswith("::error ")
    assert summary.read_text() == once


def test_format_total_is_one_integer_and_refuses_to_choose(folder):
    assert run(folder, "check", "net.json", "--format", "total").stdout == "100\n"
    done = run(folder, "check", "net.json", "--max-params", "1", "--max-macs", "1", "--format", "total")
    assert (done.returncode, done.stdout) == (2, "")
    assert "max-params, max-macs" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["analyze", "net.json", "--no-files"],
        ["analyze", "net.json", "--md", "r.md", "--csv", "r.csv", "--html", "r.html"],
        ["compare", "net.json", "net.json", "--json", "-"],
        ["why", "net.json", "neck"],
    ],
)
def test_nothing_that_is_made_of_a_saved_report_needs_torch(folder, arguments):
    done = run(folder, *arguments, imports=True)
    assert done.returncode == 0
    assert "torch" not in {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
