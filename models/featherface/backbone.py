"""MobileNetV1 x 0.25 without pooling and classifier (Howard et al., 2017): 213,072 parameters."""

from __future__ import annotations

from torch import Tensor, nn

from archscope.models.featherface.blocks import LEAK, depthwise, pointwise


class MobileNetV1(nn.Module):
    """Image to the outputs of three stages: 64 channels at 1/8, 128 at 1/16, 256 at 1/32 of the size, rounded up."""

    def __init__(self) -> None:
        """No choices: the backbone is the same in every FeatherFace."""
        super().__init__()
        stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.LeakyReLU(LEAK))
        self.stage1 = nn.Sequential(
            stem, _block(8, 16, 1), _block(16, 32, 2), _block(32, 32, 1), _block(32, 64, 2), _block(64, 64, 1)
        )
        self.stage2 = nn.Sequential(_block(64, 128, 2), *(_block(128, 128, 1) for _ in range(5)))
        self.stage3 = nn.Sequential(_block(128, 256, 2), _block(256, 256, 1))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(N, 3, H, W) to P3, P4, P5."""
        p3 = self.stage1(image)
        p4 = self.stage2(p3)
        return p3, p4, self.stage3(p4)


def _block(channels_in: int, channels_out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        depthwise(channels_in, stride),
        nn.BatchNorm2d(channels_in),
        nn.LeakyReLU(LEAK),
        pointwise(channels_in, channels_out),
        nn.BatchNorm2d(channels_out),
        nn.LeakyReLU(LEAK),
    )
