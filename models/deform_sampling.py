"""Bilinear sampling for the deformable convolution, and its gradient."""

from __future__ import annotations

import torch
from torch import Tensor


def positions(
    offset: Tensor, weight: Tensor, out: tuple[int, int], steps: tuple[int, ...], offset_groups: int
) -> tuple[Tensor, Tensor]:
    """Where every tap of every output position samples: y and x, each (N G, taps, Ho, Wo)."""
    stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w = steps
    kernel_h, kernel_w = weight.shape[2:]
    moved = offset.reshape(offset.shape[0] * offset_groups, kernel_h * kernel_w, 2, *out)
    tap_y = (_count(kernel_h, offset) * dilation_h - pad_h).repeat_interleave(kernel_w).view(-1, 1, 1)
    tap_x = (_count(kernel_w, offset) * dilation_w - pad_w).repeat(kernel_h).view(-1, 1, 1)
    y = moved[:, :, 0] + tap_y + _count(out[0], offset).view(-1, 1) * stride_h
    x = moved[:, :, 1] + tap_x + _count(out[1], offset) * stride_w
    return y, x


def _count(end: int, like: Tensor) -> Tensor:
    return torch.arange(end, device=like.device, dtype=like.dtype)


def place(image: Tensor, y: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The upper left corner (index into the padded image, (B, 1, taps ...)) and the way down and right from it.

    One row and column of zeros before and two after the image stand for everything outside, so no corner needs a test.
    """
    height, width = image.shape[2:]
    y, x = y.clamp(-1, height), x.clamp(-1, width)
    top, left = y.detach().floor(), x.detach().floor()
    row, column = top.nan_to_num(0).long() + 1, left.nan_to_num(0).long() + 1
    corner = (row * (width + 3) + column).reshape(image.shape[0], 1, -1)
    return corner, (y - top).unsqueeze(1), (x - left).unsqueeze(1)


def corners(image: Tensor, corner: Tensor, like: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The four values of ``image`` (B, C, H, W) around each place: (B, C, *like.shape[1:])."""
    batch, channels, _, width = image.shape
    padded = torch.nn.functional.pad(image, (1, 2, 1, 2)).reshape(batch, channels, -1)

    def at(step: int) -> Tensor:
        return padded.gather(2, (corner + step).expand(-1, channels, -1)).view(batch, channels, *like.shape[1:])

    return at(0), at(1), at(width + 3), at(width + 4)


def bilinear(image: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Values of ``image`` (B, C, H, W) at ``y``, ``x`` (B, ...): (B, C, ...); zero outside, NaN where y or x is NaN."""
    corner, down, right = place(image, y, x)
    upper_left, upper_right, lower_left, lower_right = corners(image, corner, y)
    upper = upper_left * (1 - right) + upper_right * right
    lower = lower_left * (1 - right) + lower_right * right
    return upper * (1 - down) + lower * down


def inside(position: Tensor, size: int) -> Tensor:
    """1 where moving the position moves the sample, 0 beyond the border."""
    return ((position >= -1) & (position <= size)).to(position.dtype)


def scattered(image: Tensor, corner: Tensor, values: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """The gradient of ``image``: every value goes to its four corners by their shares."""
    batch, channels, height, width = image.shape
    padded = image.new_zeros(batch, channels, (height + 3) * (width + 3))
    shares = {
        0: (1 - down) * (1 - right),
        1: (1 - down) * right,
        width + 3: down * (1 - right),
        width + 4: down * right,
    }
    for step, share in shares.items():
        place = (corner + step).expand(-1, channels, -1)
        padded = padded.scatter_add(2, place, (values * share).reshape(batch, channels, -1))
    return padded.view(batch, channels, height + 3, width + 3)[:, :, 1 : height + 1, 1 : width + 1]
