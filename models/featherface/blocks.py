"""Convolution blocks that several parts of FeatherFace share."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from archscope.models.deform import deform_conv2d

LEAK = 0.1


def depthwise(channels: int, stride: int = 1) -> nn.Conv2d:
    """Depthwise 3x3 without bias, pad 1."""
    return nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False)


def pointwise(channels_in: int, channels_out: int) -> nn.Conv2d:
    """1x1 without bias."""
    return nn.Conv2d(channels_in, channels_out, 1, bias=False)


def tie_convolutions(module: nn.Module, source: nn.Module) -> None:
    """Give ``module`` the convolutions of ``source``, which is built alike, and leave it its own normalisation.

    Batch norm stays apart because the levels of a pyramid have different statistics: shared running averages would fit
    none of them in eval mode (EfficientDet's heads are shared in the same way).
    """
    for path, convolution in source.named_modules():
        if isinstance(convolution, nn.Conv2d):
            parent, _, name = path.rpartition(".")
            setattr(module.get_submodule(parent), name, convolution)


class ChannelShuffle(nn.Module):
    """Channel k * groups + g becomes channel g * (channels / groups) + k: channels that stood side by side part.

    This is FeatherFace's order, reshape to (channels / groups, groups); ShuffleNet's is the inverse.
    """

    def __init__(self, groups: int) -> None:
        """``groups`` must divide the channels that come."""
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        batch, channels, height, width = x.shape
        split = x.view(batch, channels // self.groups, self.groups, height, width)
        return split.transpose(1, 2).reshape(batch, channels, height, width)

    def extra_repr(self) -> str:
        """The groups."""
        return f"groups={self.groups}"


class DeformableConv2d(nn.Module):
    """Modulated deformable 3x3 convolution, pad 1, without bias, whose offsets and mask start at zero and one.

    ``regular_conv`` only holds the weight. With ``separable``, one depthwise 3x3 and one 1x1 give offsets and mask
    together, instead of two dense 3x3 convolutions: 36 c + 27 parameters instead of 243 c + 27 on c channels.
    """

    def __init__(self, channels_in: int, channels_out: int, *, groups: int = 1, separable: bool = False) -> None:
        """``groups`` are those of the weight; the offsets move all channels alike."""
        super().__init__()
        self.separable = separable
        if separable:
            self.sampling_conv = nn.Sequential(depthwise(channels_in), nn.Conv2d(channels_in, 27, 1))
            starting_at_zero = [self.sampling_conv[1]]
        else:
            self.offset_conv = nn.Conv2d(channels_in, 18, 3, padding=1)
            self.modulator_conv = nn.Conv2d(channels_in, 9, 3, padding=1)
            starting_at_zero = [self.offset_conv, self.modulator_conv]
        self.regular_conv = nn.Conv2d(channels_in, channels_out, 3, padding=1, groups=groups, bias=False)
        for parameter in (p for module in starting_at_zero for p in module.parameters()):
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels_in, H, W) to (N, channels_out, H, W)."""
        if self.separable:
            offset, modulation = self.sampling_conv(x).split((18, 9), dim=1)
        else:
            offset, modulation = self.offset_conv(x), self.modulator_conv(x)
        mask = 2.0 * torch.sigmoid(modulation)
        return deform_conv2d(x, offset, self.regular_conv.weight, padding=1, mask=mask)


def swish(x: Tensor) -> Tensor:
    """The activation x * sigmoid(x), elementwise."""
    return x * torch.sigmoid(x)


def upsample_to(x: Tensor, like: Tensor) -> Tensor:
    """Nearest neighbour, to the height and width of ``like``."""
    return functional.interpolate(x, size=like.shape[2:], mode="nearest")


def pool_same(x: Tensor) -> Tensor:
    """3x3 stride 2 maximum over TensorFlow's 'same' zero padding: (N, C, H, W) to (N, C, ceil(H / 2), ceil(W / 2)).

    An even size is padded by one row below (column right), an odd size by one on each side; the zeros take part.
    """
    top, left = x.shape[2] % 2, x.shape[3] % 2
    return functional.max_pool2d(functional.pad(x, (left, 1, top, 1)), 3, 2)
