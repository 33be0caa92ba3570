"""Operators of a training step without a formula: listed, said, and a failure of --strict."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from told import render_markdown, render_text
from torch import nn

import archscope
from archscope.serial import from_json, to_json

NET = """
import torch
from torch import nn

@torch.library.custom_op("toys::half", mutates_args=())
def half(x: torch.Tensor) -> torch.Tensor:
    return x / 2

@torch.library.custom_op("toys::half_backward", mutates_args=())
def half_backward(g: torch.Tensor) -> torch.Tensor:
    return g / 2

half.register_fake(lambda x: torch.empty_like(x))
half_backward.register_fake(lambda g: torch.empty_like(g))
half.register_autograd(lambda ctx, g: half_backward(g))

class Half(nn.Module):
    def forward(self, x):
        return half(x)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.halved = nn.Linear(4, 4), Half()

    def forward(self, x):
        return self.halved(self.layer(x)) if self.training else self.layer(x) / 2
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("net") / "net.py"
    path.write_text(NET)
    return path


def run(*words):
    program = Path(sys.executable).parent / "archscope"
    return subprocess.run([program, *words], capture_output=True, text=True, check=False)


def test_strict_fails_where_only_the_training_step_has_an_unknown_operator(file):
    words = ("analyze", f"{file}:Net", "--input", "2x4", "--no-files", "--strict")
    assert run(*words).returncode == 0  # in eval everything is known
    done = run(*words, "--training")
    assert done.returncode == 1
    assert "2 operators are not counted (--strict)" in done.stderr
    assert "not counted in the training step: toys::half, 1 call in halved" in done.stdout
    assert "not counted in the training step: toys::half_backward, 1 call in halved" in done.stdout
    assert "the MACs and FLOPs of the training step are lower bounds (>=)" in done.stdout


def test_the_saved_report_lists_them_and_comes_back(file):
    done = run("analyze", f"{file}:Net", "--input", "2x4", "--no-files", "--training", "--json", "-")
    assert done.returncode == 0, done.stderr
    report = from_json(done.stdout)
    assert [(row.op, row.modules) for row in report.training_uncounted] == [
        ("toys::half", ("halved",)),
        ("toys::half_backward", ("halved",)),
    ]
    assert report.uncounted == ()
    assert (report.totals.complete, report.totals.training.complete) == (True, False)
    assert from_json(to_json(report)) == report
    older = json.loads(done.stdout)
    del older["training_uncounted"]
    assert from_json(json.dumps(older)).training_uncounted == ()
    assert "`toys::half_backward`" in render_markdown(report)
    assert "Nothing outside of the training step" in render_markdown(report)
    assert "not counted in the training step" in render_text(report)


def test_a_budget_on_the_training_step_names_them(file):
    done = run("check", f"{file}:Net", "--input", "2x4", "--max-training-flops", "1G")
    assert done.returncode != 0
    assert "toys::half_backward" in done.stdout


class Gated(nn.Module):
    """Layers whose gradients had no formula once."""

    def __init__(self):
        super().__init__()
        self.conv, self.gate, self.slope = nn.Conv2d(2, 4, 1), nn.GLU(1), nn.PReLU()
        self.pad, self.norm = nn.ReflectionPad2d(1), nn.RMSNorm(6)
        self.bag = nn.EmbeddingBag(5, 3)

    def forward(self, x):
        x = self.norm(self.pad(self.slope(self.gate(self.conv(x)))))
        x = nn.functional.interpolate(x, size=(9, 9), mode="bicubic")
        x = nn.functional.adaptive_max_pool2d(nn.functional.logsigmoid(x), 3)
        words = torch.zeros(1, 2, dtype=torch.long, device=x.device)
        return torch.matrix_exp(x) + self.bag(words).sum() + nn.functional.hardshrink(x) + nn.functional.mish(x)


def test_a_training_step_of_common_layers_is_complete():
    report = archscope.analyze(Gated(), torch.rand(1, 2, 4, 4), training="sgd")
    assert report.training_uncounted == ()
    assert report.totals.training.complete
    assert report.totals.training.backward_flops > 0


def test_without_a_training_step_nothing_is_listed():
    assert archscope.analyze(nn.Linear(2, 2), torch.rand(1, 2)).training_uncounted == ()
