import warnings

import pytest
import torch
from torch import nn

from archscope.formulas import DEFAULT_FORMULAS
from archscope.judge.conventions import THOP, apply
from archscope.measure.measuring import trace_spec
from archscope.measure.running.tracing import trace
from archscope.models import zoo_spec


def thop_profile(model, inputs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # thop imports distutils
        thop = pytest.importorskip("thop")
        return thop.profile(model.eval(), inputs=(inputs,), verbose=False)


@pytest.fixture(scope="module")
def baseline():
    return trace_spec(zoo_spec("featherface-baseline"))


def test_thop_s_rule_on_the_baseline_gives_the_published_flops_to_the_unit(baseline):
    total = apply(THOP, baseline)
    # convolution modules + linear + 4 x batch-normalised elements
    assert 953_473_600 + 24_576 + 4 * 14_775_200 == 1_012_598_976
    assert total.counted == 1_012_598_976
    assert {row.what: row.counted for row in total.rows} == {
        "Conv2d": 953_473_600,
        "archscope::deform_conv2d": 0,
        "BatchNorm2d": 59_100_800,
        "Linear": 24_576,
    }


def test_thop_s_rule_on_the_baseline_misses_the_deformable_kernels_and_the_bare_parameters(baseline):
    total = apply(THOP, baseline)
    assert total.parameters == 488_661 == 592_371 - 103_680 - 30
    assert {(row.what, row.tensors, row.numel) for row in total.missed} == {
        ("Conv2d", 15, 103_680),
        ("BiFPNCell", 12, 30),
    }


def test_rows_add_to_both_counts(baseline):
    total = apply(THOP, baseline)
    assert sum(row.macs for row in total.rows) == 1_243_802_176
    assert sum(row.counted for row in total.rows) == total.counted


class Shared(nn.Module):
    """One convolution under two parents, called through both."""

    def __init__(self):
        super().__init__()
        conv = nn.Conv2d(3, 3, 3, padding=1)
        self.one, self.two = nn.Sequential(conv), nn.Sequential(conv, nn.ReLU())

    def forward(self, x):
        return self.two(self.one(x))


class Twice(nn.Module):
    """One module twice in one parent, and one called three times."""

    def __init__(self):
        super().__init__()
        norm = nn.BatchNorm2d(3)
        self.stack = nn.Sequential(norm, nn.ReLU(), norm)
        self.conv = nn.Conv2d(3, 3, 1)
        self.unused = nn.Linear(4, 4)
        self.scale = nn.Parameter(torch.ones(3, 1, 1))

    def forward(self, x):
        return self.conv(self.conv(self.conv(self.stack(x)))) * self.scale


IMAGE = torch.zeros(2, 3, 12, 8)
SEQUENCE = torch.zeros(5, 2, 6)


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        (nn.Sequential(nn.Conv2d(3, 6, 3, groups=3, stride=2, dilation=2, padding=2), nn.PReLU()), IMAGE),
        (nn.Sequential(nn.ConvTranspose2d(3, 5, 4, stride=2), nn.Softmax(dim=1), nn.AvgPool2d(2)), IMAGE),
        (nn.Sequential(nn.BatchNorm2d(3, affine=False), nn.InstanceNorm2d(3), nn.LayerNorm(8)), IMAGE),
        (nn.Sequential(nn.InstanceNorm2d(3, affine=True), nn.GroupNorm(3, 3)), IMAGE),
        (nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 7, bias=False)), IMAGE),
        (nn.Sequential(nn.AdaptiveAvgPool2d((3, 4)), nn.Linear(4, 7), nn.LeakyReLU()), IMAGE),
        (nn.Sequential(nn.Upsample(scale_factor=2), nn.Upsample(scale_factor=2, mode="bilinear")), IMAGE),
        (
            nn.Sequential(
                nn.Upsample(scale_factor=2, mode="bicubic"), nn.Upsample(scale_factor=2, mode="nearest-exact")
            ),
            IMAGE,
        ),
        (nn.Sequential(nn.Conv1d(5, 4, 3), nn.BatchNorm1d(4), nn.AvgPool1d(2)), torch.zeros(2, 5, 9)),
        (nn.LSTM(6, 4, num_layers=2), SEQUENCE),
        (nn.GRU(6, 4, bidirectional=True), SEQUENCE),
        (nn.RNN(6, 4, bias=False), SEQUENCE),
        (nn.Sequential(nn.LSTM(6, 4, batch_first=True, bidirectional=True, num_layers=2)), SEQUENCE),
        (nn.Sequential(nn.GRUCell(6, 4)), SEQUENCE[0]),
        (Shared(), IMAGE),
        (Twice(), IMAGE),
        (nn.TransformerEncoderLayer(6, 2, 12), SEQUENCE),
    ],
    ids=lambda value: type(value).__name__,
)
def test_thop_s_rule_equals_thop(model, inputs):
    seen = trace(model.eval(), inputs)
    total = apply(THOP, seen)
    counted, parameters = thop_profile(model, inputs)
    assert (total.counted, total.parameters) == (counted, parameters)


@pytest.mark.parametrize("name", ["featherface-baseline", "featherface-v2"])
def test_thop_s_rule_equals_thop_on_the_zoo(name):
    image = torch.zeros(1, 3, 64, 64)
    model = zoo_spec(name).build()
    total = apply(THOP, trace(model, image), DEFAULT_FORMULAS)
    assert (total.counted, total.parameters) == thop_profile(model, image)
