"""``archscope lock``, and ``check`` against a lock, as processes."""

from __future__ import annotations

import subprocess
import sys

import pytest
from gate_project import NET, make_project, run
from made import made_report

from archscope.judge.lock.entries import lock_entry
from archscope.judge.lock.file import render_lock
from archscope.policy import LockPolicy
from archscope.serial import to_json


@pytest.fixture
def folder(tmp_path):
    return make_project(tmp_path)


def test_a_locked_report_is_held_and_explained_without_torch(folder):
    assert run(folder, "lock", "net.json").returncode == 0
    first = (folder / "archscope.lock").read_bytes()
    assert run(folder, "lock", "net.json").stdout.endswith("archscope.lock is up to date\n")
    assert (folder / "archscope.lock").read_bytes() == first
    larger = made_report(NET | {"head": ("Neck", 5, 7, 14)}, name="net")
    (folder / "net.json").write_text(to_json(larger))
    done = run(folder, "check", "net.json", imports=True)
    assert done.returncode == 1
    assert "torch" not in {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "         since the lock: +5 in 1 new module\n           +5  head Module: new, not run\n" in done.stdout
    refused = run(folder, "lock", "net.json")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "parameters would rise from 100 to 105 (+5)" in refused.stderr
    assert (folder / "archscope.lock").read_bytes() == first
    allowed = run(folder, "lock", "net.json", "--allow-increase", "net.json", "--reason", "a new head")
    assert allowed.returncode == 0
    assert 'reason = "a new head"' in (folder / "archscope.lock").read_text()
    assert "lock:net.json:parameters" in run(folder, "check", "net.json").stdout


def test_a_lock_is_written_for_all_models_or_for_none(folder):
    assert run(folder, "lock", "net.json", "nets.json").returncode == 3
    assert not (folder / "archscope.lock").exists()


@pytest.mark.parametrize(
    "arguments", [["--reason", "x"], ["--allow-increase", "net.json"], ["--allow-increase", "x", "--reason", "y"]]
)
def test_an_increase_needs_a_model_and_a_reason(folder, arguments):
    assert run(folder, "lock", "net.json", *arguments).returncode == 2
    assert not (folder / "archscope.lock").exists()


def test_figures_of_something_else_are_not_comparable_and_the_budgets_are_held_all_the_same(folder):
    assert run(folder, "lock", "net.json").returncode == 0
    (folder / "net.json").write_text(to_json(made_report(NET, name="net", shape=(1, 3, 64, 64))))
    done = run(folder, "check", "net.json")
    assert done.returncode == 2
    assert "PASS  net-params" in done.stdout
    assert "is not what was locked: inputs image 1x3x640x640 float32 then, image 1x3x64x64 float32 now" in done.stderr
    assert "at archscope.lock:5" in done.stderr


def test_locked_wants_every_model_locked(folder):
    assert run(folder, "lock", "net.json").returncode == 0
    (folder / "other.json").write_text(to_json(made_report(NET, name="net")))
    assert run(folder, "check", "net.json", "--locked").returncode == 0
    done = run(folder, "check", "other.json", "--locked", "--max-params", "1K")
    assert done.returncode == 2
    assert "other.json is not locked" in done.stderr


def test_locked_without_a_lock_exits_2(folder):
    done = run(folder, "check", "net.json", "--locked")
    assert done.returncode == 2
    assert "there is no lock" in done.stderr


KILLED = """
import os, pathlib, signal, sys
from archscope.judge.lock.entries import LockEntry
from archscope.judge.lock.file import write_lock
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
real = pathlib.Path.open
class Half:
    def __init__(self, file): self.file = file
    def __enter__(self): return self
    def __exit__(self, *_): self.file.close()
    def write(self, content):
        self.file.write(content[: len(content) // 2]); self.file.flush(); die()
if sys.argv[1] == "write":
    pathlib.Path.open = lambda self, mode="r": Half(real(self, mode)) if "x" in mode else real(self, mode)
else:
    os.replace = os.rename = pathlib.Path.replace = pathlib.Path.rename = die
entry = LockEntry(
    name="new" * 1000, source="", mode="", counting_rules=1, complete=True, inputs=(), options={}, components={},
    totals={}, modules=(),
)
write_lock(pathlib.Path("archscope.lock"), [entry])
"""


@pytest.mark.parametrize("moment", ["write", "replace"])
def test_a_run_that_is_killed_in_the_middle_of_writing_leaves_the_old_file_whole(tmp_path, moment):
    old = render_lock([lock_entry("net", made_report(NET), LockPolicy())])
    (tmp_path / "archscope.lock").write_text(old)
    done = subprocess.run([sys.executable, "-c", KILLED, moment], cwd=tmp_path, check=False, capture_output=True)
    assert done.returncode == -9, done.stderr
    assert (tmp_path / "archscope.lock").read_text() == old
