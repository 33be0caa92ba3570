"""Reports that archscope 0.1 saved are read, or refused with the way out; those files are what it wrote."""

from __future__ import annotations

import subprocess

import pytest
from repository import COMMAND, DATA

import archscope

SAVED = DATA / "reports_0_1"
# 3 x 9 x 8 + 8 + 2 x 8 + 288 x 10 + 10 parameters; 27 x 8 x 36 + 2,880 MACs.
PARAMETERS, MACS = 3_130, 10_656


def check(path):
    words = [COMMAND, "check", str(path), "--max-params", str(PARAMETERS), "--max-macs", str(MACS)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_a_report_of_the_last_0_1_is_read():
    totals = archscope.load(str(SAVED / "last.json")).totals
    assert (totals.parameters, totals.macs) == (PARAMETERS, MACS)
    assert check(SAVED / "last.json").returncode == 0


@pytest.mark.parametrize("name", ["first.json", "middle.json"])
def test_an_older_one_is_refused_with_the_way_out_and_never_passes(name):
    done = check(SAVED / name)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert f"{name}" in done.stderr
    assert "`archscope analyze MODEL --json FILE`" in done.stderr
    assert "run that command again with this one" in done.stderr
