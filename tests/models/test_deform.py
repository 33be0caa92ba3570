"""The deformable convolution against a naive loop, and as a registered operator."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from archscope.models.deform import deform_conv2d


def naive(x, offset, weight, bias, stride, padding, dilation, mask):
    """One output number at a time, one corner at a time, straight from the definition."""
    batch, channels, height, width = x.shape
    out_channels, group_channels, kernel_h, kernel_w = weight.shape
    taps = kernel_h * kernel_w
    per_offset_group = channels // (offset.shape[1] // (2 * taps))
    out_height, out_width = offset.shape[2:]
    result = torch.zeros(batch, out_channels, out_height, out_width, dtype=x.dtype)
    for n in range(batch):
        for o in range(out_channels):
            first = o // (out_channels // (channels // group_channels)) * group_channels
            for i in range(out_height):
                for j in range(out_width):
                    total = float(bias[o]) if bias is not None else 0.0
                    for c in range(group_channels):
                        group = (first + c) // per_offset_group
                        for t in range(taps):
                            row, column = divmod(t, kernel_w)
                            k = group * taps + t
                            y = i * stride[0] - padding[0] + row * dilation[0] + float(offset[n, 2 * k, i, j])
                            z = j * stride[1] - padding[1] + column * dilation[1] + float(offset[n, 2 * k + 1, i, j])
                            value = 0.0
                            for yy in (math.floor(y), math.floor(y) + 1):
                                for zz in (math.floor(z), math.floor(z) + 1):
                                    if 0 <= yy < height and 0 <= zz < width:
                                        share = (1 - abs(y - yy)) * (1 - abs(z - zz))
                                        value += share * float(x[n, first + c, yy, zz])
                            scale = 1.0 if mask is None else float(mask[n, k, i, j])
                            total += float(weight[o, c, row, column]) * scale * value
                    result[n, o, i, j] = total
    return result


@st.composite
def problems(draw):
    """Arguments of small convolutions in which every argument varies; offsets reach beyond the image."""
    small = st.integers(1, 2)
    groups, offset_groups = draw(small), draw(small)
    channels, out_channels = 2 * draw(small), groups * draw(small)
    kernel, stride, dilation = ((draw(small) + draw(st.integers(0, 1)), draw(small)) for _ in range(3))
    padding = (draw(st.integers(0, 2)), draw(st.integers(0, 2)))
    size = tuple(dilation[a] * (kernel[a] - 1) + 1 + draw(st.integers(0, 2)) for a in range(2))
    out = tuple((size[a] + 2 * padding[a] - dilation[a] * (kernel[a] - 1) - 1) // stride[a] + 1 for a in range(2))
    taps = kernel[0] * kernel[1] * offset_groups
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10_000)))

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    return {
        "x": random(2, channels, *size),
        "offset": 2 * random(2, 2 * taps, *out),
        "weight": random(out_channels, channels // groups, *kernel),
        "bias": random(out_channels) if draw(st.booleans()) else None,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "mask": random(2, taps, *out) if draw(st.booleans()) else None,
    }


def call(problem):
    arguments = dict(problem)
    return deform_conv2d(arguments.pop("x"), **arguments)


@settings(max_examples=30, deadline=None)
@given(problems())
def test_it_equals_the_naive_loop_and_the_meta_kernel_gives_the_same_shape(problem):
    found = call(problem)
    torch.testing.assert_close(found, naive(**problem), rtol=1e-9, atol=1e-9)
    meta = call({name: v.to("meta") if isinstance(v, Tensor) else v for name, v in problem.items()})
    assert (meta.shape, meta.dtype, meta.device.type) == (found.shape, found.dtype, "meta")


@settings(max_examples=60, deadline=None)
@given(problem=problems())
def test_it_equals_torchvision_in_values_and_gradients(problem):
    oracle = pytest.importorskip("torchvision", reason="torchvision is an optional oracle").ops.deform_conv2d
    tensors = [value.requires_grad_() for value in problem.values() if isinstance(value, Tensor)]
    ours, theirs = call(problem), oracle(problem["x"], **{k: v for k, v in problem.items() if k != "x"})
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
    for mine, other in zip(*(torch.autograd.grad(y.square().sum(), tensors) for y in (ours, theirs)), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-8, atol=1e-8)


def test_without_offsets_and_mask_it_is_an_ordinary_convolution():
    x, weight = torch.randn(2, 6, 7, 9), torch.randn(4, 3, 3, 3)
    found = deform_conv2d(x, torch.zeros(2, 18, 7, 9), weight, padding=1)
    torch.testing.assert_close(found, torch.nn.functional.conv2d(x, weight, padding=1, groups=2), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("twice", [False, True])
def test_its_gradients_equal_numerical_ones(twice):
    generator = torch.Generator().manual_seed(3)
    shapes = [(2, 4, 3, 4), (2, 16, 2, 3), (2, 2, 2, 2), (2,), (2, 8, 2, 3)]
    tensors = [torch.randn(s, generator=generator, dtype=torch.float64).requires_grad_() for s in shapes]

    def function(x, offset, weight, bias, mask):
        return deform_conv2d(x, offset, weight, bias, mask=mask)

    check = torch.autograd.gradgradcheck if twice else torch.autograd.gradcheck
    assert check(function, tensors)


def test_only_the_gradients_that_are_wanted_are_made():
    x, offset = torch.randn(1, 2, 4, 4), torch.zeros(1, 18, 4, 4, requires_grad=True)
    weight = torch.randn(2, 2, 3, 3)
    deform_conv2d(x, offset, weight, padding=1).sum().backward()
    assert offset.grad is not None
    assert x.grad is None
    assert weight.grad is None


def test_a_sample_outside_the_image_has_no_gradient_and_one_at_its_edge_has_the_one_on_its_right():
    x = torch.tensor([[[[3.0, 5.0]]]])
    for position, expected in ((-1.5, 0.0), (-1.0, 3.0), (0.0, 2.0), (1.0, -5.0), (2.0, 0.0), (2.5, 0.0)):
        offset = torch.tensor([0.0, position]).view(1, 2, 1, 1).requires_grad_()
        deform_conv2d(x, offset.expand(1, 2, 1, 2), torch.ones(1, 1, 1, 1)).flatten()[0].backward()
        assert offset.grad is not None
        assert float(offset.grad[0, 1]) == expected


def test_an_offset_that_is_not_a_number_gives_not_a_number_and_no_crash():
    offset = torch.zeros(1, 2, 3, 3)
    offset[0, 0, 1, 1] = math.nan
    found = deform_conv2d(torch.ones(1, 1, 3, 3), offset, torch.ones(1, 1, 1, 1))
    assert found.isnan().sum() == 1
    assert found[0, 0, 0, 0] == 1


def test_under_autocast_it_computes_in_32_bits_and_trains():
    x, offset = torch.randn(1, 2, 40, 40), 3 * torch.randn(1, 18, 40, 40)
    weight = torch.randn(2, 2, 3, 3, requires_grad=True)
    exact = deform_conv2d(x.bfloat16().float(), offset, weight, padding=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = deform_conv2d(x.bfloat16(), offset, weight, padding=1)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, exact.bfloat16())
    found.sum().backward()
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32


def test_it_is_one_operator_with_torchvisions_argument_names():
    schema = torch.ops.archscope.deform_conv2d.default._schema
    names = "input weight offset mask bias stride_h stride_w pad_h pad_w dilation_h dilation_w groups offset_groups"
    assert [argument.name for argument in schema.arguments] == [*names.split(), "use_mask"]


def test_its_registration_passes_torchs_own_checks():
    tensors = [
        torch.randn(s, requires_grad=True) for s in [(1, 2, 4, 4), (2, 2, 3, 3), (1, 18, 4, 4), (1, 9, 4, 4), (2,)]
    ]
    arguments = (*tensors, 1, 1, 1, 1, 1, 1, 1, 1, True)
    utilities = ("test_schema", "test_autograd_registration", "test_faketensor")
    torch.library.opcheck(torch.ops.archscope.deform_conv2d.default, arguments, test_utils=utilities)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"offset": torch.zeros(1, 18, 4, 5)}, "offset is"),
        ({"mask": torch.zeros(1, 8, 4, 4)}, "mask is"),
        ({"bias": torch.zeros(3)}, "bias is"),
        ({"weight": torch.zeros(2, 3, 3, 3)}, "does not fit 4 channels"),
        ({"weight": torch.zeros(2, 4, 9, 9)}, "does not fit the input"),
        ({"weight": torch.zeros(2, 4, 3)}, "4 axes"),
        ({"offset": torch.zeros(1, 54, 4, 4)}, "3 offset groups"),
    ],
)
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_shapes_that_do_not_fit_are_refused_with_the_reason(change, reason, device):
    good = {"offset": torch.zeros(1, 18, 4, 4), "weight": torch.zeros(2, 4, 3, 3)}
    arguments = {name: tensor.to(device) for name, tensor in {**good, **change}.items()}
    with pytest.raises(ValueError, match=reason):
        deform_conv2d(torch.zeros(1, 4, 4, 4, device=device), padding=1, **arguments)


def test_registering_it_and_calling_it_on_meta_does_not_import_torchs_compiler():
    program = """
import sys, torch
from archscope.models.deform import deform_conv2d
e = lambda *s: torch.empty(*s, device="meta")
assert deform_conv2d(e(1, 4, 8, 8), e(1, 18, 8, 8), e(2, 4, 3, 3), padding=1, mask=e(1, 9, 8, 8)).shape == (1, 2, 8, 8)
print([name for name in sys.modules if name.startswith(("torch._dynamo", "torchvision"))])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
