"""A model's code that closes streams, prints at odd times or does not end: the result is whole, and told once."""

import json
import subprocess
import sysconfig
import time
from pathlib import Path

import pytest

COMMAND = str(Path(sysconfig.get_path("scripts")) / "archscope")
NET = """
import atexit, os, sys, threading, time
from torch import nn

class Net(nn.Linear):
    def __init__(self):
        super().__init__(8, 8, bias=False)

    def forward(self, x):
        {deed}
        return super().forward(x)
"""
DEEDS = {
    "streams of Python closed": "[getattr(sys, name).close() for name in ('stdout', 'stderr', '__stdout__')]",
    "streams of Python detached": "sys.stdout.detach(); sys.__stderr__ = None",
    "descriptors closed": "os.close(0); os.close(1); os.close(2)",
    "descriptors changed": "full = os.open('/dev/full', os.O_WRONLY); os.dup2(full, 1); os.dup2(full, 2)",
    "printing": "print('a' * 100_000, end=''); os.write(1, b'b'); sys.__stdout__.write('c')",
    "printing at the end": "atexit.register(os.write, 1, b'end'); atexit.register(print, 'end')",
    "printing beside": "threading.Timer(0.5, print, ('beside',)).start()",
}


def run(folder, deed, *arguments):
    (folder / "net.py").write_text(NET.format(deed=deed))
    return subprocess.run(
        [COMMAND, *arguments], cwd=folder, capture_output=True, check=False, text=True, timeout=240, close_fds=True
    )


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_a_result_is_whole_whatever_a_model_does_to_the_streams(tmp_path, deed):
    done = run(tmp_path, deed, "analyze", "net.py:Net", "--input", "4x8", "--json", "-")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["totals"]["macs"] == 4 * 8 * 8
    assert "Traceback" not in done.stderr
    assert "lost sys.stderr" not in done.stderr


def test_a_gate_says_its_verdict_where_a_model_closed_the_streams(tmp_path):
    deed = "sys.stdout.close(); sys.stderr.close(); os.close(1); os.close(2)"
    done = run(tmp_path, deed, "check", "net.py:Net", "--input", "4x8", "--max-params", "10")
    assert done.returncode == 1
    assert "failed" in done.stdout


def test_a_thread_that_never_ends_holds_nothing_up(tmp_path):
    deed = "threading.Thread(target=time.sleep, args=(1000,)).start()"
    start = time.monotonic()
    done = run(tmp_path, deed, "analyze", "net.py:Net", "--input", "4x8", "--json", "-", "--no-files")
    assert time.monotonic() - start < 120
    assert done.returncode == 0
    assert json.loads(done.stdout)["totals"]["parameters"] == 64
    assert "went on for 20 s after the result" in done.stderr


@pytest.mark.parametrize("command", [["analyze"], ["check", "--max-params", "10"]], ids=["analyze", "check"])
@pytest.mark.parametrize("raised", ["GeneratorExit", "BaseException"])
def test_what_is_no_exception_is_told_as_the_models(tmp_path, command, raised):
    done = run(tmp_path, f"raise {raised}", command[0], "net.py:Net", "--input", "4x8", *command[1:])
    assert done.returncode == 3
    assert f"raised {raised}" in done.stderr
    assert "Traceback (most recent call last)" not in done.stderr
