"""Modulated deformable convolution (DCNv2) as the operator ``archscope::deform_conv2d``, in plain torch operations.

Same meaning as ``torchvision.ops.deform_conv2d`` (Zhu et al., Deformable ConvNets v2, 2019) and the same schema as its
operator, so that one cost formula serves both. It needs no compiled code: it runs on every device, on meta, and under
autograd (twice differentiable).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from archscope.models.deform_sampling import bilinear, corners, inside, place, positions, scattered

Pair: TypeAlias = int | tuple[int, int]

_ARGUMENTS = (
    "Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, int stride_h, int stride_w, int pad_h,"
    " int pad_w, int dilation_h, int dilation_w, int groups, int offset_groups, bool use_mask"
)
_SCHEMA = f"deform_conv2d({_ARGUMENTS}) -> Tensor"
_BACKWARD_SCHEMA = f"_deform_conv2d_backward(Tensor grad, {_ARGUMENTS}) -> (Tensor, Tensor, Tensor, Tensor, Tensor)"


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


class _Call(NamedTuple):
    """The operator's arguments, in the order of its schema."""

    input: Tensor
    weight: Tensor
    offset: Tensor
    mask: Tensor
    bias: Tensor
    stride_h: int
    stride_w: int
    pad_h: int
    pad_w: int
    dilation_h: int
    dilation_w: int
    groups: int
    offset_groups: int
    use_mask: bool

    @property
    def image(self) -> Tensor:
        """The input with its offset groups as images of their own: (N G, C / G, H, W)."""
        return self.input.reshape(self.input.shape[0] * self.offset_groups, -1, *self.input.shape[2:])

    @property
    def kernels(self) -> Tensor:
        """The weight as one matrix per group: (groups, O / groups, C kh kw / groups)."""
        return self.weight.reshape(self.groups, self.weight.shape[0] // self.groups, -1)

    def positions(self, out: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Where every tap of every position of an output of size ``out`` samples: y and x."""
        return positions(self.offset, self.weight, out, self[5:11], self.offset_groups)

    def scale(self, out: Sequence[int]) -> Tensor | int:
        """What every sample is multiplied by: the mask, (N G, 1, taps, Ho, Wo), or 1."""
        return self.mask.reshape(self.input.shape[0] * self.offset_groups, 1, -1, *out) if self.use_mask else 1


def _checked_shape(call: _Call) -> tuple[int, int, int, int]:
    """The shape of the output; raises ValueError when the arguments' shapes do not fit each other."""
    shapes = {name: tuple(tensor.shape) for name, tensor in zip(call._fields, call[:5], strict=False)}
    if len(shapes["input"]) != 4 or len(shapes["weight"]) != 4:
        raise ValueError(f"deform_conv2d: input {shapes['input']} and weight {shapes['weight']} must have 4 axes")
    batch, channels, height, width = shapes["input"]
    out_channels, group_channels, kernel_h, kernel_w = shapes["weight"]
    if group_channels * call.groups != channels or out_channels % call.groups:
        raise ValueError(
            f"deform_conv2d: weight {shapes['weight']} in {call.groups} groups does not fit {channels} channels"
        )
    if channels % call.offset_groups:
        raise ValueError(f"deform_conv2d: {channels} channels are no multiple of {call.offset_groups} offset groups")
    out_height = (height + 2 * call.pad_h - call.dilation_h * (kernel_h - 1) - 1) // call.stride_h + 1
    out_width = (width + 2 * call.pad_w - call.dilation_w * (kernel_w - 1) - 1) // call.stride_w + 1
    if out_height < 1 or out_width < 1:
        raise ValueError(f"deform_conv2d: the kernel {kernel_h}x{kernel_w} does not fit the input {height}x{width}")
    taps = call.offset_groups * kernel_h * kernel_w
    wanted = {"offset": (batch, 2 * taps, out_height, out_width)}
    if call.use_mask:
        wanted["mask"] = (batch, taps, out_height, out_width)
    for name, shape in wanted.items():
        if shapes[name] != shape:
            raise ValueError(f"deform_conv2d: {name} is {shapes[name]}, not {shape}")
    if call.bias.numel() not in {0, out_channels}:
        raise ValueError(f"deform_conv2d: bias is {shapes['bias']}, not {(out_channels,)}")
    return batch, out_channels, out_height, out_width


def _meta(*arguments: Any) -> Tensor:
    call = _Call(*arguments)
    return call.input.new_empty(_checked_shape(call))


def _forward(*arguments: Any) -> Tensor:
    """Sample every tap of every output position, then multiply with the weight as one matrix product per group."""
    call = _Call(*arguments)
    shape = _checked_shape(call)
    samples = bilinear(call.image, *call.positions(shape[2:]))
    if call.use_mask:
        samples = samples * call.scale(shape[2:])
    result = (call.kernels @ samples.reshape(shape[0], call.groups, -1, math.prod(shape[2:]))).reshape(shape)
    return result + call.bias.view(-1, 1, 1) if call.bias.numel() else result


def _gradients(grad: Tensor, *arguments: Any) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The gradients of input, weight, offset, mask and bias, in differentiable operations."""
    call = _Call(*arguments)
    batch, out_channels, out_height, out_width = grad.shape
    image = call.image
    y, x = call.positions((out_height, out_width))
    corner, down, right = place(image, y, x)
    a, b, c, d = corners(image, corner, y)
    samples = (a * (1 - right) + b * right) * (1 - down) + (c * (1 - right) + d * right) * down
    scale = call.scale((out_height, out_width))
    outputs = grad.reshape(batch, call.groups, out_channels // call.groups, -1)
    columns = (samples * scale).reshape(batch, call.groups, -1, outputs.shape[-1])
    of_weight = (outputs @ columns.transpose(-1, -2)).sum(0).reshape(call.weight.shape)
    of_columns = (call.kernels.transpose(-1, -2) @ outputs).reshape(samples.shape)
    of_mask = (of_columns * samples).sum(1).reshape(call.mask.shape) if call.use_mask else torch.zeros_like(call.mask)
    of_samples = of_columns * scale
    of_y = (of_samples * ((c - a) * (1 - right) + (d - b) * right)).sum(1) * inside(y, image.shape[2])
    of_x = (of_samples * ((b - a) * (1 - down) + (d - c) * down)).sum(1) * inside(x, image.shape[3])
    of_offset = torch.stack((of_y, of_x), 2).reshape(call.offset.shape)
    of_input = scattered(image, corner, of_samples, down, right).reshape(call.input.shape)
    of_bias = grad.sum((0, 2, 3)) if call.bias.numel() else torch.zeros_like(call.bias)
    return of_input, of_weight, of_offset, of_mask, of_bias


def _meta_gradients(_grad: Tensor, *arguments: Any) -> tuple[Tensor, ...]:
    return tuple(torch.empty_like(tensor) for tensor in arguments[:5])


class _DeformConv2d(torch.autograd.Function):
    """The operator under autograd; its gradients are an operator too, or plain operations to differentiate again."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        ctx.save_for_backward(*arguments[:5])
        ctx.numbers = arguments[5:]
        with torch._C._AutoDispatchBelowAutograd():  # noqa: SLF001 - what torch.library's own autograd kernels use
            result: Tensor = torch.ops.archscope.deform_conv2d(*arguments)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        function = _gradients if torch.is_grad_enabled() else torch.ops.archscope._deform_conv2d_backward  # noqa: SLF001 - ours
        found = function(gradients[0], *ctx.saved_tensors, *ctx.numbers)
        wanted = ctx.needs_input_grad
        return tuple(tensor if wanted[i] else None for i, tensor in enumerate(found)) + (None,) * len(ctx.numbers)


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
_LIBRARY.define(_BACKWARD_SCHEMA, tags=(torch.Tag.pt2_compliant_tag,))
_LIBRARY.impl("deform_conv2d", _forward, "CompositeExplicitAutograd")
_LIBRARY.impl("deform_conv2d", _meta, "Meta")
_LIBRARY.impl("deform_conv2d", _autograd, "Autograd")
_LIBRARY.impl("_deform_conv2d_backward", _gradients, "CompositeExplicitAutograd")
_LIBRARY.impl("_deform_conv2d_backward", _meta_gradients, "Meta")
_LIBRARY.impl("deform_conv2d", _autocast, "AutocastCPU")
_LIBRARY.impl("deform_conv2d", _autocast, "AutocastCUDA")
