"""Models whose cost depends on the size of their input in a way that no single polynomial tells."""

from __future__ import annotations

from torch import nn


class Bits(nn.Module):
    """Runs its layer as often as the length has bits that are 1: no polynomial does that."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        for _ in range(x.shape[1].bit_count()):
            x = self.layer(x)
        return x


class Pieces(nn.Module):
    """A strided convolution; above 60 pixels a second one."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1, stride=2), nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x):
        y = self.first(x)
        return self.second(y) if x.shape[-1] > 60 else y
