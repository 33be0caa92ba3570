"""CBAM (Woo et al., 2018): a channel gate, then a spatial gate, with a residual around both."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from archscope.models.featherface.blocks import tie_convolutions


class ChannelGate(nn.Module):
    """x * sigmoid(mlp(average over the map) + mlp(maximum over the map)); one mlp for both."""

    def __init__(self, channels: int, reduction: int) -> None:
        """``channels // reduction`` hidden units."""
        super().__init__()
        hidden = channels // reduction
        self.mlp = nn.Sequential(nn.Flatten(), nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        size = x.shape[2:]
        attention = self.mlp(functional.avg_pool2d(x, size)) + self.mlp(functional.max_pool2d(x, size))
        gated: Tensor = x * torch.sigmoid(attention)[:, :, None, None]
        return gated


class ChannelPool(nn.Module):
    """Maximum and mean over the channels, as two channels."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, 2, H, W)."""
        return torch.cat((x.amax(1, keepdim=True), x.mean(1, keepdim=True)), 1)


class SpatialConv(nn.Module):
    """7x7 convolution of the two pooled channels to one, normalised."""

    def __init__(self) -> None:
        """The kernel is 7x7 for two channels in and one out."""
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)
        self.bn = nn.BatchNorm2d(1, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 2, H, W) to (N, 1, H, W)."""
        normalised: Tensor = self.bn(self.conv(x))
        return normalised


class SpatialGate(nn.Module):
    """x * sigmoid(spatial(compress(x)))."""

    def __init__(self) -> None:
        """Works on any number of channels."""
        super().__init__()
        self.compress = ChannelPool()
        self.spatial = SpatialConv()

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        gated: Tensor = x * torch.sigmoid(self.spatial(self.compress(x)))
        return gated


class CBAM(nn.Module):
    """ReLU(gated x + x): the residual belongs to the gate, so that its whole cost is found under its path."""

    def __init__(self, channels: int, reduction: int) -> None:
        """Gate ``channels`` channels."""
        super().__init__()
        self.channels = channels
        self.ChannelGate = ChannelGate(channels, reduction)
        self.SpatialGate = SpatialGate()

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        return functional.relu(self.SpatialGate(self.ChannelGate(x)) + x)


def share_gates(gates: Iterable[CBAM]) -> None:
    """One channel gate for each width and one spatial convolution for all; each place keeps its own normalisation."""
    first: dict[int, CBAM] = {}
    for gate in gates:
        gate.ChannelGate = first.setdefault(gate.channels, gate).ChannelGate
        tie_convolutions(gate.SpatialGate, next(iter(first.values())).SpatialGate)
