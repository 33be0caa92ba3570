"""Laws of size: each formula equals a fresh measurement to the unit, and what follows none is said to follow none."""

from __future__ import annotations

import random

import pytest
import torch
from sized_models import Bits
from torch import nn

import archscope
from archscope.errors import ArchscopeError, UsageError
from archscope.judge.scaling.fit import mismatches
from archscope.judge.scaling.observation import observe
from archscope.judge.scaling.regions import Regions
from archscope.measure.at_sizes import SizedModel
from archscope.results.polynomial import Polynomial, Quantity

IDS = (archscope.InputSpec(shape=(1, 8), dtype="int64", name="ids"),)


class Conv(nn.Module):
    """A 3x3 convolution of 3 to 8 channels with stride 2: 8 x 27 MACs for each of its outputs."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2, padding=1)

    def forward(self, x):
        return self.conv(x).relu()


class Decoder(nn.Module):
    """A plain decoder of L layers: 12 L d^2 MACs for a token, and 2 L d for a token and a token that it attends to."""

    def __init__(self, width=16, depth=3):
        super().__init__()
        self.embed = nn.Embedding(50, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))

    def forward(self, ids):
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x)
        return x


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        q, k, v = (part.unflatten(-1, (2, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        return x + self.mlp(x)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.lstm, self.out = nn.Embedding(50, 8), nn.LSTM(8, 12, 2, batch_first=True), nn.Linear(12, 50)

    def forward(self, ids):
        return self.out(self.lstm(self.embed(ids))[0])


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.middle = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 8, 3, padding=1)
        self.up, self.out = nn.ConvTranspose2d(8, 4, 2, 2), nn.Conv2d(8, 1, 3, padding=1)

    def forward(self, x):
        skip = self.down(x)
        return self.out(torch.cat([self.up(self.middle(nn.functional.max_pool2d(skip, 2))), skip], 1))


class Branching(nn.Module):
    """Above 100 pixels it runs a second convolution."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x):
        x = self.first(x)
        return self.second(x) if x.shape[-1] > 100 else x


def strided():
    return nn.Sequential(
        *(nn.Conv2d(3, 4, 7, 2, 3), nn.MaxPool2d(3, 2, 1), nn.Conv2d(4, 6, 3, 2), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)),
    )


CASES = {
    "plain convolution": (Conv, (1, 3, 64, 64), {"size": range(64, 513, 32), "batch": range(1, 9)}),
    "odd sizes": (Conv, (1, 3, 64, 64), {"height": range(33, 129), "width": range(33, 129)}),
    "strides": (strided, (1, 3, 64, 64), {"size": range(33, 257)}),
    "skip connections": (UNet, (1, 3, 32, 32), {"size": range(16, 257, 2), "batch": range(1, 5)}),
    "decoder": (Decoder, IDS, {"sequence": range(1, 513), "batch": range(1, 9)}),
    "lstm": (Recurrent, IDS, {"sequence": range(1, 129), "batch": range(1, 9)}),
    "branches": (Branching, (1, 3, 64, 64), {"size": range(32, 257)}),
}


@pytest.mark.parametrize("name", CASES)
def test_formulas_equal_a_fresh_measurement_at_random_sizes(name):
    build, inputs, over = CASES[name]
    model = build()
    law = archscope.scale(model, inputs, over=over)
    sized, chosen = SizedModel(model, inputs), random.Random(name)  # noqa: S311 - no secret
    places = {one.name: one.places for one in law.dimensions}
    for _ in range(6):
        sizes = {dimension: chosen.choice(values) for dimension, values in over.items()}
        seen = sized.run({place: size for one, size in sizes.items() for place in places[one]}, {})
        report, found = archscope.analyze(seen), law.at(**sizes)
        known = {metric: value for metric, value in report.totals.figures.items() if value is not None}
        assert {metric: found.totals.figures[metric] for metric in known} == known, sizes
        assert [(row.name, row.macs, row.flops) for row in found.components] == [
            (row.name, row.macs, row.flops) for row in report.components
        ]
        assert [(row.path, row.macs, row.own.flops, row.parameters) for row in found.modules] == [
            (row.path, row.macs, row.own.flops, row.parameters) for row in report.modules
        ]


class Counting(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner, self.runs = inner, [0]

    def forward(self, x):
        self.runs[0] += 1
        return self.inner(x)


@pytest.mark.parametrize(
    ("build", "inputs", "over", "most"),
    [
        (Conv, (1, 3, 64, 64), {"size": range(320, 1281, 32)}, 8),
        (Decoder, (archscope.InputSpec(shape=(1, 8), dtype="int64"),), {"sequence": range(64, 2049, 64)}, 8),
        (Conv, (1, 3, 64, 64), {"size": range(320, 1281, 32), "batch": range(1, 9)}, 20),
        (
            *(Decoder, (archscope.InputSpec(shape=(1, 8), dtype="int64"),)),
            *({"sequence": range(64, 2049, 64), "batch": range(1, 9)}, 20),
        ),
    ],
)
def test_a_plain_model_takes_few_runs(build, inputs, over, most):
    model = Counting(build())
    law = archscope.scale(model, inputs, over=over)
    assert law.laws
    assert model.runs[0] <= most


def test_a_convolution_costs_its_textbook_formula():
    law = archscope.scale(Conv(), (1, 3, 64, 64), over={"height": range(32, 257, 32), "width": range(32, 257, 32)})
    # k^2 c_in c_out / s^2 = 9 x 3 x 8 / 4 = 54 for each pixel of the input, 54 x 32 x 32 for each 32 x 32.
    assert law.formula("macs") == "MACs = 54 height width"


def test_a_decoder_costs_its_known_terms():
    law = archscope.scale(Decoder(), IDS, over={"batch": range(1, 9), "sequence": range(16, 513, 16)})
    # 12 L d^2 = 12 x 3 x 256 = 9,216 for a token; 2 L d = 96 for a token and a token.
    assert law.formula("macs") == "MACs = batch sequence (96 sequence + 9,216)"


def test_odd_sizes_are_rounded_up_as_the_stride_does():
    law = archscope.scale(Conv(), (1, 3, 64, 64), over={"size": range(33, 129)})
    assert law.formula("macs") == "MACs = 216 s2^2, s2 = ceil(size / 2)"
    assert law.at(size=101).macs == 216 * 51**2


def test_a_branch_on_the_size_is_found_where_it_is():
    law = archscope.scale(Branching(), (1, 3, 64, 64), over={"size": range(32, 257)})
    assert law.formula("macs") == "MACs = 216 size^2 for size <= 100; MACs = 792 size^2 for size >= 101"


def test_what_no_polynomial_goes_through_has_no_formula_and_keeps_its_points():
    law = archscope.scale(Bits(), (1, 32, 4), over={"sequence": range(32, 1025)})
    assert "no formula: " in law.formula("macs")
    values = law.values("macs", sequence=range(32, 1025))
    assert None in values
    known = {size: value for size, value in zip(range(32, 1025), values, strict=True) if value is not None}
    assert known == {size: 16 * size * size.bit_count() for size in known}


def test_a_size_outside_of_the_range_has_no_figures():
    law = archscope.scale(Conv(), (1, 3, 64, 64), over={"size": range(64, 513, 32)})
    assert law.at(size=1024) is None
    assert law.at(size=65) is None
    with pytest.raises(UsageError, match="'length' is no dimension"):
        law.at(length=64)


def test_options_of_a_model_are_dimensions_too():
    spec = archscope.ModelSpec(name="decoder", source="test_scale:Decoder", build=Decoder, inputs=IDS)
    law = archscope.scale(spec, over={"depth": range(1, 13), "sequence": range(16, 129, 16)})
    # 12 d^2 = 3,072 for a token of a layer, 2 d = 32 for a token and a token; 16 x 50 embeddings of their own.
    assert law.formula("macs") == "MACs = depth sequence (32 sequence + 3,072)"
    assert law.at(depth=7, sequence=48).totals.parameters == sum(p.numel() for p in Decoder(depth=7).parameters())


def seen_at(model, inputs, sizes):
    sized = SizedModel(model, inputs)
    runs = {
        (size,): observe(sized.run({"x[2]": size, "x[3]": size}, {}), (), archscope.DEFAULT_FORMULAS) for size in sizes
    }
    (region,) = [one for one in Regions(["size"], runs.__getitem__).find((tuple(sizes),)) if not one.measured]
    return region, runs


@pytest.mark.parametrize("part", ["coefficient", "residue"])
def test_a_wrong_formula_is_refused_by_the_verification(part):
    region, runs = seen_at(Conv(), (1, 3, 64, 64), range(33, 65))
    assert mismatches(region, runs, ["size"]) == []
    group = next(one for one in region.groups if "macs" in one.figures and one.figures["macs"] != Polynomial(()))
    right = group.figures["macs"]
    ((powers, value),) = right.terms
    if part == "coefficient":
        wrong = Polynomial(((powers, value + 1),), right.denominator)
    else:
        ((quantity, power),) = powers
        wrong = Polynomial(((((quantity._replace(plus=quantity.plus - 1), power),), value),), right.denominator)
    group.figures["macs"] = wrong
    assert mismatches(region, runs, ["size"]) != []


def test_values_of_many_sizes_are_those_of_each():
    law = archscope.scale(Decoder(), IDS, over={"sequence": range(1, 513), "batch": range(1, 9)})
    sizes = [*range(1, 513, 7)]
    for metric in ("macs", "peak_activation_bytes"):
        assert law.values(metric, sequence=sizes, batch=3) == [
            law.at(sequence=size, batch=3).totals[metric] for size in sizes
        ]


def test_a_name_that_no_input_has_says_what_to_do():
    with pytest.raises(UsageError, match="no input has an axis that is known to be its height"):
        archscope.scale(Decoder(), IDS, over={"height": range(32, 65)})
    with pytest.raises(UsageError, match="is in two dimensions"):
        archscope.scale(Conv(), (1, 3, 64, 64), over={"size": range(32, 65), "height": range(32, 65)})


def test_a_size_that_the_model_refuses_is_named():
    with pytest.raises(ArchscopeError, match="at size = "):
        archscope.scale(UNet(), (1, 3, 32, 32), over={"size": range(16, 257)})


def test_large_figures_stay_exact():
    polynomial = Polynomial(((((Quantity(("n",)), 3),), 10**15 + 1),))
    assert polynomial.at({"n": 10**6}) == (10**15 + 1) * 10**18


def test_a_law_shows_itself_where_people_work(tmp_path):
    law = archscope.scale(Conv(), torch.rand(1, 3, 8, 8), over={"size": range(8, 81, 8)})
    assert repr(law) == "<Scaling of Conv>"
    assert "54 size^2" in str(law)  # 8 x 27 for each of (size / 2)^2 outputs
    assert "54 size^2" in law._repr_html_()
    assert '"dimensions"' in law.save(tmp_path / "law.json").read_text("utf-8")
