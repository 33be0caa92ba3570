"""SSH context modules (Najibi et al., 2017) with receptive fields of 3, 5 and 7, and the shuffle blocks after them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from archscope.models.featherface.blocks import LEAK, ChannelShuffle, DeformableConv2d, depthwise, pointwise
from archscope.models.featherface.config import FeatherFaceConfig


class SSH(nn.Module):
    """ReLU(concat(3x3, 5x5, 7x7)): half, a quarter and a quarter of the output channels."""

    def __init__(self, config: FeatherFaceConfig) -> None:
        """``bifpn_channels`` in, ``ssh_channels`` out."""
        super().__init__()
        channels, half, quarter = config.bifpn_channels, config.ssh_channels // 2, config.ssh_channels // 4
        self.conv3X3 = _layer(config, channels, half)
        self.conv5X5_1 = _layer(config, channels, quarter, inner=True)
        self.conv5X5_2 = _layer(config, quarter, quarter)
        self.conv7X7_2 = _layer(config, quarter, quarter, inner=True)
        self.conv7x7_3 = _layer(config, quarter, quarter)

    def forward(self, x: Tensor) -> Tensor:
        """(N, bifpn_channels, H, W) to (N, ssh_channels, H, W)."""
        shared = self.conv5X5_1(x)
        wide = self.conv7x7_3(self.conv7X7_2(shared))
        return functional.relu(torch.cat((self.conv3X3(x), self.conv5X5_2(shared), wide), 1))


def shuffle_block(channels: int) -> nn.Sequential:
    """Channel shuffle, then a separable bottleneck of half the channels; ``channels`` in and out."""
    middle = channels // 2
    return nn.Sequential(
        ChannelShuffle(2),
        pointwise(channels, middle),
        nn.BatchNorm2d(middle),
        depthwise(middle),
        nn.BatchNorm2d(middle),
        pointwise(middle, channels),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    )


def _layer(config: FeatherFaceConfig, channels_in: int, channels_out: int, *, inner: bool = False) -> nn.Sequential:
    convolution: nn.Module
    if config.ssh_convolution == "plain":
        convolution = nn.Conv2d(channels_in, channels_out, 3, padding=1, groups=config.ssh_groups, bias=False)
    else:
        separable = config.ssh_convolution == "separable-deformable"
        convolution = DeformableConv2d(channels_in, channels_out, groups=config.ssh_groups, separable=separable)
    layers: list[nn.Module] = [convolution, nn.BatchNorm2d(channels_out)]
    if inner:
        layers.append(nn.LeakyReLU(LEAK))
    if inner and config.ssh_groups > 1:  # a grouped kernel on a grouped kernel's output would never see other groups
        layers.append(ChannelShuffle(config.ssh_groups))
    return nn.Sequential(*layers)
