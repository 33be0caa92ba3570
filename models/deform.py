"""Modulated deformable convolution (DCNv2) as the operator ``archscope::deform_conv2d``, in plain torch operations.

Same meaning as ``torchvision.ops.deform_conv2d`` (Zhu et al., Deformable ConvNets v2, 2019) and the same schema as its
operator, so that one cost formula serves both. It needs no compiled code: it runs on every device, on meta, and under
autograd (twice differentiable).
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import torch
from torch import Tensor

Pair: TypeAlias = int | tuple[int, int]

_SCHEMA = (
    "deform_conv2d(Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, int stride_h, int stride_w,"
    " int pad_h, int pad_w, int dilation_h, int dilation_w, int groups, int offset_groups, bool use_mask) -> Tensor"
)


def deform_conv2d(  # noqa: PLR0913, PLR0917 - torchvision's own signature
    input: Tensor,  # noqa: A002 - torchvision's own name
    offset: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    mask: Tensor | None = None,
) -> Tensor:
    """Deformable convolution of ``input`` (N, C, H, W) with ``weight`` (O, C / groups, kh, kw): (N, O, Ho, Wo).

    ``offset`` is (N, 2 G kh kw, Ho, Wo) in pixels, for tap t of offset group g the channels 2 (g kh kw + t) for y and
    + 1 for x; ``mask`` is (N, G kh kw, Ho, Wo). Sampling is bilinear; a corner outside the image contributes 0. Weight
    groups and offset groups G follow from the shapes. Raises ValueError when the shapes do not fit each other.
    """
    (stride_h, stride_w), (pad_h, pad_w), (dilation_h, dilation_w) = _pair(stride), _pair(padding), _pair(dilation)
    taps = math.prod(weight.shape[2:])
    result: Tensor = torch.ops.archscope.deform_conv2d(
        input,
        weight,
        offset,
        input.new_empty(0) if mask is None else mask,
        input.new_empty(0) if bias is None else bias,
        stride_h,
        stride_w,
        pad_h,
        pad_w,
        dilation_h,
        dilation_w,
        max(1, input.shape[1] // weight.shape[1]),
        max(1, offset.shape[1] // (2 * taps)),
        mask is not None,
    )
    return result


def _pair(value: Pair) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def _checked_shape(  # noqa: PLR0913, PLR0917 - the operator's schema
    input: Tensor,  # noqa: A002
    weight: Tensor,
    offset: Tensor,
    mask: Tensor,
    bias: Tensor,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    groups: int,
    offset_groups: int,
    use_mask: bool,  # noqa: FBT001
) -> tuple[int, int, int, int]:
    if input.dim() != 4 or weight.dim() != 4:
        raise ValueError(f"deform_conv2d: input {tuple(input.shape)} and weight {tuple(weight.shape)} must have 4 axes")
    batch, channels, height, width = input.shape
    out_channels, group_channels, kernel_h, kernel_w = weight.shape
    if group_channels * groups != channels or out_channels % groups:
        raise ValueError(
            f"deform_conv2d: weight {tuple(weight.shape)} in {groups} groups does not fit {channels} channels"
        )
    if channels % offset_groups:
        raise ValueError(f"deform_conv2d: {channels} channels are no multiple of {offset_groups} offset groups")
    out_height = (height + 2 * pad_h - dilation_h * (kernel_h - 1) - 1) // stride_h + 1
    out_width = (width + 2 * pad_w - dilation_w * (kernel_w - 1) - 1) // stride_w + 1
    if out_height < 1 or out_width < 1:
        raise ValueError(f"deform_conv2d: the kernel {kernel_h}x{kernel_w} does not fit the input {height}x{width}")
    taps = offset_groups * kernel_h * kernel_w
    if offset.shape != (batch, 2 * taps, out_height, out_width):
        wanted = (batch, 2 * taps, out_height, out_width)
        raise ValueError(f"deform_conv2d: offset is {tuple(offset.shape)}, not {wanted}")
    if use_mask and mask.shape != (batch, taps, out_height, out_width):
        raise ValueError(f"deform_conv2d: mask is {tuple(mask.shape)}, not {(batch, taps, out_height, out_width)}")
    if bias.numel() not in {0, out_channels}:
        raise ValueError(f"deform_conv2d: bias is {tuple(bias.shape)}, not {(out_channels,)}")
    return batch, out_channels, out_height, out_width


def _meta(input: Tensor, *arguments: Any) -> Tensor:  # noqa: A002 - the schema's arguments, in its order
    return input.new_empty(_checked_shape(input, *arguments))


def _forward(  # noqa: PLR0913, PLR0917 - the operator's schema
    input: Tensor,  # noqa: A002
    weight: Tensor,
    offset: Tensor,
    mask: Tensor,
    bias: Tensor,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    groups: int,
    offset_groups: int,
    use_mask: bool,  # noqa: FBT001
) -> Tensor:
    """Sample every tap of every output position, then multiply with the weight as one matrix product per group."""
    steps = (stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w)
    shape = _checked_shape(input, weight, offset, mask, bias, *steps, groups, offset_groups, use_mask)
    batch, out_channels, out_height, out_width = shape
    kernel_h, kernel_w = weight.shape[2:]
    taps = kernel_h * kernel_w
    moved = offset.reshape(batch * offset_groups, taps, 2, out_height, out_width)
    tap_y = (_count(kernel_h, offset) * dilation_h - pad_h).repeat_interleave(kernel_w).view(-1, 1, 1)
    tap_x = (_count(kernel_w, offset) * dilation_w - pad_w).repeat(kernel_h).view(-1, 1, 1)
    y = moved[:, :, 0] + tap_y + _count(out_height, offset).view(-1, 1) * stride_h
    x = moved[:, :, 1] + tap_x + _count(out_width, offset) * stride_w
    samples = _bilinear(input.reshape(batch * offset_groups, -1, *input.shape[2:]), y, x)
    if use_mask:
        samples = samples * mask.reshape(batch * offset_groups, 1, taps, out_height, out_width)
    columns = samples.reshape(batch, groups, -1, out_height * out_width)
    result = (weight.reshape(groups, out_channels // groups, -1) @ columns).reshape(shape)
    return result + bias.view(-1, 1, 1) if bias.numel() else result


def _count(end: int, like: Tensor) -> Tensor:
    return torch.arange(end, device=like.device, dtype=like.dtype)


def _bilinear(image: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Values of ``image`` (B, C, H, W) at ``y``, ``x`` (B, ...): (B, C, ...); zero outside, NaN where y or x is NaN.

    One row and column of zeros before and two after the image stand for everything outside, so no corner needs a test.
    """
    batch, channels, height, width = image.shape
    padded = torch.nn.functional.pad(image, (1, 2, 1, 2)).reshape(batch, channels, -1)
    y, x = y.clamp(-1, height), x.clamp(-1, width)
    top, left = y.detach().floor(), x.detach().floor()
    down, right = (y - top).unsqueeze(1), (x - left).unsqueeze(1)
    row, column = top.nan_to_num(0).long() + 1, left.nan_to_num(0).long() + 1
    corner = (row * (width + 3) + column).reshape(batch, 1, -1)

    def at(step: int) -> Tensor:
        return padded.gather(2, (corner + step).expand(-1, channels, -1)).view(batch, channels, *y.shape[1:])

    upper = at(0) * (1 - right) + at(1) * right
    lower = at(width + 3) * (1 - right) + at(width + 4) * right
    return upper * (1 - down) + lower * down


class _DeformConv2d(torch.autograd.Function):
    """The operator under autograd: the backward pass differentiates the plain implementation."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        ctx.save_for_backward(*arguments[:5])
        ctx.numbers = arguments[5:]
        with torch._C._AutoDispatchBelowAutograd():  # noqa: SLF001 - what torch.library's own autograd kernels use
            result: Tensor = torch.ops.archscope.deform_conv2d(*arguments)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        twice = torch.is_grad_enabled()
        needed = [i for i, wanted in enumerate(ctx.needs_input_grad[:5]) if wanted]
        with torch.enable_grad():
            tensors = [tensor if twice else tensor.detach() for tensor in ctx.saved_tensors]
            for i in needed:
                tensors[i] = tensors[i].view_as(tensors[i]) if twice else tensors[i].requires_grad_()
            wanted = [tensors[i] for i in needed]
            output = _forward(*tensors, *ctx.numbers)
            found = torch.autograd.grad(output, wanted, gradients, create_graph=twice, allow_unused=True)
        result: list[Tensor | None] = [None] * (5 + len(ctx.numbers))
        for i, gradient in zip(needed, found, strict=True):
            result[i] = gradient
        return tuple(result)


def _autograd(*arguments: Any) -> Tensor:
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in arguments[:5]):
        differentiable: Tensor = _DeformConv2d.apply(*arguments)  # type: ignore[no-untyped-call]  # torch leaves it without types
        return differentiable
    with torch._C._AutoDispatchBelowAutograd():  # noqa: SLF001
        result: Tensor = torch.ops.archscope.deform_conv2d(*arguments)
    return result


def _autocast(*arguments: Any) -> Tensor:
    """Sampling positions do not fit into 16 bits, so autocast computes in 32 and gives back the input's dtype."""
    keys = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastCPU).add(torch._C.DispatchKey.AutocastCUDA)  # noqa: SLF001
    with torch._C._ExcludeDispatchKeyGuard(keys):  # noqa: SLF001
        result: Tensor = torch.ops.archscope.deform_conv2d(*(t.float() for t in arguments[:5]), *arguments[5:])
    return result.to(arguments[0].dtype)


# The low-level registration: torch.library.custom_op would import much more, and this runs at the CLI's start.
_LIBRARY = torch.library.Library("archscope", "FRAGMENT")
_LIBRARY.define(_SCHEMA, tags=(torch.Tag.pt2_compliant_tag,))
_LIBRARY.impl("deform_conv2d", _forward, "CompositeExplicitAutograd")
_LIBRARY.impl("deform_conv2d", _meta, "Meta")
_LIBRARY.impl("deform_conv2d", _autograd, "Autograd")
_LIBRARY.impl("deform_conv2d", _autocast, "AutocastCPU")
_LIBRARY.impl("deform_conv2d", _autocast, "AutocastCUDA")
