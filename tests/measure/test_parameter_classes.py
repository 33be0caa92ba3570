"""Parameters of a library's own class keep their class and what hangs on them while the model is measured."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

import archscope


class State:
    """As bitsandbytes keeps it: the shape before packing, and the scales."""

    def __init__(self, shape, scales):
        self.shape, self.scales = shape, scales


class Packed(nn.Parameter):
    """Two weights in a byte; made with an argument of its own, and with a slot."""

    __slots__ = ("kind",)

    def __new__(cls, weight, kind):
        made = torch.Tensor._make_subclass(cls, torch.zeros(weight.numel() // 2, 1, dtype=torch.uint8), False)
        made.kind = kind
        made.quant_state = State(weight.shape, torch.ones(weight.numel() // 4))
        return made

    def unpacked(self):
        assert self.kind == "fp4"
        return (self.to(torch.float32) + self.quant_state.scales[0]).repeat(1, 2).view(self.quant_state.shape)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = Packed(torch.rand(8, 4), "fp4")

    def forward(self, x):
        self.weight.seen = True
        self.weight.quant_state.scales = self.weight.quant_state.scales * 2
        return functional.linear(x, self.weight.unpacked())


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_a_packed_weight_counts_as_it_was_before_packing_and_runs_as_what_it_is(device):
    model = nn.Sequential(Layer(), nn.Linear(8, 2, bias=False))
    weight = model[0].weight
    scales = weight.quant_state.scales
    report = archscope.analyze(archscope.trace(model, torch.rand(3, 4), device=device))
    assert (report.totals.macs, report.totals.parameters) == (3 * (32 + 16), 32 + 16)
    assert report.totals.parameter_bytes == 16 + 8 * 4 + 16 * 4  # bytes of pairs, scales, and the plain layer
    assert report.totals.complete
    assert model[0].weight is weight
    assert weight.quant_state.scales is scales
    assert not hasattr(weight, "seen")


def test_a_class_with_an_attribute_that_cannot_be_copied_is_measured_too():
    model = nn.Sequential(nn.Linear(4, 4, bias=False))
    model[0].weight = type("Named", (nn.Parameter,), {})(model[0].weight.detach())
    model[0].weight.source = (part for part in "abc")
    assert archscope.analyze(model, torch.rand(2, 4)).totals.macs == 32


def test_bitsandbytes_layers_are_the_products_that_they_stand_for():
    bnb = pytest.importorskip("bitsandbytes")
    packed = bnb.nn.Linear4bit(64, 32, compute_dtype=torch.float32).to("cpu")
    report = archscope.analyze(nn.Sequential(packed), torch.rand(2, 64))
    assert (report.totals.macs, report.totals.parameters, report.totals.complete) == (4096, 64 * 32 + 32, True)
