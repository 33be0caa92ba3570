"""Programs of torch.export that are still in memory."""

from __future__ import annotations

import torch
from torch import nn

import archscope


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))


def test_a_program_in_memory_is_measured_by_the_modules_that_it_came_from():
    program = torch.export.export(Net().eval(), (torch.rand(1, 3, 8, 8),))
    for given in ((), (torch.rand(1, 3, 8, 8),)):
        report = archscope.analyze(program, *given)
        assert {row.path: (row.macs, row.parameters) for row in report.modules} == {
            "": (36 * 4 * 27 + 8, 112 + 10),
            "body": (36 * 4 * 27, 112),
            "body.0": (36 * 4 * 27, 112),
            "body.1": (0, 0),
            "head": (8, 10),
        }


def test_the_module_of_a_program_and_a_traced_graph_have_the_models_totals():
    model = Net().eval()
    forms = torch.export.export(model, (torch.rand(1, 3, 8, 8),)).module(), torch.fx.symbolic_trace(model)
    for form in forms:
        totals = archscope.analyze(form, torch.rand(1, 3, 8, 8)).totals
        assert (totals.macs, totals.parameters, totals.complete) == (36 * 4 * 27 + 8, 122, True)
