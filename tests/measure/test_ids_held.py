"""A model that keeps ids of its own modules finds the copies by them while it is measured."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import archscope


class Skipping(nn.Module):
    """Runs the first of three layers, and leaves out those whose ids it keeps in ``held``."""

    def __init__(self, hold):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(8, 8, bias=False) for _ in range(3))
        self.held = hold([id(self.layers[1]), id(self.layers[2])])

    def forward(self, x):
        for layer in self.layers:
            if id(layer) not in self.held:
                x = layer(x)
        return x


@pytest.mark.parametrize("hold", [list, set, dict.fromkeys])
def test_layers_are_left_out_by_their_ids(hold):
    model = Skipping(hold)
    before = [*model.held]
    report = archscope.analyze(model, torch.ones(2, 8))
    assert (report.totals.macs, report.totals.complete) == (2 * 64, True)
    assert [*model.held] == before


class First(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(8, 8, bias=False), nn.Linear(8, 8, bias=False)
        self.first = id(self.a)
        self.number = 2**40

    def forward(self, x):
        x = self.b(x) if id(self.a) != self.first else x
        return self.a(x) * self.number


def test_an_attribute_that_is_an_id_is_that_of_the_copy_and_large_numbers_stay():
    model = First()
    report = archscope.analyze(model, torch.ones(2, 8))
    assert report.totals.macs == 2 * 64
    assert (model.first, model.number) == (id(model.a), 2**40)
