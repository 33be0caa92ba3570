"""Progress of a long run: drawn on a terminal's stderr, nowhere else, and gone when the run is over."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

RUN = """
import sys, time
from archscope.cli.progress import progress
with progress() as shown:
    shown.phase("trace")
    time.sleep(2.5)
    shown.step(3, 4, "settings")
    time.sleep(1)
sys.stdout.write("result")
"""


def drawn(*, terminal, **environment):
    """What a process writes to stdout, and to stderr, which is a terminal or a pipe."""
    inherited = {name: value for name, value in os.environ.items() if name not in {"CI", "NO_COLOR"}}
    settings = inherited | {"TERM": "xterm", "COLUMNS": "80"} | environment
    ours, theirs = pty.openpty() if terminal else os.pipe()
    done = subprocess.run([sys.executable, "-c", RUN], stdout=subprocess.PIPE, stderr=theirs, env=settings, check=True)
    os.close(theirs)
    written = b""
    try:
        while part := os.read(ours, 65536):
            written += part
    except OSError:  # how a terminal says that nobody writes to it any more
        pass
    os.close(ours)
    return done.stdout.decode(), written.decode()


def test_a_terminal_sees_the_phase_then_the_bar_and_then_an_empty_line():
    stdout, stderr = drawn(terminal=True)
    assert stdout == "result"
    lines = stderr.split("\r\x1b[K")
    assert any(line.endswith("trace") for line in lines)
    assert any("settings" in line and "3/4" in line for line in lines)
    assert lines.index(next(line for line in lines if "3/4" in line)) > 1
    assert lines[-1] == ""


@pytest.mark.parametrize("environment", [{}, {"CI": "true"}, {"TERM": "dumb"}], ids=["pipe", "CI", "dumb"])
def test_nothing_is_drawn_where_no_line_can_be_drawn_anew(environment):
    assert drawn(terminal=bool(environment), **environment) == ("result", "")
