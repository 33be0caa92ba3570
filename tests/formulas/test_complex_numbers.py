"""One rule for complex numbers: a complex multiply-accumulate is one, in convolutions as in matrix products."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as torch's own documentation has it
from torch import nn

import archscope
from archscope.judge.conventions import MACS, THOP, apply
from archscope.measure.quick_totals import quick_totals
from archscope.measure.running.tracing import trace
from archscope.spec import InputSpec, ModelSpec

COMPLEX = torch.complex64


class Real(nn.Module):
    """A layer of complex numbers whose output is seen as real ones, which a loss can be made of."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return torch.view_as_real(self.layer(x))


def totals(layer, *shape):
    return archscope.analyze(Real(layer), torch.rand(*shape, dtype=COMPLEX), training="sgd").totals


def naive(x, weight, groups):
    """The complex multiply-accumulates of a convolution without padding, one at a time, and its result."""
    sizes = [n - k + 1 for n, k in zip(x.shape[2:], weight.shape[2:], strict=True)]
    out = torch.zeros(x.shape[0], weight.shape[0], *sizes, dtype=x.dtype)
    done = 0
    for place in itertools.product(*map(range, out.shape)):
        group = place[1] // (weight.shape[0] // groups)
        for c, *taps in itertools.product(*map(range, weight.shape[1:])):
            position = [at + tap for at, tap in zip(place[2:], taps, strict=True)]
            source = x[(place[0], group * weight.shape[1] + c, *position)]
            out[place] += source * weight[(place[1], c, *taps)]
            done += 1
    return out, done


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv1d(2, 3, 2, bias=False, dtype=COMPLEX), (1, 2, 6)),
        (nn.Conv1d(2, 3, 2, dtype=COMPLEX), (2, 2, 6)),
        (nn.Conv2d(4, 6, 2, groups=2, dtype=COMPLEX), (1, 4, 4, 5)),
        (nn.Conv3d(2, 3, 2, dtype=COMPLEX), (1, 2, 3, 3, 4)),
    ],
)
def test_a_complex_convolution_costs_its_complex_products(layer, shape):
    x = torch.rand(*shape, dtype=COMPLEX)
    found, macs = naive(x, layer.weight.detach(), layer.groups)
    bias = layer.bias.detach().reshape(1, -1, *[1] * (x.dim() - 2)) if layer.bias is not None else 0
    torch.testing.assert_close(layer(x).detach(), found + bias)
    ours = totals(layer, *shape)
    assert ours.complete
    assert ours.macs == macs
    assert ours.flops == 2 * macs + (found.numel() if layer.bias is not None else 0)
    assert ours.conv_activations == found.numel()
    assert ours.training.backward_macs == macs  # the input needs no gradient


def test_the_same_product_costs_the_same_as_a_linear_layer_and_as_a_matrix_product():
    linear = totals(nn.Linear(4, 3, dtype=COMPLEX), 1, 5, 4)
    convolution = totals(nn.Conv1d(2, 3, 2, dtype=COMPLEX), 1, 2, 6)
    assert (linear.macs, linear.flops, linear.conv_activations) == (60, 135, 15)
    assert (convolution.macs, convolution.flops, convolution.conv_activations) == (60, 135, 15)
    assert convolution.training.backward_macs == linear.training.backward_macs == 60


@pytest.mark.parametrize(
    ("layer", "shape", "macs"),
    [
        (nn.Conv1d(2, 3, 3, padding="same", dtype=COMPLEX), (1, 2, 6), 18 * 2 * 3),
        (nn.Conv1d(2, 3, 4, padding="same", dtype=COMPLEX), (1, 2, 6), 18 * 2 * 4),  # padded on one side first
        (nn.Conv1d(2, 3, 2, dtype=COMPLEX), (2, 6), 15 * 2 * 2),  # without a batch
        (nn.ConvTranspose2d(4, 6, 2, dtype=COMPLEX), (1, 4, 3, 3), 36 * 6 * 4),
        (nn.Conv2d(4, 4, 3, stride=2, dilation=2, groups=4, dtype=COMPLEX), (1, 4, 9, 9), 4 * 9 * 9),
    ],
)
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_every_form_of_complex_convolution_is_one(layer, shape, macs):
    ours = totals(layer, *shape)
    assert ours.macs == macs
    assert ours.training.backward_macs == macs


def test_both_gradients_of_a_second_convolution_are_one_each():
    layers = nn.Sequential(nn.Conv1d(2, 3, 2, dtype=COMPLEX), nn.Conv1d(3, 3, 2, bias=False, dtype=COMPLEX))
    ours = totals(layers, 1, 2, 6)
    assert ours.macs == 15 * 4 + 12 * 6
    assert ours.training.backward_macs == 15 * 4 + 2 * 12 * 6


def test_a_convolution_that_runs_twice_counts_twice():
    layer = nn.Conv1d(3, 3, 2, dtype=COMPLEX)
    ours = totals(nn.Sequential(layer, nn.Identity(), layer), 1, 3, 6)
    assert ours.macs == (15 + 12) * 6
    assert ours.training.backward_macs == (15 + 2 * 12) * 6


class ByHand(nn.Module):
    """Three real convolutions that a model itself writes down are three."""

    def __init__(self):
        super().__init__()
        self.real, self.imaginary = nn.Conv1d(2, 3, 2, bias=False), nn.Conv1d(2, 3, 2, bias=False)

    def forward(self, x):
        real, imaginary = x.real, x.imag
        a, b = self.real(real), self.imaginary(imaginary)
        c = F.conv1d(real + imaginary, self.real.weight + self.imaginary.weight)
        return torch.stack([a - b, c - a - b])


def test_real_convolutions_of_the_parts_stay_what_the_model_wrote():
    assert archscope.analyze(ByHand(), torch.rand(1, 2, 6, dtype=COMPLEX)).totals.macs == 3 * 60


class Attends(nn.Module):
    def forward(self, x):
        return torch.softmax((x @ x.mH).abs(), -1).to(COMPLEX) @ x


def test_attention_of_complex_numbers_follows_the_rule():
    assert archscope.analyze(Attends(), torch.rand(1, 2, 5, 4, dtype=COMPLEX)).totals.macs == 2 * (2 * 5 * 5 * 4)


def test_other_ways_to_the_totals_agree():
    def build():
        return nn.Conv1d(2, 3, 2, dtype=COMPLEX)

    spec = ModelSpec(name="net", source="", build=build, inputs=(InputSpec(shape=(1, 2, 6), dtype="complex64"),))
    quick = quick_totals(spec)
    assert (quick.macs, quick.flops) == (60, 135)
    seen = trace(build(), torch.rand(1, 2, 6, dtype=COMPLEX))
    assert apply(MACS, seen).counted == 60
    assert apply(THOP, seen).counted == 180  # the tool sees three convolutions in the module and counts them all
