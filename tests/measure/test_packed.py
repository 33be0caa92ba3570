"""Weights that ``parameters()`` does not tell of, by their true size."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.testing._internal.two_tensor import TwoTensor

import archscope


@pytest.mark.filterwarnings("ignore")  # torch announces the end of its own quantisation
def test_the_packed_weights_of_a_quantised_model_take_one_byte_each():
    plain = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 4))
    model = torch.ao.quantization.quantize_dynamic(plain, {nn.Linear}, dtype=torch.qint8)
    report = archscope.analyze(model, (archscope.InputSpec(shape=(2, 16)),))
    weights, biases = 16 * 8 + 8 * 4, 8 + 4
    assert [(row.dtype, row.parameters, row.nbytes) for row in report.dtypes] == [
        ("float32", biases, 4 * biases),
        ("qint8", weights, weights),
    ]
    assert report.totals.parameters == sum(p.numel() for p in model.parameters()) == 0
    assert report.totals.parameter_bytes == weights + 4 * biases
    assert {row.path: row.parameter_bytes for row in report.modules if row.depth == 1} == {
        "0": 16 * 8 + 4 * 8,
        "1": 0,
        "2": 8 * 4 + 4 * 4,
    }
    assert report.totals.parameter_bytes == sum(row.parameter_bytes for row in report.components)
    assert report.totals.conv_activations == 2 * (8 + 4)
    assert report.totals.macs == 2 * weights


def test_a_wrapper_subclass_takes_what_the_tensors_inside_it_take():
    layer = nn.Linear(4, 3, bias=False)
    layer.weight = nn.Parameter(TwoTensor(torch.ones(3, 4), torch.ones(3, 4)))
    report = archscope.analyze(layer)
    assert (report.totals.parameters, report.totals.parameter_bytes) == (12, 2 * 12 * 4)
