"""Starting archscope costs little: the heavy libraries are imported by the commands that need them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from repository import COMMAND

HEAVY = {"torch", "pandas", "matplotlib", "numpy", "fvcore", "transformers"}


def imported(*command):
    """Every module that a process imports, and what it prints; Python itself writes the list to stderr."""
    env = os.environ | {"PYTHONPROFILEIMPORTTIME": "1"}
    run = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    lines = [line for line in run.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}, run.stdout


@pytest.mark.parametrize("module", ["archscope", "archscope.cli", "archscope.report", "archscope.models"])
def test_importing_it_loads_no_heavy_library(module):
    modules, _ = imported(sys.executable, "-c", f"import {module}")
    assert module in modules
    assert modules & HEAVY == set()


def test_the_list_of_imports_would_show_a_heavy_library():
    modules, _ = imported(sys.executable, "-c", "import numpy")
    assert modules & HEAVY == {"numpy"}


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_the_command_answers_without_any_heavy_library(flag):
    modules, output = imported(COMMAND, flag)
    assert "archscope.cli" in modules
    assert modules & HEAVY == set()
    assert "archscope" in output


def test_the_version_is_that_of_the_distribution():
    assert imported(COMMAND, "--version")[1] == "archscope, version 0.2.0\n"
