"""docs/ci.md says what holds: its config loads, its Action takes these inputs, its excerpt is what is printed."""

from __future__ import annotations

import re

import pytest
import yaml
from repository import ROOT
from told import render_check_text
from torch import nn, zeros

import archscope
from archscope.cli import COMMANDS
from archscope.config import load_config
from archscope.judge.lock.check import check_lock
from archscope.judge.lock.entries import Lock, lock_entry
from archscope.metrics import limitable
from archscope.policy import Location, LockPolicy

TEXT = (ROOT / "docs/ci.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def blocks(kind):
    return [text for found, text in BLOCKS if found == kind]


def test_its_config_loads(tmp_path):
    path = tmp_path / "archscope.toml"
    path.write_text("\n".join(blocks("toml")))
    config = load_config(path)
    assert [budget.max.text for budget in config.budgets] == ["<0.25M", "20%", "60%"]
    assert config.lock.depth == 2


def test_it_names_every_metric():
    assert [name for name in limitable() if name not in TEXT] == []


def test_its_workflow_gives_the_action_what_it_takes():
    (workflow,) = [yaml.safe_load(text) for text in blocks("yaml")]
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    (step,) = [step for step in workflow["steps"] if "archscope@" in step.get("uses", "")]
    assert set(step["with"]) <= set(action["inputs"])


def test_every_command_and_flag_that_it_names_exists():
    from archscope.cli import main

    named = set(re.findall(r"`archscope ([a-z]+)", TEXT)) | set(re.findall(r"^archscope ([a-z]+)", TEXT, re.MULTILINE))
    assert named <= COMMANDS.keys()
    flags = {opt for name in named for param in main.get_command(None, name).params for opt in param.opts}
    shown = set(re.findall(r"`archscope [^`]*?(--[a-z-]+)", TEXT))
    assert shown <= flags
    assert "--format" in shown


def detector(width):
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU()),
        nn.Sequential(nn.Conv2d(32, width, 3, 2, 1), nn.BatchNorm2d(width), nn.ReLU()),
        nn.Conv2d(width, 4, 1),
    )


@pytest.mark.parametrize("policy", [LockPolicy(metrics=("parameters",))])
def test_the_excerpt_is_what_is_printed(policy):
    def measured(width):
        return archscope.analyze(detector(width), zeros(1, 3, 640, 640), name="detector")

    entry = lock_entry("detector", measured(64), policy)
    place = Location(file="archscope.lock", line=21)
    lock = Lock(file=place.file, entries={"detector": entry}, locations={("detector", "parameters"): place})
    printed = render_check_text(check_lock("detector", measured(72), lock, policy))
    shown = next(text for text in blocks("") if "since the lock" in text)
    assert printed.startswith(shown)
