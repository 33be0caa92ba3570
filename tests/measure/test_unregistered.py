"""Weights that no module registered are told: no count holds them, so no budget on parameters is proven."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from click.testing import CliRunner
from told import render_markdown, render_text
from torch import nn
from torch.nn import functional

import archscope
from archscope.cli import main
from archscope.judge.budgets import check
from archscope.policy import Budget, Limit

X = (archscope.InputSpec(shape=(2, 8)),)


class Model(nn.Module):
    """Holds what ``make`` gives in plain attributes, beside a registered layer of 72 parameters."""

    def __init__(self, make, forward):
        super().__init__()
        self.layer = nn.Linear(8, 8)
        for name, value in make().items():
            self.__dict__[name] = value
        self.work = forward

    def forward(self, x):
        return self.work(self, self.layer(x))


def each(model, x):
    for layer in model.held:
        x = layer(x)
    return x


def weight(*shape):
    return nn.Parameter(torch.randn(*shape))


def closure():
    w = weight(8, 4)
    return lambda _model, x: x @ w


WEIGHT = weight(8, 4)

# What is held, how it is used, and how many elements in how many tensors are registered nowhere.
HIDDEN = {
    "layers in a list": (lambda: {"held": [nn.Linear(8, 8), nn.Linear(8, 8)]}, each, 144, 4),
    "layers in a tuple in a dict": (
        lambda: {"held": {"a": (nn.Linear(8, 3, bias=False),)}},
        lambda m, x: m.held["a"][0](x),
        24,
        1,
    ),
    "layers in an object": (
        lambda: {"held": SimpleNamespace(layer=nn.Conv1d(8, 2, 1))},
        lambda m, x: m.held.layer(x[..., None]),
        18,
        2,
    ),
    "parameters in a list": (lambda: {"held": [weight(8, 4)]}, lambda m, x: x @ m.held[0], 32, 1),
    "a plain tensor, as a factor": (lambda: {"held": torch.randn(8, 5)}, lambda m, x: x @ m.held, 40, 1),
    "on the left": (lambda: {"held": torch.randn(5, 2)}, lambda m, x: m.held @ x, 10, 1),
    "of a linear": (lambda: {"held": torch.randn(5, 8)}, lambda m, x: functional.linear(x, m.held), 40, 1),
    "as a kernel": (lambda: {"held": torch.randn(1, 1, 3)}, lambda m, x: functional.conv1d(x[:, None], m.held), 3, 1),
    "in an einsum": (lambda: {"held": torch.randn(8, 5)}, lambda m, x: torch.einsum("bi,io->bo", x, m.held), 40, 1),
    "transposed": (lambda: {"held": torch.randn(5, 8)}, lambda m, x: x @ m.held.t(), 40, 1),
    "scaled before": (lambda: {"held": torch.randn(8, 5)}, lambda m, x: x @ (m.held * 0.5).relu(), 40, 1),
    "in halves": (lambda: {"held": torch.randn(8, 6)}, lambda m, x: [x @ half for half in m.held.chunk(2, 1)], 48, 1),
    "a table that is trained": (
        lambda: {"held": [weight(10, 4)]},
        lambda m, x: functional.embedding(x.long(), m.held[0]),
        40,
        1,
    ),
    "a scale that is trained": (lambda: {"held": [weight(8)]}, lambda m, x: x * m.held[0], 8, 1),
    "a closure's": (dict, closure(), 32, 1),
    "a module's": (dict, lambda _m, x: x @ WEIGHT, 32, 1),
}


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize("name", HIDDEN)
def test_a_weight_that_is_registered_nowhere_is_told(name, device):
    make, forward, elements, tensors = HIDDEN[name]
    report = archscope.analyze(archscope.trace(Model(make, forward), X, device=device))
    assert (sum(row.numel for row in report.unregistered), len(report.unregistered)) == (elements, tensors)
    assert report.totals.parameters == 72
    assert report.totals.complete  # of what ran, nothing is missing


def rope(model, x):
    angles = torch.outer(torch.arange(2.0), model.held)
    return x * torch.cat([angles.cos(), angles.sin()], 1)


def rope_by_product(model, x):
    angles = model.held[:, None] @ torch.arange(2.0)[None]
    return x * torch.cat([angles.cos(), angles.sin()]).t()


# Constants that the model keeps, and what is registered under another name.
FINE = {
    "a mask that is added": (lambda: {"held": torch.full((8, 8), -math.inf).triu(1)}, lambda m, x: x + m.held[:2]),
    "a mask of attention": (
        lambda: {"held": torch.zeros(2, 2)},
        lambda m, x: functional.scaled_dot_product_attention(x[None], x[None], x[None], attn_mask=m.held),
    ),
    "a mean and a deviation": (lambda: {"held": torch.ones(8)}, lambda m, x: (x - m.held) / m.held),
    "anchors": (lambda: {"held": torch.rand(2, 8)}, lambda m, x: x.exp() * m.held + m.held),
    "rotary frequencies": (lambda: {"held": torch.rand(4)}, rope),
    "rotary frequencies, by a product": (lambda: {"held": torch.rand(4)}, rope_by_product),
    "positions": (lambda: {"held": torch.rand(1, 8)}, lambda m, x: functional.linear(x + m.held, m.layer.weight)),
    "indices": (lambda: {"held": torch.tensor([0, 1, 1])}, lambda m, x: x[m.held]),
    "never used": (lambda: {"held": [nn.Linear(8, 8)]}, lambda m, x: x),
    "made by the run": (dict, lambda m, x: x @ torch.ones(8, 2)),
}


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize("name", FINE)
def test_a_constant_raises_no_alarm(name, device):
    report = archscope.analyze(archscope.trace(Model(*FINE[name]), X, device=device))
    assert report.unregistered == ()


class Aliases(nn.Module):
    """Keeps registered weights under further names: the same, a view, one that is normed before each call."""

    def __init__(self):
        super().__init__()
        self.layer = nn.utils.weight_norm(nn.Linear(8, 8)) if hasattr(nn.utils, "weight_norm") else nn.Linear(8, 8)
        self.plain = nn.Linear(8, 8)
        self.lstm = nn.LSTM(8, 8)
        self.again = [self.plain.weight]
        self.turned = self.plain.weight.t()
        self.register_buffer("table", torch.rand(8, 8))
        self.kept = [self.plain, self.table]

    def forward(self, x):
        return self.lstm(self.layer(x) @ self.again[0] @ self.turned @ self.kept[1])[0]


@pytest.mark.filterwarnings("ignore")
def test_what_is_registered_under_another_name_raises_no_alarm():
    for device in ("meta", "cpu"):
        assert archscope.analyze(archscope.trace(Aliases(), X, device=device)).unregistered == ()


def test_a_weight_that_comes_in_as_input_raises_no_alarm():
    class Product(nn.Module):
        def forward(self, x, w):
            return x @ w

    report = archscope.analyze(Product(), archscope.Inputs(args=(torch.rand(2, 8), torch.rand(8, 4))))
    assert report.unregistered == ()


def hidden():
    return archscope.analyze(Model(*HIDDEN["layers in a list"][:2]), X)


def test_a_report_says_how_much_and_what_to_do():
    said = "144 elements in 4 tensors are multiplied but registered nowhere"
    report = hidden()
    assert said in render_text(report)
    assert said in render_markdown(report)
    assert "use nn.ModuleList" in render_text(report)
    assert archscope.from_json(archscope.to_json(report)) == report


@pytest.mark.parametrize("metric", ["parameters", "trainable", "parameter_bytes"])
def test_no_budget_on_parameters_passes(metric):
    def status(most):
        budget = Budget(name="b", model="m", metric=metric, max=Limit.parse(most))
        return check(hidden(), [budget]).results[0]

    assert status(1_000).status == "unproven"
    assert any("144 elements" in note for note in status(1_000).notes)
    assert status(10).status == "failed"


SOURCE = """
import torch
from torch import nn
class Hidden(nn.Module):
    def __init__(self):
        super().__init__()
        self.l = [nn.Linear(8, 8), nn.Linear(8, 8)]
    def forward(self, x):
        for m in self.l:
            x = m(x)
        return x
class Plain(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(8, 8))
"""


@pytest.mark.parametrize("given", [["--input", "2x8"], []])
def test_the_command_line_does_not_pass_either(tmp_path, monkeypatch, given):
    (tmp_path / "net.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(main, ["check", "net.py:Hidden", "--max-params", "10", *given])
    assert found.exit_code == 1
    assert "144 elements in 4 tensors" in found.output.replace("\n", " ")
    assert CliRunner().invoke(main, ["analyze", "net.py:Hidden", "--strict", "--no-files", *given]).exit_code == 1
    assert CliRunner().invoke(main, ["analyze", "net.py:Plain", "--strict", "--no-files", *given]).exit_code == 0
