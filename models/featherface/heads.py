"""FeatherFace's heads: class, box and five landmarks for every anchor."""

from __future__ import annotations

from typing import TypeAlias

from torch import Tensor, nn

from archscope.models.featherface.blocks import LEAK, depthwise, pointwise, tie_convolutions
from archscope.models.featherface.config import ANCHORS

Predictions: TypeAlias = tuple[Tensor, Tensor, Tensor]
BBOX, CLASSES, LANDMARKS = 4, 2, 10


class Head(nn.Module):
    """One 1x1 convolution that gives ``values`` numbers per anchor."""

    def __init__(self, channels: int, values: int) -> None:
        """``channels`` in."""
        super().__init__()
        self.values = values
        self.conv1x1 = nn.Conv2d(channels, ANCHORS * values, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, H * W * anchors, values), the anchors of one position side by side."""
        maps: Tensor = self.conv1x1(x)
        return maps.permute(0, 2, 3, 1).reshape(x.shape[0], -1, self.values)


class MultiHead(nn.Module):
    """The heads of one level: a separable trunk that the three tasks read, or none when ``trunk`` is 0."""

    def __init__(self, channels: int, trunk: int) -> None:
        """``channels`` in, ``trunk`` channels for the tasks."""
        super().__init__()
        self.trunk = _trunk(channels, trunk) if trunk else nn.Identity()
        self.class_head = Head(trunk or channels, CLASSES)
        self.bbox_head = Head(trunk or channels, BBOX)
        self.landmark_head = Head(trunk or channels, LANDMARKS)

    def forward(self, x: Tensor) -> Predictions:
        """One level (N, C, H, W) to its boxes, class logits and landmarks."""
        features = self.trunk(x)
        return self.bbox_head(features), self.class_head(features), self.landmark_head(features)


def shared_multi_head(channels: int, trunk: int) -> nn.ModuleList:
    """The SharedMultiHead: the three levels' heads are one set of convolutions, with a normalisation for each level."""
    levels = [MultiHead(channels, trunk) for _ in range(3)]
    for level in levels[1:]:
        tie_convolutions(level, levels[0])
    return nn.ModuleList(levels)


def separate_heads(channels: int, values: int) -> nn.ModuleList:
    """One head for each of the three levels."""
    return nn.ModuleList(Head(channels, values) for _ in range(3))


def _trunk(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(
        depthwise(channels_in),
        nn.BatchNorm2d(channels_in),
        nn.LeakyReLU(LEAK),
        pointwise(channels_in, channels_out),
        nn.BatchNorm2d(channels_out),
        nn.LeakyReLU(LEAK),
    )
