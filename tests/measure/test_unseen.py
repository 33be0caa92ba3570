"""No work is missed without a word: memory that was filled behind the dispatcher's back is noticed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from told import render_markdown, render_text
from torch import nn

import archscope


class Extension(nn.Module):
    """Fills its output as a compiled extension does: through the address, not through an operator."""

    def __init__(self, make):
        super().__init__()
        self.make = make

    def forward(self, x):
        out = self.make(x)
        np.multiply(x.numpy(), 2, out=out.numpy())
        return out


MAKERS = {
    "empty_like": torch.empty_like,
    "empty": lambda x: torch.empty(x.shape),
    "new_empty": lambda x: x.new_empty(x.shape),
    "empty_strided": lambda x: torch.empty_strided(x.shape, x.stride()),
    "a view": lambda x: torch.empty(x.numel()).view(x.shape),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_what_an_extension_wrote_makes_the_report_a_lower_bound_and_names_the_module(maker):
    net = nn.Sequential(nn.Linear(4, 4), Extension(MAKERS[maker]), nn.Linear(4, 4))
    report = archscope.analyze(net, torch.ones(2, 4))
    assert [(row.op, row.calls, row.modules) for row in report.uncounted] == [("[unseen]", 1, ("1",))]
    assert not report.totals.complete
    assert report.totals.macs == 2 * 2 * 4 * 4


@pytest.mark.parametrize("change", [lambda o: o.add_(1), torch.relu_, lambda o: o.mul_(2), lambda o: o.clamp_(min=0)])
def test_an_operator_in_place_does_not_hide_what_it_changes(change):
    class Changed(Extension):
        def forward(self, x):
            return change(super().forward(x))

    report = archscope.analyze(Changed(torch.empty_like), torch.ones(2, 4))
    assert [row.op for row in report.uncounted] == ["[unseen]"]


class Keeps(nn.Module):
    """Makes room that it does not use."""

    def forward(self, x):
        self.room = torch.empty(3, 4)
        return x + 1


def test_room_that_is_kept_and_not_used_raises_no_alarm():
    assert archscope.analyze(Keeps(), torch.ones(2, 4)).uncounted == ()


def test_a_report_says_what_unseen_work_is_and_what_to_do():
    report = archscope.analyze(Extension(torch.empty_like), torch.ones(2, 4))
    said = "torch.library.custom_op gives it a name, and a formula for that name its cost"
    assert said in render_text(report)
    assert said in render_markdown(report).replace("\\", "").replace("&#95;", "_")
    assert "not counted: [unseen], 1 call in [the model itself]" in render_text(report)
    assert "[unseen]: " not in render_text(archscope.analyze(nn.Linear(4, 4), torch.ones(2, 4)))


def test_what_an_extension_gives_back_as_the_result_is_noticed_too():
    report = archscope.analyze(nn.Sequential(nn.Linear(4, 4), Extension(torch.empty_like)), torch.ones(2, 4))
    assert [(row.op, row.modules) for row in report.uncounted] == [("[unseen]", ("1",))]


def test_an_extension_s_training_step_is_a_lower_bound_too():
    net = nn.Sequential(Extension(torch.empty_like), nn.Linear(4, 4))
    assert not archscope.analyze(net, torch.ones(2, 4), training="sgd").totals.training.complete


@torch.library.custom_op("archscope_tests::fill", mutates_args=("out",))
def fill(x: torch.Tensor, out: torch.Tensor) -> None:
    out.copy_(x)


fill.register_fake(lambda x, out: None)


def interleaved(x):
    out = torch.empty(x.shape[0], 2 * x.shape[1])
    out[:, 0::2] = x
    out[:, 1::2] = x
    return out


def inverse(permutation):
    found = torch.empty_like(permutation)
    found[permutation] = torch.arange(len(permutation))
    return found


# What writes before it reads, or never asks for the values.
HARMLESS = {
    "filled": lambda x: torch.empty_like(x).fill_(1) + x,
    "copied into": lambda x: torch.empty_like(x).copy_(x) + x,
    "drawn": lambda x: x.new_empty(x.shape[0], 1).bernoulli_(0.5) * x,
    "interleaved": interleaved,
    "an out argument": lambda x: (y := torch.empty_like(x), torch.exp(x, out=y), y + 1)[-1],
    "two out arguments": lambda x: (
        v := torch.empty(2, 1),
        i := torch.empty(2, 1, dtype=torch.int64),
        torch.topk(x, 1, out=(v, i)),
        v + i,
    )[-1],
    "scaled by 0": lambda x: torch.baddbmm(torch.empty(1, 2, 2), x[None], x.t()[None], beta=0),
    "sizes alone": lambda x: torch.zeros_like(torch.empty_like(x)) + torch.empty(3, 4).new_zeros(2, 4),
    "nothing in it": lambda x: torch.cat([torch.empty(0, 4), x]),
    "an operator of one's own": lambda x: (y := torch.empty_like(x), fill(x, y), y + 1)[-1],
    "lists at once": lambda x: (y := torch.empty_like(x), torch._foreach_zero_([y]), y + 1)[-1],
    "an inverse": lambda x: inverse(torch.tensor([2, 0, 3, 1])) + 1,
    "scattered": lambda x: torch.empty_like(x).scatter_(1, torch.zeros(2, 4, dtype=torch.int64), x) + 1,
    "never read": lambda x: (torch.empty_like(x), x + 1)[-1],
}


class Calls(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize("name", HARMLESS)
def test_a_model_that_writes_before_it_reads_raises_no_alarm(name, device):
    if device == "meta" and name == "two out arguments":
        pytest.skip("torch has no meta kernel for it")
    report = archscope.analyze(archscope.trace(Calls(HARMLESS[name]), torch.rand(2, 4), device=device))
    assert "[unseen]" not in [row.op for row in report.uncounted]
