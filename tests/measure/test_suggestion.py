"""The input that is offered for a model whose inputs nobody knows."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import archscope
from archscope.errors import InputError
from archscope.measure.running.input_suggestion import suggested_input
from archscope.sources import parse_inputs
from archscope.sources.networks import Networks


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10, 4)

    def forward(self, ids, mask, *, scale=1.0):
        return self.embedding(ids) * mask * scale


FITTING = {
    "--input 1x3x224x224": nn.Sequential(nn.Conv2d(3, 2, 3)),
    "--input 1x2x1000": nn.Conv1d(2, 2, 3),
    "--input 1x1x16x112x112": nn.Conv3d(1, 2, 3),
    "--input 1x128:int64": nn.Sequential(nn.Embedding(10, 2)),
    "--input 1x7": nn.Sequential(nn.Flatten(), nn.Linear(7, 2)),
    "--input 1x128x5": nn.LSTM(5, 3),
}


@pytest.mark.parametrize("expected", FITTING)
def test_the_first_layer_tells_what_fits(expected):
    model = FITTING[expected]
    assert suggested_input(model) == expected
    report = archscope.analyze(model, parse_inputs([expected.removeprefix("--input ")]))
    assert report.totals.macs is not None


def test_every_required_argument_is_named():
    assert suggested_input(Two()) == "--input ids=1x128:int64 --input mask=SHAPE-OR-VALUE"


def test_nothing_is_offered_where_nothing_tells():
    assert suggested_input(nn.Sequential(nn.ReLU())) == ""
    assert archscope.analyze(nn.ReLU()).model.fallback == "no input is known"


def test_a_report_of_parameters_alone_says_what_may_be_added():
    report = archscope.analyze(nn.Linear(4, 2))
    assert (report.totals.macs, report.model.fallback) == (None, "no input is known; --input 1x4 may fit")
    assert archscope.analyze(nn.Linear(4, 2), torch.ones(1, 4)).model.fallback == ""


def test_a_model_that_takes_any_names_is_told_its_parts():
    made = Networks({"G": nn.Linear(4, 2), "D": nn.Linear(2, 1)})
    with pytest.raises(InputError) as refused:
        archscope.analyze(made, torch.ones(1, 4))
    assert "--input NAME=1x4; its parts are G, D" in refused.value.help
    assert archscope.analyze(made, {"G": torch.ones(1, 4)}).totals.macs == 8
