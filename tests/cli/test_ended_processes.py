"""Models whose code ends the process, or goes on as two: no command takes that for success."""

import json
import signal
import subprocess
import sysconfig
import time
from pathlib import Path

import pytest

COMMAND = str(Path(sysconfig.get_path("scripts")) / "archscope")
NET = """
import ctypes, os, signal, sys, time
from torch import nn

class Good(nn.Linear):
    def __init__(self):
        super().__init__(8, 8, bias=False)

class Ends(Good):
    def forward(self, x):
        {end}
        return super().forward(x)
"""
CONFIG = """
[models.bad]
source = "net.py:Ends"
inputs = ["4x8"]
[models.good]
source = "net.py:Good"
inputs = ["4x8"]
[[budgets]]
name = "small"
model = "bad"
metric = "parameters"
max = 1_000
[[budgets]]
name = "other"
model = "good"
metric = "parameters"
max = 1_000
"""
ENDS = {
    "os._exit(0)": "exit status 0",
    "os._exit(7)": "exit status 7",
    "os.kill(os.getpid(), signal.SIGKILL)": "SIGKILL",
    "os.kill(os.getpid(), signal.SIGTERM)": "SIGTERM",
    "os.abort()": "SIGABRT",
    "os.execv('/bin/true', ['true'])": "exit status 0",
    "ctypes.CDLL(None).exit(0)": "exit status 0",
    "os.fork() or time.sleep(3); os._exit(0)": "exit status 0",
    "sys.exit(0)": "SystemExit",
}


def archscope(folder, *args, **options):
    return subprocess.run(
        [COMMAND, *args], cwd=folder, capture_output=True, check=False, text=True, timeout=240, **options
    )


@pytest.fixture
def project(tmp_path):
    def write(end):
        (tmp_path / "net.py").write_text(NET.format(end=end))
        (tmp_path / "archscope.toml").write_text(CONFIG)
        return tmp_path

    return write


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """One check of a model for each end, each with a budget, and of a good one at the end."""
    folder = tmp_path_factory.mktemp("ends")
    net, config = NET.format(end="pass"), ""
    for number, end in enumerate([*ENDS, "pass"]):
        net += (
            f"\nclass M{number}(Good):\n    def forward(self, x):\n        {end}\n        return super().forward(x)\n"
        )
        config += f'[models.m{number}]\nsource = "net.py:M{number}"\ninputs = ["4x8"]\n'
        config += f'[[budgets]]\nname = "b{number}"\nmodel = "m{number}"\nmetric = "parameters"\nmax = 1_000\n'
    (folder / "net.py").write_text(net)
    (folder / "archscope.toml").write_text(config)
    done = archscope(folder, "check", "--json", "-")
    return done, json.loads(done.stdout)


@pytest.mark.parametrize(("number", "how"), [*enumerate(ENDS.values())])
def test_a_gate_does_not_pass_when_a_model_ends_its_process(checked, number, how):
    done, result = checked
    (fault,) = [fault for fault in result["errors"] if fault["model"] == f"m{number}"]
    assert (done.returncode, fault["exit_code"]) == (3, 3)
    assert how in fault["what"]
    assert how in done.stderr


def test_models_that_end_their_processes_hide_no_other(checked):
    _, result = checked
    assert len(result["errors"]) == len(ENDS)
    assert [(row["model"], row["status"]) for row in result["results"]] == [(f"m{len(ENDS)}", "passed")]


def test_the_tally_tells_what_was_not_checked(project):
    done = archscope(project("os._exit(0)"), "check")
    assert done.returncode == 3
    assert "1 not checked" in done.stdout
    assert "1 passed" in done.stdout


@pytest.mark.parametrize("end", ["os._exit(0)", "os.execv('/bin/true', ['true'])", "os.abort()"])
@pytest.mark.parametrize("command", [["analyze", "bad", "--strict"], ["lock", "bad"]])
def test_no_other_command_passes_either(project, end, command):
    done = archscope(project(end), *command)
    assert (done.returncode, done.stdout) == (3, "")
    assert "the process that measured the model ended" in done.stderr


def test_a_program_that_takes_the_place_of_a_model_is_ended(project):
    start = time.monotonic()
    done = archscope(project("os.execv('/bin/sleep', ['sleep', '100'])"), "check")
    assert done.returncode == 3
    assert "took its place" in done.stderr
    assert time.monotonic() - start < 90


def test_an_error_of_the_model_is_told_with_its_lines(project):
    done = archscope(project("raise ValueError('mine')"), "check")
    assert done.returncode == 3
    assert "Traceback of the model's code" in done.stderr
    assert "raise ValueError('mine')" in done.stderr


@pytest.mark.parametrize(
    "command",
    [["analyze", "bad", "--no-files"], ["analyze", "bad", "--json", "-"], ["compare", "bad", "good"], ["check"]],
)
def test_a_model_that_forks_writes_one_report(project, command):
    plain = archscope(project("pass"), *command)
    forked = archscope(project("os.fork()"), *command)
    # what the forked copy computes is not seen, so figures are lower bounds now; the report is one all the same
    first = next(line for line in plain.stdout.splitlines() if line.strip("{ "))
    assert forked.stdout.splitlines()[0] == plain.stdout.splitlines()[0] or command == ["check"]
    assert forked.stdout.count(first) == plain.stdout.count(first) or command == ["check"]
    assert len(forked.stdout.splitlines()) < 2 * len(plain.stdout.splitlines())
    assert forked.returncode == (1 if command == ["check"] and "unproven" in forked.stdout else plain.returncode)


def works(process):
    """Whether it is there, and not merely waiting for a parent that asks how it ended."""
    stat = Path(f"/proc/{process}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", ["analyze", "check"])
def test_a_signal_reaches_the_process_that_works(project, sent, command):
    end = "open('started', 'w').write(str(os.getpid())); time.sleep(100)"
    folder = project(end)
    process = subprocess.Popen(
        [COMMAND, command, "bad"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not (folder / "started").exists() or not (folder / "started").read_text():
        time.sleep(0.05)
    worker = int((folder / "started").read_text())
    process.send_signal(sent)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + sent
    assert "Traceback" not in errors
    time.sleep(0.2)
    assert not works(worker)


def test_ctrl_c_is_not_lost_where_python_drops_what_is_raised(project):
    end = "gone = type('Gone', (), {'__del__': lambda self: os.kill(os.getpid(), signal.SIGINT)})(); del gone"
    done = archscope(project(f"{end}; [time.sleep(0.01) for _ in range(3000)]"), "analyze", "bad", "--no-files")
    assert (done.returncode, done.stdout) == (130, "")
    assert "Traceback" not in done.stderr


def test_nothing_goes_on_when_the_command_is_killed(project):
    folder = project("open('started', 'w').write(str(os.getpid())); time.sleep(100)")
    process = subprocess.Popen([COMMAND, "check", "bad"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not (folder / "started").exists() or not (folder / "started").read_text():
        time.sleep(0.05)
    worker = int((folder / "started").read_text())
    process.kill()
    process.communicate(timeout=20)  # ends only when nobody holds its output any more
    time.sleep(0.5)
    assert not works(worker)


SWEPT = """
import os, signal, sys, time
from torch import nn

def net(width: int = 4):
    if width == 2:
        os._exit(0)
    if width == 3:
        time.sleep(100)
    if width == 5:
        os.kill(os.getpid(), signal.SIGSEGV)
    if width == 6:
        os.fork()
    if width == 7:
        sys.exit(0)
    return nn.Linear(8, width, bias=False)
"""


@pytest.mark.parametrize("last", [8, 20])  # few settings, and so many that they are measured in fresh processes
def test_one_setting_that_ends_or_hangs_costs_no_other(tmp_path, last):
    (tmp_path / "net.py").write_text(SWEPT)
    done = archscope(
        tmp_path,
        *("plan", "net.py:net", "--vary", f"width=1:{last}", "--input", "4x8", "--time-limit", "20", "--json", "-"),
    )
    assert done.returncode == 0, done.stderr
    points = json.loads(done.stdout)["points"]
    reasons = {point["settings"][0]["value"]: point["reason"] for point in points}
    assert [*reasons] == [*range(1, last + 1)]
    assert "exit status 0" in reasons[2]
    assert "longer than 20 s" in reasons[3]
    assert "SIGSEGV" in reasons[5]
    assert "SystemExit" in reasons[7]
    assert not any(reason for width, reason in reasons.items() if width not in {2, 3, 5, 7})
    assert [point["parameters"] for point in points if not point["reason"]] == [
        8 * width for width in reasons if not reasons[width]
    ]
