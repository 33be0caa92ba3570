"""How far modules look: held against gradients of real runs, textbooks' closed forms and published figures."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import pytest
import torch
from brute_field import extents, with_positive_weights
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from looking_networks import NETS
from torch import nn

import archscope
from archscope.receptive_field import AxisField
from archscope.serial import from_json, to_json

_BORDERED = {"nearestdown"}  # one phase of its seven positions is read by padding alone


def _fields(model: nn.Module, shape: tuple[int, ...]) -> dict[str, tuple[AxisField, ...]]:
    report = archscope.analyze(model.eval(), torch.zeros(shape), receptive_fields=True)
    return {row.path: row.receptive_field[0].axes for row in report.modules if row.receptive_field}


@pytest.mark.parametrize("name", sorted(NETS.keys() - _BORDERED))
def test_a_receptive_field_is_what_gradients_of_a_real_run_show(name: str) -> None:
    model, shape = NETS[name]
    told = [axis.positions for axis in _fields(model, shape)[""]]
    assert told == extents(with_positive_weights(model), shape)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=5))
def test_stacks_of_convolutions_follow_the_closed_form(layers: list[tuple[int, int, int]]) -> None:
    """r = 1 + sum of (k - 1) d x the strides before; the stride is their product."""
    convolutions = [nn.Conv1d(1, 1, k, s, dilation=d, padding=d * (k - 1)) for k, s, d in layers]
    reach, stride = 1, 1
    for kernel, step, dilation in layers:
        reach += (kernel - 1) * dilation * stride
        stride *= step
    (axis,) = _fields(nn.Sequential(*convolutions), (1, 1, 512))[""]
    assert (axis.positions, axis.strides) == (reach, (str(stride),))


def _conv(inside: int, outside: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(inside, outside, kernel, stride, kernel // 2), nn.ReLU()]


def _vgg16() -> nn.Module:
    layers: list[nn.Module] = []
    inside = 3
    for size in ("1", "1", "M", "2", "2", "M", "4", "4", "4", "M", "8", "8", "8", "M", "8", "8", "8", "M"):
        if size == "M":
            layers.append(nn.MaxPool2d(2))
            continue
        layers += _conv(inside, int(size), 3)
        inside = int(size)
    return nn.Sequential(*layers)


def _alexnet() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 4, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(4, 4, 5, 1, 2), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(4, 4, 3, 1, 1), nn.Conv2d(4, 4, 3, 1, 1), nn.Conv2d(4, 4, 3, 1, 1), nn.MaxPool2d(3, 2)),
    )


class _Bottleneck(nn.Module):
    def __init__(self, inside: int, stride: int, *, first: bool) -> None:
        super().__init__()
        one, three = (stride, 1) if first else (1, stride)
        self.body = nn.Sequential(*_conv(inside, 4, 1, one), *_conv(4, 4, 3, three), nn.Conv2d(4, 4, 1))
        self.short = nn.Conv2d(inside, 4, 1, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.body(x) + self.short(x))


def _resnet(blocks: tuple[int, ...], *, first: bool) -> nn.Module:
    """A ResNet of bottlenecks; its stride lies in the first convolution of a block (as published) or in the second."""
    layers: list[nn.Module] = [nn.Conv2d(3, 4, 7, 2, 3), nn.MaxPool2d(3, 2, 1)]
    for stage, count in enumerate(blocks):
        layers += [_Bottleneck(4, 2 if stage and not block else 1, first=first) for block in range(count)]
    return nn.Sequential(*layers)


@pytest.mark.parametrize(
    ("model", "positions", "stride"),
    [  # Araujo, Norris, Sim: Computing Receptive Fields of Convolutional Neural Networks, Distill 2019, table of models
        pytest.param(_vgg16(), 212, "32", id="VGG-16, pool5"),
        pytest.param(_alexnet(), 195, "32", id="AlexNet v2, pool5"),
        pytest.param(_alexnet()[:8], 163, "16", id="AlexNet v2, conv5"),
        pytest.param(_resnet((3, 4, 6, 3), first=True), 483, "32", id="ResNet-50"),
        pytest.param(_resnet((3, 4, 23, 3), first=True), 1027, "32", id="ResNet-101"),
        # worked out by hand: 35 after the first stage, then + 8 + 3 x 16, + 16 + 5 x 32, + 32 + 2 x 64
        pytest.param(_resnet((3, 4, 6, 3), first=False), 427, "32", id="ResNet-50 as torchvision has it"),
    ],
)
def test_published_figures_come_out(model: nn.Module, positions: int, stride: str) -> None:
    for axis in _fields(model, (1, 3, 224, 224))[""]:
        assert (axis.positions, axis.strides, axis.whole) == (positions, (stride,), False)


def test_strides_below_one_are_exact_fractions() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ConvTranspose2d(4, 4, 2, 3), nn.Upsample(scale_factor=2))
    strides = [Fraction(axis.strides[0]) for axis in _fields(model, (1, 3, 24, 24))[""]]
    assert strides == [Fraction(2, 3) / 2] * 2


def test_attention_over_all_positions_sees_the_whole_input_and_keeps_its_stride() -> None:
    model, shape = NETS["nonlocal"]
    assert all(axis.whole and axis.strides == ("1",) for axis in _fields(model, shape)[""])


def test_what_values_decide_is_not_guessed() -> None:
    class Sampled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.after = nn.Conv2d(3, 2, 3, padding=1), nn.ReLU()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            grid = self.conv(x).permute(0, 2, 3, 1)
            return self.after(nn.functional.grid_sample(x, grid, align_corners=False))

    fields = _fields(Sampled(), (1, 3, 8, 8))
    assert [axis.positions for axis in fields["conv"]] == [3, 3]
    for axis in fields["after"]:
        assert axis.positions is None
        assert "the grid decides" in axis.reason


def test_a_custom_operator_is_not_guessed() -> None:
    @torch.library.custom_op("looking::blur", mutates_args=())
    def blur(x: torch.Tensor) -> torch.Tensor:
        return x.clone()

    blur.register_fake(torch.empty_like)

    class Blurred(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return blur(x)

    axes = _fields(nn.Sequential(nn.Conv2d(3, 2, 3), Blurred()), (1, 3, 8, 8))["1"]
    assert [(axis.positions, "looking::blur" in axis.reason) for axis in axes] == [(None, True)] * 2


def test_reports_hold_fields_only_when_asked_and_keep_them_in_json() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, (1, 5), 2))
    plain = archscope.analyze(model, torch.zeros(1, 3, 8, 8))
    assert "receptive_field" not in to_json(plain)
    asked = archscope.analyze(model, torch.zeros(1, 3, 8, 8), receptive_fields=True)
    assert from_json(to_json(asked)) == asked
    height, width = json.loads(to_json(asked))["modules"][1]["receptive_field"][0]["axes"]
    assert (height["positions"], width["positions"], width["strides"]) == (1, 5, ["2"])


def test_the_command_line_shows_height_by_width_in_text_csv_and_markdown(tmp_path) -> None:
    from archscope.cli import main

    source = tmp_path / "net.py"
    source.write_text("from torch import nn\ndef net():\n    return nn.Sequential(nn.Conv2d(3, 4, (3, 5), (2, 1)))\n")
    run = [f"{source}:net", "--input", "1x3x16x16", "--columns", "receptive_field,stride"]
    files = {flag: tmp_path / f"report.{flag}" for flag in ("csv", "md", "html")}
    told = CliRunner().invoke(
        main, ["analyze", *run, *(x for flag, path in files.items() for x in (f"--{flag}", str(path)))]
    )
    assert told.exit_code == 0, told.output
    for text in (told.output, files["csv"].read_text(), files["md"].read_text(), files["html"].read_text()):
        assert "3 x 5" in text
        assert "2 x 1" in text


def test_a_long_kernel_does_not_change_what_is_exact() -> None:
    (axis,) = _fields(nn.Sequential(*(nn.Conv1d(1, 1, 2, dilation=2**i) for i in range(10))), (1, 1, 2048))[""]
    assert axis.positions == math.prod([2] * 10)
