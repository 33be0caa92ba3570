"""How many operator calls do arithmetic."""

from __future__ import annotations

import torch
from torch import nn

import archscope


def test_each_call_of_a_formula_is_one_and_a_view_is_none():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10))
    report = archscope.analyze(net, torch.zeros(1, 3, 8, 8))
    assert report.totals.arithmetic_calls == 3
    assert [row.arithmetic_calls for row in report.modules] == [3, 1, 1, 0, 1]
