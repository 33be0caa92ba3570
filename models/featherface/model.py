"""FeatherFace: a face detector of the RetinaFace family (Electronics 2025, 14(3), 517)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from archscope.models.featherface.attention import CBAM, share_gates
from archscope.models.featherface.backbone import MobileNetV1
from archscope.models.featherface.bifpn import Levels, bifpn
from archscope.models.featherface.blocks import tie_convolutions
from archscope.models.featherface.config import BACKBONE_CHANNELS, FeatherFaceConfig
from archscope.models.featherface.heads import (
    BBOX,
    CLASSES,
    LANDMARKS,
    Predictions,
    separate_heads,
    shared_multi_head,
)
from archscope.models.featherface.layout import backbone_gates, bifpn_gates
from archscope.models.featherface.ssh import SSH, shuffle_block

SSH_NAMES = ("ssh1", "ssh2", "ssh3")
SHUFFLE_NAMES = ("ssh1_cs", "ssh2_cs", "ssh3_cs")


class FeatherFace(nn.Module):
    """Backbone, gates, BiFPN, gates, SSH, shuffle block, heads, on three levels P3 (1/8), P4 (1/16), P5 (1/32).

    Submodule names are those of the public checkpoints (``bacbkbone`` included). What is shared between levels is the
    same module under the name of each.
    """

    def __init__(self, config: FeatherFaceConfig) -> None:
        """Build what ``config`` says, on torch's default device."""
        super().__init__()
        self.config = config
        self.body = MobileNetV1()
        self._backbone_gates, self._bifpn_gates = backbone_gates(config), bifpn_gates(config)
        for name, channels in zip(self._backbone_gates, BACKBONE_CHANNELS, strict=False):
            self.add_module(name, CBAM(channels, config.cbam_reduction))
        self.bifpn = bifpn(config.bifpn_channels, config.bifpn_cells, reuse=config.bifpn_projections == "reused")
        for name in self._bifpn_gates:
            self.add_module(name, CBAM(config.bifpn_channels, config.cbam_reduction))
        if config.cbam_sharing == "width":
            share_gates(module for module in self.children() if isinstance(module, CBAM))
        for name in SSH_NAMES:
            self.add_module(name, SSH(config))
        for name in SHUFFLE_NAMES:
            self.add_module(name, shuffle_block(config.ssh_channels))
        if config.ssh_sharing == "levels":
            for names in (SSH_NAMES, SHUFFLE_NAMES):
                for name in names[1:]:
                    tie_convolutions(getattr(self, name), getattr(self, names[0]))
        if config.head == "shared":
            self.SharedMultiHead = shared_multi_head(config.ssh_channels, config.head_channels)
        else:
            self.ClassHead = separate_heads(config.ssh_channels, CLASSES)
            self.BboxHead = separate_heads(config.ssh_channels, BBOX)
            self.LandmarkHead = separate_heads(config.ssh_channels, LANDMARKS)

    def forward(self, image: Tensor) -> Predictions:
        """(N, 3, H, W) to boxes (N, A, 4), classes (N, A, 2) and landmarks (N, A, 10), A = 2 anchors per position.

        Levels stand in the order P3, P4, P5, positions row by row. Classes are probabilities in eval mode and logits
        in train mode.
        """
        levels = self._each(self._backbone_gates, self.body(image))
        levels = self._each(self._bifpn_gates, self.bifpn(levels))
        levels = self._each(SHUFFLE_NAMES, self._each(SSH_NAMES, levels))
        found = [self._heads(k, level) for k, level in enumerate(levels)]
        boxes, classes, landmarks = (torch.cat(parts, 1) for parts in zip(*found, strict=True))
        return boxes, classes if self.training else functional.softmax(classes, -1), landmarks

    def _each(self, names: tuple[str, ...], levels: Levels) -> Levels:
        """Every level through its module."""
        if not names:
            return levels
        p3, p4, p5 = (getattr(self, name)(level) for name, level in zip(names, levels, strict=True))
        return p3, p4, p5

    def _heads(self, k: int, level: Tensor) -> Predictions:
        if self.config.head == "shared":
            predictions: Predictions = self.SharedMultiHead[k](level)
            return predictions
        return self.BboxHead[k](level), self.ClassHead[k](level), self.LandmarkHead[k](level)
