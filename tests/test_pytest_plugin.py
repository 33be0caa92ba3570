"""The fixture as a project meets it: pytest in a process of its own, with the plugin and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points

import pytest
from made import made_report

from archscope.serial import to_json

NET = {"": ("Rest", 10, 0, 5), "body": ("Body", 20, 300, 600), "neck": ("Neck", 70, 700, 1400)}
TEST = """\
from pathlib import Path
from archscope.serial import from_json

def test_the_net(archscope):
    report = from_json(Path("net.json").read_text())
    assert archscope.check(report, {arguments}) is report
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "net.json").write_text(to_json(made_report(NET, name="net")))

    def run(arguments, *flags, text=TEST):
        (tmp_path / "test_net.py").write_text(text.replace("{arguments}", arguments))
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "archscope.pytest_plugin",
            "-p",
            "no:cacheprovider",
            *flags,
        ]
        env = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    return run


def test_limits_that_hold_pass(project):
    done = project('parameters="<=100", macs="1K", components={"Neck": "<=70", "Body": {"macs": "30%"}}')
    assert done.returncode == 0, done.stdout


def test_a_failure_reads_like_that_of_check_without_a_traceback(project):
    done = project('parameters="<100", components={"Neck": {"macs": "69.9%"}}')
    assert done.returncode == 1
    assert (
        "archscope check\n"
        " FAIL  parameters   parameters 100 > max 99   over by 1 (+1.01 %)\n"
        "         largest: Neck 70 · Body 20 · Rest 10\n"
        "         test_net.py:4\n"
        " FAIL  Neck macs    Neck macs 700 > max 699   over by 1 (+0.14 %)\n"
    ) in done.stdout
    assert "pytest_plugin.py" not in done.stdout


MEANINGLESS = {
    'paramters="1"': "unknown metric 'paramters'",
    "": "a check without limits",
    'parameters="5%"': "a share of nothing",
    'parameters="1 MB"': "unknown unit 'MB'",
    'components={"Nek": 1}': "no component 'Nek'",
    'components={"A": {"match": "a"}, "B": 1}, parameters=1': "component 'B' has no match",
    'lock="net"': "'net' is not locked",
}


def test_a_word_that_means_nothing_is_an_error_of_the_test(project):
    head, body = TEST.split("\n\n")
    tests = [
        body.replace("the_net", f"number_{n}").replace("{arguments}", words) for n, words in enumerate(MEANINGLESS)
    ]
    done = project("", text="\n\n".join([head, *tests]))
    assert f"{len(MEANINGLESS)} failed" in done.stdout
    for words in MEANINGLESS.values():
        assert words in done.stdout


def test_a_lock_is_written_on_request_holds_and_is_never_raised(project, tmp_path):
    assert project('lock="net"', "--archscope-update").returncode == 0
    first = (tmp_path / "archscope.lock").read_bytes()
    assert project('lock="net"').returncode == 0
    (tmp_path / "net.json").write_text(to_json(made_report(NET | {"neck": ("Neck", 71, 700, 1400)}, name="net")))
    grown = project('lock="net"')
    assert grown.returncode == 1
    assert "FAIL  lock:net:parameters   parameters 101 > max 100   over by 1 (+1.00 %)" in grown.stdout
    assert "neck Module: changed, 70 to 71" in grown.stdout
    refused = project('lock="net"', "--archscope-update")
    assert refused.returncode == 1
    assert "parameters would rise from 100 to 101" in refused.stdout
    assert (tmp_path / "archscope.lock").read_bytes() == first
    (tmp_path / "net.json").write_text(to_json(made_report(NET | {"neck": ("Neck", 60, 700, 1400)}, name="net")))
    assert project('lock="net"', "--archscope-update").returncode == 0
    assert b"parameters = 90" in (tmp_path / "archscope.lock").read_bytes()


MODULE = """\
import sys

def test_loading_the_plugin_loads_no_torch():
    assert "archscope.pytest_plugin" in sys.modules
    assert sys.modules.keys() & {"torch", "numpy", "pandas", "matplotlib", "archscope.policy"} == set()

def test_a_module_and_its_inputs(archscope):
    from torch import nn, zeros
    net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))  # 16 + 10 parameters, 5 x (12 + 8) MACs
    parts = {"first": {"match": "0", "macs": 60}, "second": {"match": ["1"], "parameters": 10}}
    for inputs in ("5x3", zeros(5, 3), (zeros(5, 3),), {"input": zeros(5, 3)}):
        report = archscope.check(net, inputs, parameters=26, macs=100, components=parts)
        assert report.totals.macs == 100
    assert net.training

def test_a_training_step(archscope):
    from torch import nn
    report = archscope.check(nn.Linear(3, 4), "5x3", training_flops="1K", training_memory_bytes="10K")
    assert report.totals.training.optimizer == "adamw"

def test_every_metric_of_training_is_known():
    from archscope.metrics import METRICS
    from archscope.pytest_plugin import TRAINING
    assert {name for name, metric in METRICS.items() if metric.of_training} == set(TRAINING)
"""


def test_a_module_is_measured_with_inputs_of_every_kind_and_torch_waits_until_then(project):
    done = project("", text=MODULE)
    assert done.returncode == 0, done.stdout


def test_pytest_finds_the_plugin_by_its_entry_point():
    (point,) = [point for point in entry_points(group="pytest11") if point.name == "archscope"]
    assert point.value == "archscope.pytest_plugin"


def test_several_processes_do_not_write_one_lock(project, tmp_path):
    done = project('lock="net"', "-p", "xdist", "-n", "2", "--archscope-update")
    assert done.returncode == 1
    assert "several processes cannot write one lock" in done.stdout
    assert not (tmp_path / "archscope.lock").exists()
