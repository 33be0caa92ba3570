"""What torch runs otherwise on meta than on the CPU is put right: recurrent layers, stores, losses, every module."""

from __future__ import annotations

import itertools
import warnings
from collections import Counter

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as torch writes it
from torch import nn
from torch_modules import CASES, NOT_ON_META, built

import archscope
from archscope.formulas import DEFAULT_FORMULAS
from archscope.measure.summing.training import training_figures


def figures(model, inputs, device, *, training):
    """All totals of a run or of a step, and how often each operator ran."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of slow paths
        seen = archscope.trace(model, archscope.Inputs(args=inputs), device=device, training=training)
    totals = training_figures(seen, DEFAULT_FORMULAS, "sgd")[0] if training else archscope.analyze(seen).totals
    return totals, Counter(call.op for call in seen.calls)


def alike(model, *inputs):
    for training in (False, True):
        meta, cpu = (figures(model, inputs, device, training=training) for device in ("meta", "cpu"))
        assert meta == cpu


CELLS = {
    "LSTM": nn.LSTM,
    "projected LSTM": lambda *sizes, **options: nn.LSTM(*sizes, proj_size=2, **options),
    "GRU": nn.GRU,
    "tanh": nn.RNN,
    "ReLU": lambda *sizes, **options: nn.RNN(*sizes, nonlinearity="relu", **options),
}


@pytest.mark.parametrize("two_ways", [False, True])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_recurrent_layers_run_as_on_the_cpu(cell, layers, two_ways):
    for first, biased, dtype in itertools.product([False, True], [False, True], [torch.float32, torch.float64]):
        options = {"batch_first": first, "bias": biased, "bidirectional": two_ways, "dropout": 0.2 * (layers > 1)}
        alike(CELLS[cell](8, 3, num_layers=layers, **options).to(dtype), torch.rand(2, 5, 8, dtype=dtype))


class Packed(nn.Module):
    def __init__(self, layer, lengths):
        super().__init__()
        self.layer, self.lengths = layer, lengths

    def forward(self, x):
        output, last = self.layer(nn.utils.rnn.pack_padded_sequence(x, torch.tensor(self.lengths)))
        return output.data, last


@pytest.mark.parametrize("two_ways", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_packed_sequences_run_as_on_the_cpu(cell, two_ways):
    for lengths in ([4, 3, 1, 1], [4, 4], [2]):
        layer = CELLS[cell](8, 3, num_layers=2, bidirectional=two_ways)
        alike(Packed(layer, lengths), torch.rand(lengths[0], len(lengths), 8))


def test_an_lstm_in_inference_keeps_its_output_and_states_alone():
    totals = archscope.analyze(nn.LSTM(8, 4), torch.rand(6, 2, 8)).totals
    zeros, output, states = 2 * 2 * 4, 6 * 2 * 4, 2 * 2 * 4
    assert totals.activations == zeros + output + states + states  # last states of the layer, and of all layers
    assert totals.macs == 6 * 2 * 4 * 4 * (8 + 4)


def test_the_gradient_of_an_lstm_is_counted_whole_on_the_cpu():
    seen = archscope.trace(nn.LSTM(8, 4), torch.rand(6, 2, 8), device="cpu", training=True)
    step, _, _ = training_figures(seen, DEFAULT_FORMULAS, "sgd")
    own, recurrent = 6 * 2 * 16 * 8, 6 * 2 * 16 * 4
    # the input takes no gradient, nor does the first state, which is zero
    assert (step.backward_macs, step.complete) == (own + 2 * recurrent - 2 * 16 * 4, True)
    assert torch._C._get_mkldnn_enabled()


class Stores(nn.Module):
    def __init__(self, place, value):
        super().__init__()
        self.place, self.value, self.weight = place, value, nn.Parameter(torch.rand(4, 6, 8))

    def forward(self, x):
        y = x.clone()
        y[self.place(y) if callable(self.place) else self.place] = self.value
        return y * self.weight


PLACES = {
    "a row": 0,
    "all": ...,
    "a slice": slice(1, 3),
    "slices": (slice(1, 3), slice(None), slice(0, 8, 2)),
    "a new axis": (None, 0),
    "a mask": lambda y: y > 0.5,
    "an index": torch.tensor([0, 2]),
    "an index and a slice": (slice(None), torch.tensor([0, 1]), slice(0, 2)),
}


@pytest.mark.parametrize("value", [1.0, 2, True, torch.full((1,), 0.5)], ids=str)
@pytest.mark.parametrize("place", PLACES)
def test_a_value_is_stored_as_on_the_cpu(place, value):
    alike(Stores(PLACES[place], value), torch.rand(4, 6, 8))


def test_a_stored_number_makes_no_tensor_of_its_own():
    report = archscope.analyze(Stores(0, 1.0), torch.rand(4, 6, 8))
    assert report.totals.activations == 2 * 4 * 6 * 8  # the copy, the product
    assert {row.op: row.calls for row in report.operators}["aten::fill_.Tensor"] == 1


def test_a_scalar_tensor_that_is_asked_for_stays_one():
    class Asks(nn.Module):
        def forward(self, x):
            return x * torch.scalar_tensor(2.0, device=x.device)

    assert "aten::scalar_tensor" in {row.op for row in archscope.analyze(Asks(), torch.rand(3)).operators}


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("loss", [F.mse_loss, F.smooth_l1_loss, F.soft_margin_loss, F.huber_loss, F.l1_loss])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_loss_holds_what_it_is_reduced_from(loss, reduction, frozen):
    class Loses(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.target = nn.Linear(8, 8), nn.Buffer(torch.rand(4, 8))
            self.layer.weight.requires_grad_(not frozen)

        def forward(self, x):
            return loss(self.layer(x), self.target, reduction=reduction)

    alike(Loses(), torch.rand(4, 8))


def test_the_gradient_of_a_batch_norm_that_nobody_asks_for_is_not_made():
    model, x = nn.BatchNorm2d(4), torch.rand(2, 4, 8, 8)
    totals = archscope.analyze(model, x, training="sgd").totals.training
    assert totals.saved_activation_bytes == 4 * x.numel() + 2 * 4 * 4  # the output, mean and deviation of 4 channels
    assert totals.peak_bytes < 4 * x.numel() + 100  # no gradient of the input's size
    alike(nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)), x)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("options", [{}, {"include_last_offset": True}, {"padding_idx": 1}], ids=str)
def test_bags_of_embeddings_are_as_on_the_cpu(mode, options):
    alike(nn.EmbeddingBag(10, 4, mode=mode, **options), torch.tensor([1, 2, 3, 4, 5]), torch.tensor([0, 2, 5]))


@pytest.mark.parametrize(("name", "args", "options", "inputs"), CASES, ids=[case[0] for case in CASES])
def test_every_module_of_torch_has_the_same_figures_on_meta_and_on_the_cpu(name, args, options, inputs):
    if name not in NOT_ON_META:
        alike(built(name, args, options, inputs), *inputs)
