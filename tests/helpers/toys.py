"""Tiny networks with their hand-computed answers beside their layers."""

from __future__ import annotations

import torch
from torch import nn


class SharedAndTied(nn.Module):
    """One block used under two names, an embedding tied to the output projection, and a bare Parameter."""

    # embedding 10 x 4 = 40, block 4 x 4 + 4 = 20, scale 4; the tied projection and the second name add nothing.
    PARAMETERS = 40 + 20 + 4
    # two calls of the block: 2 x 3 tokens x 4 x 4 = 96; projection: 3 x 4 x 10 = 120.
    MACS = 96 + 120

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 4)
        self.first = nn.Linear(4, 4)
        self.second = self.first
        self.scale = nn.Parameter(torch.ones(4))
        self.projection = nn.Linear(4, 10, bias=False)
        self.projection.weight = self.embedding.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.projection(self.second(self.first(self.embedding(tokens))) * self.scale)


class Branching(nn.Module):
    """Two convolutions that are added, a pool and a classifier; ``idle`` never runs."""

    # 3 x 8 x 9 + 8 = 224 twice (3x3 with bias), 8 x 5 + 5 = 45, idle 2 x 2 + 2 = 6.
    PARAMETERS = 224 + 224 + 45 + 6
    # each convolution: 8 x 6 x 6 outputs x 27 = 7,776; classifier 8 x 5 = 40.
    MACS = 7_776 * 2 + 40
    # bias 288 each, sum 288, relu 288, mean 288 + 0, classifier bias 5.
    FLOPS = 2 * MACS + 288 + 288 + 288 + 288 + 288 + 5

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Conv2d(3, 8, 3, padding=1)
        self.right = nn.Conv2d(3, 8, 3, padding=1)
        self.classifier = nn.Linear(8, 5)
        self.idle = nn.Linear(2, 2)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.classifier(torch.relu(self.left(image) + self.right(image)).mean((2, 3)))


class ReadsValues(nn.Module):
    """Runs its layer once more when the input's sum is positive, which a meta tensor cannot tell."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layer(x.abs())
        return self.layer(x) if x.abs().sum() > 0 else x


class Refuses(nn.Module):
    """Its inner layer wants 8 features."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.ReLU(), nn.Linear(8, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)
