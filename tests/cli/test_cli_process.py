"""The command as a real process: figures to the unit, pipes, signals, and a stdout that only the result reaches."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from measured_featherface import COMPONENTS, MODULES
from repository import COMMAND

# The BiFPN's cells beside the modules.
CELLS = {"bifpn.0": (73_674, None), "bifpn.1": (19_466, None), "bifpn.2": (19_466, None)}
OPERATORS = {
    "aten::convolution": (110, 953_473_600),
    "archscope::deform_conv2d": (15, 290_304_000),
    "aten::addmm": (24, 24_576),
}

LOUD = """
import os, sys
from torch import nn
print("imported, loudly")
os.system("echo a child, loudly")
class Loud(nn.Linear):
    def __init__(self):
        super().__init__(4, 3)
        os.write(1, b"built, loudly")
    def forward(self, x):
        sys.stdout.write("run, loudly")
        return super().forward(x)
"""
SLOW = """
import sys, time
from torch import nn
def slow():
    print("ready", file=sys.stderr, flush=True)
    time.sleep(60)
"""


def archscope(*args, **options):
    return subprocess.run([COMMAND, *args], capture_output=True, check=False, text=True, **options)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The baseline as JSON on stdout; on stderr Python itself lists what was imported."""
    env = os.environ | {"PYTHONPROFILEIMPORTTIME": "1"}
    folder = tmp_path_factory.mktemp("empty")
    done = archscope("analyze", "featherface-baseline", "--json", "-", cwd=folder, env=env)
    assert done.returncode == 0
    assert [*folder.iterdir()] == []
    return done


@pytest.fixture(scope="module")
def baseline(run):
    return json.loads(run.stdout)


def test_the_totals_of_the_baseline_are_exact(baseline):
    totals = baseline["totals"]
    assert (totals["parameters"], totals["trainable"], totals["buffers"]) == (592_371, 592_371, 9_078)
    assert totals["macs"] == 1_243_802_176
    assert totals["complete"]
    assert baseline["uncounted"] == []


@pytest.mark.parametrize(("path", "figures"), (MODULES | CELLS).items())
def test_every_module_of_the_table_is_exact(baseline, path, figures):
    row = next(row for row in baseline["modules"] if row["path"] == path)
    assert row["parameters"] == figures[0]
    assert figures[1] in {None, row["macs"]}


@pytest.mark.parametrize(("name", "figures"), COMPONENTS.items())
def test_every_component_of_the_table_is_exact(baseline, name, figures):
    row = next(row for row in baseline["components"] if row["name"] == name)
    assert (row["parameters"], row["macs"]) == figures


@pytest.mark.parametrize(("op", "figures"), OPERATORS.items())
def test_every_operator_with_macs_is_exact(baseline, op, figures):
    rows = {row["op"]: (row["calls"], row["macs"]) for row in baseline["operators"] if row["macs"]}
    assert rows[op] == figures
    assert rows.keys() == OPERATORS.keys()


def test_nothing_but_the_result_reaches_stdout(tmp_path):
    (tmp_path / "loud.py").write_text(LOUD)
    run = archscope("analyze", "loud.py:Loud", "--input", "2x4", "--json", "-", cwd=tmp_path)
    assert json.loads(run.stdout)["totals"]["macs"] == 24
    for words in ("imported, loudly", "a child, loudly", "built, loudly", "run, loudly"):
        assert words in run.stderr
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__") == ["loud.py"]


def test_a_reader_that_closes_the_pipe_ends_it_with_141():
    with subprocess.Popen([COMMAND, "models"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.wait(60) == 141
        assert process.stderr.read() == b""


def test_the_help_ends_with_141_too_when_nobody_reads_it():
    with subprocess.Popen([COMMAND, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.wait(60) == 141
        assert process.stderr.read() == b""


def test_an_interrupted_run_ends_with_130_and_writes_nothing(tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    command = [COMMAND, "analyze", "slow.py:slow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as process:
        assert process.stderr.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (output, errors) == (b"", b"interrupted\n")
    assert not (tmp_path / "reports").exists()


def test_an_input_that_the_model_refuses_exits_3_and_says_where(tmp_path):
    run = archscope("analyze", "baseline", "--input", "1x4x64x96", cwd=tmp_path)
    assert run.returncode == 3
    assert "expected input[1, 4, 64, 96] to have 3 channels" in run.stderr
    assert "at body.stage1.0.0 (Conv2d), called with 1x4x64x96" in run.stderr
    assert run.stdout == ""
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("given", "said", "meant"),
    [("1,3,64,64", "sizes are joined by x", "write 1x3x64x64"), ("1x3xax4", "'a' is not a size", "sizes joined by x")],
)
def test_an_input_that_cannot_be_read_exits_2_and_says_what_is_meant(given, said, meant):
    run = archscope("analyze", "baseline", "--input", given)
    assert run.returncode == 2
    assert f"error: input {given!r}: {said}" in run.stderr
    assert meant in run.stderr
    assert run.stdout == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full disk to write to")
def test_a_full_disk_is_an_error_that_says_so():
    with Path("/dev/full").open("w") as full:
        run = subprocess.run([COMMAND, "models"], stdout=full, stderr=subprocess.PIPE, check=False, text=True)
    assert run.returncode == 2
    assert "No space left on device" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_terminal_without_blocks_gets_other_bars(tmp_path):
    env = os.environ | {"PYTHONIOENCODING": "ascii"}
    run = subprocess.run(
        [COMMAND, "analyze", "baseline", "--no-files"], env=env, cwd=tmp_path, capture_output=True, check=True
    )
    assert "###" in run.stdout.decode("ascii")
    assert "592,371" in run.stdout.decode("ascii")


def test_completion_knows_the_commands_and_imports_none_of_them():
    env = os.environ | {
        "_ARCHSCOPE_COMPLETE": "bash_complete",
        "COMP_WORDS": "archscope an",
        "COMP_CWORD": "1",
        "PYTHONPROFILEIMPORTTIME": "1",
    }
    run = archscope(env=env)
    assert run.stdout == "plain,analyze\n"
    modules = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines()}
    assert modules & {"torch", "pandas", "matplotlib"} == set()


def test_json_needs_none_of_the_libraries_of_the_other_formats(run):
    modules = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines()}
    assert "torch" in modules
    assert modules & {"pandas", "matplotlib", "jinja2", "rich", "fvcore"} == set()


def test_a_run_that_went_well_says_nothing_on_stderr(run):
    assert [line for line in run.stderr.splitlines() if not line.startswith("import time:")] == []
