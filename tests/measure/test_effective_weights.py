"""Weights that stand behind something: masks, parametrisations, and what quantised layers pack."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

import archscope
from archscope.errors import UsageError

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*torch.ao.quantization is deprecated"),
    pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated"),
    pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor"),
]


def ones(layer):
    for parameter in layer.parameters():
        nn.init.ones_(parameter)
    return layer


def zeros(model):
    return archscope.analyze(model, sparsity=True).totals.zero_parameters


class Halves(nn.Module):
    """The first three rows of a weight are 0."""

    def forward(self, weight):
        return torch.cat([torch.zeros_like(weight[:3]), weight[3:]])


def pruned(layer):
    prune.random_unstructured(layer, "weight", amount=20)
    return layer


def structured(layer):
    prune.ln_structured(layer, "weight", 0.5, n=2, dim=0)
    prune.random_unstructured(layer, "bias", amount=3)
    return layer


def both(layer):
    parametrize.register_parametrization(layer, "weight", Halves())
    prune.random_unstructured(layer, "bias", amount=4)
    return layer


def normed(layer):
    layer = torch.nn.utils.weight_norm(layer)
    with torch.no_grad():
        layer.weight_g[:4] = 0
    return layer


def parametrized_norm(layer):
    layer = parametrizations.weight_norm(layer)
    with torch.no_grad():
        layer.parametrizations.weight.original0[:4] = 0
    return layer


class LowRank(nn.Module):
    """Adds a product whose second factor starts as zeros, as adapters do."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Parameter(torch.ones(10, 2)), nn.Parameter(torch.zeros(2, 5))

    def forward(self, weight):
        return weight + self.a @ self.b


def adapted(layer):
    parametrize.register_parametrization(layer, "weight", LowRank())
    return layer


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda layer: layer, 0),
        (pruned, 20),
        (structured, 5 * 5 + 3),
        (both, 3 * 5 + 4),
        (normed, 4 * 5),
        (parametrized_norm, 4 * 5),
        (adapted, 0),
    ],
)
def test_the_weights_that_a_layer_multiplies_by_are_counted(change, expected):
    layer = change(ones(nn.Linear(5, 10)))
    assert zeros(layer) == expected
    assert zeros(nn.Sequential(layer, nn.Sequential(layer))) == expected


def test_a_mask_that_was_made_permanent_and_zeros_under_a_mask_count_once():
    layer = pruned(ones(nn.Linear(5, 10)))
    with torch.no_grad():
        layer.weight_orig.zero_()
    assert zeros(layer) == 50
    layer = pruned(ones(nn.Linear(5, 10)))
    prune.remove(layer, "weight")
    assert zeros(layer) == 20


def test_weights_without_values_are_refused():
    with torch.device("meta"):
        model = nn.Linear(5, 10)
    with pytest.raises(UsageError, match="no values"):
        zeros(model)


def quantised(layer, dtype=torch.qint8):
    return torch.ao.quantization.quantize_dynamic(nn.Sequential(layer), {type(layer)}, dtype=dtype)


@pytest.mark.parametrize(
    ("layer", "dtype", "weights", "biases"),
    [
        (nn.LSTM(64, 64), torch.qint8, 4 * 64 * 128, 2 * 4 * 64 * 4),
        (nn.GRU(64, 64), torch.qint8, 3 * 64 * 128, 2 * 3 * 64 * 4),
        (
            nn.LSTM(8, 16, num_layers=2, bidirectional=True),
            torch.qint8,
            2 * 64 * (8 + 16) + 2 * 64 * (32 + 16),
            4 * 2 * 64 * 4,
        ),
        (nn.GRU(8, 16), torch.float16, 2 * 48 * (8 + 16), 2 * 48 * 4),
        (nn.LSTM(8, 16), torch.float16, 2 * 64 * (8 + 16), 2 * 64 * 4),
        (nn.LSTMCell(8, 16), torch.qint8, 64 * (8 + 16), 2 * 64 * 4),
        (nn.GRUCell(8, 16), torch.qint8, 48 * (8 + 16), 2 * 48 * 4),
        (nn.Linear(8, 16), torch.float16, 2 * 8 * 16, 16 * 4),
    ],
)
def test_a_quantised_layer_takes_its_packed_weights(layer, dtype, weights, biases):
    report = archscope.analyze(quantised(layer, dtype))
    assert report.totals.parameter_bytes == weights + biases
    assert {row.dtype: row.nbytes for row in report.dtypes} == {str(dtype)[6:]: weights, "float32": biases}


def test_a_quantised_embedding_takes_its_packed_rows():
    model = nn.Sequential(nn.Embedding(10, 12))
    model[0].qconfig = torch.ao.quantization.float_qparams_weight_only_qconfig
    model = torch.ao.quantization.convert(torch.ao.quantization.prepare(model))
    assert archscope.analyze(model).totals.parameter_bytes == 120
