"""A project with a saved report and a budget, and the command run in it as a process of its own."""

from __future__ import annotations

import os
import subprocess

from made import made_report
from repository import COMMAND

from archscope.serial import to_json

NET = {"": ("Rest", 10, 0, 5), "body": ("Body", 20, 300, 600), "neck": ("Neck", 70, 700, 1400)}
CONFIG = """\
[[budgets]]
name = "net-params"
model = "net"
metric = "parameters"
max = {most}
message = "Flash limit"
"""


def environment(**variables):
    chosen = {"CI", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "FORCE_COLOR", "NO_COLOR"}
    return {key: value for key, value in os.environ.items() if key not in chosen} | variables


def run(folder, *arguments, imports=False, **variables):
    """The process; with ``imports`` it tells on stderr what it imports."""
    env = environment(**variables) | ({"PYTHONPROFILEIMPORTTIME": "1"} if imports else {})
    return subprocess.run([COMMAND, *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False)


def make_project(path):
    """net.json, 100 parameters and 1,000 MACs, and an archscope.toml that admits just that."""
    (path / ".git").mkdir()
    (path / "net.json").write_text(to_json(made_report(NET, name="net")))
    (path / "archscope.toml").write_text(CONFIG.format(most=100))
    return path
