"""Bidirectional feature pyramid with fast normalised fusion (Tan et al., EfficientDet, 2020) on three levels."""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from archscope.models.featherface.blocks import depthwise, pool_same, swish, upsample_to
from archscope.models.featherface.config import BACKBONE_CHANNELS

Levels: TypeAlias = tuple[Tensor, Tensor, Tensor]
EPSILON = 1e-4


class SameConv(nn.Module):
    """A convolution as the submodule ``conv``, where the public checkpoints have it."""

    def __init__(self, conv: nn.Conv2d) -> None:
        """Wrap ``conv``."""
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) as ``conv`` takes and gives it."""
        convolved: Tensor = self.conv(x)
        return convolved


class NodeConv(nn.Module):
    """Depthwise 3x3, pointwise 1x1 with bias, batch norm; no activation after."""

    def __init__(self, channels: int) -> None:
        """``channels`` in and out."""
        super().__init__()
        self.depthwise_conv = SameConv(depthwise(channels))
        self.pointwise_conv = SameConv(nn.Conv2d(channels, channels, 1))
        self.bn = _norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        normalised: Tensor = self.bn(self.pointwise_conv(self.depthwise_conv(x)))
        return normalised


def fuse(weights: Tensor, *features: Tensor) -> Tensor:
    """Weighted sum of ``features``: every weight after ReLU over (the sum of all of them + 1e-4).

    There may be more weights than features; those left over only enter the sum.
    """
    positive = functional.relu(weights)
    share = positive / (positive.sum() + EPSILON)
    terms = [share[i] * feature for i, feature in enumerate(features)]
    return sum(terms[1:], terms[0])


class BiFPNCell(nn.Module):
    """One pass top-down (P5 to P3), then bottom-up (P3 to P5); the first cell projects the backbone's widths first."""

    def __init__(self, channels: int, *, first: bool, reuse: bool) -> None:
        """``reuse``: the bottom-up path of a first cell reads the projections of the top-down path."""
        super().__init__()
        self.p4_w1 = nn.Parameter(torch.ones(2))
        self.p3_w1 = nn.Parameter(torch.ones(2))
        self.p4_w2 = nn.Parameter(torch.ones(3))
        self.p5_w2 = nn.Parameter(torch.ones(3))
        self.conv4_up = NodeConv(channels)
        self.conv3_up = NodeConv(channels)
        self.conv4_down = NodeConv(channels)
        self.conv5_down = NodeConv(channels)
        self.first, self.reuse = first, reuse
        if first:
            width3, width4, width5 = BACKBONE_CHANNELS
            self.p5_down_channel = _projection(width5, channels)
            self.p4_down_channel = _projection(width4, channels)
            self.p3_down_channel = _projection(width3, channels)
            if not reuse:
                self.p4_down_channel_2 = _projection(width4, channels)
                self.p5_down_channel_2 = _projection(width5, channels)

    def forward(self, levels: Levels) -> Levels:
        """P3, P4, P5 to P3, P4, P5, at ``channels`` each."""
        p3, p4, p5 = levels
        if self.first:
            p3, p4, p5 = self.p3_down_channel(p3), self.p4_down_channel(p4), self.p5_down_channel(p5)
        again4, again5 = p4, p5
        if self.first and not self.reuse:
            again4, again5 = self.p4_down_channel_2(levels[1]), self.p5_down_channel_2(levels[2])
        p4_up = self.conv4_up(swish(fuse(self.p4_w1, p4, upsample_to(p5, p4))))
        p3_out = self.conv3_up(swish(fuse(self.p3_w1, p3, upsample_to(p4_up, p3))))
        p4_out = self.conv4_down(swish(fuse(self.p4_w2, again4, p4_up, pool_same(p3_out))))
        p5_out = self.conv5_down(swish(fuse(self.p5_w2, again5, pool_same(p4_out))))
        return p3_out, p4_out, p5_out


def bifpn(channels: int, cells: int, *, reuse: bool) -> nn.Sequential:
    """``cells`` cells in sequence."""
    return nn.Sequential(*(BiFPNCell(channels, first=k == 0, reuse=reuse) for k in range(cells)))


def _projection(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(SameConv(nn.Conv2d(channels_in, channels_out, 1)), _norm(channels_out))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)
