"""Small networks of every kind that looks at positions, each with the shape of its input, for receptive fields."""

# ruff: noqa: E741, N812, PLC3002, PLW0108 - short names in one-line networks

from __future__ import annotations

import torch
from looking_parts import (
    TS,
    C,
    Fn,
    Up,
    axial,
    crop,
    focus,
    fpn,
    nonlocal_,
    padbuf,
    se,
    shiftin,
    tunfold,
    unet,
    unfoldconv,
    win_attn,
)
from torch import nn
from torch.nn import functional as F

NETS = {
    "conv3": (nn.Sequential(C(3, 4, 3, padding=1)), (1, 3, 17, 15)),
    "dil": (nn.Sequential(C(3, 4, 3, padding=1), C(4, 4, 3, dilation=3, padding=3)), (1, 3, 25, 21)),
    "stride": (
        nn.Sequential(C(3, 4, 7, 2, 3), nn.ReLU(), C(4, 4, 3, 2, 1), nn.BatchNorm2d(4), C(4, 4, 3, 1, 1)),
        (1, 3, 48, 56),
    ),
    "asym": (
        nn.Sequential(C(3, 4, (1, 5), padding=(0, 2)), C(4, 4, (3, 1), (2, 1), (1, 0)), C(4, 4, (2, 4), (1, 3))),
        (1, 3, 24, 40),
    ),
    "dw": (nn.Sequential(C(4, 4, 3, 1, 1, groups=4), C(4, 8, 1), C(8, 8, 5, 2, 2, groups=2)), (1, 4, 24, 24)),
    "avg": (nn.Sequential(C(3, 4, 3), nn.AvgPool2d(3, 2, 1), C(4, 4, 3)), (1, 3, 32, 32)),
    "avgceil": (nn.Sequential(C(3, 4, 3), nn.AvgPool2d(2, 2, ceil_mode=True), C(4, 4, 3)), (1, 3, 33, 32)),
    "tconv": (nn.Sequential(C(3, 4, 3, 2, 1), nn.ConvTranspose2d(4, 4, 4, 2, 1), C(4, 4, 3, 1, 1)), (1, 3, 24, 24)),
    "tconv_gap": (nn.Sequential(C(3, 4, 3, 2, 1), nn.ConvTranspose2d(4, 4, 2, 3)), (1, 3, 16, 16)),
    "tconv_dil": (nn.Sequential(nn.ConvTranspose2d(3, 4, 3, 2, 1, 1, dilation=2), C(4, 4, 3)), (1, 3, 12, 12)),
    "tconv3": (nn.Sequential(C(3, 4, 5, 3), nn.ConvTranspose2d(4, 4, 5, 3, 1), C(4, 4, 3, 2)), (1, 3, 36, 36)),
    "nearest2": (nn.Sequential(C(3, 4, 3, 2, 1), Up(scale_factor=2, mode="nearest"), C(4, 4, 3, 1, 1)), (1, 3, 24, 24)),
    "nearest15": (nn.Sequential(C(3, 4, 3, 2, 1), Up(size=(18, 21), mode="nearest"), C(4, 4, 3, 1, 1)), (1, 3, 24, 24)),
    "nearestdown": (nn.Sequential(C(3, 4, 3), Up(size=(7, 9), mode="nearest"), C(4, 4, 3, 1, 1)), (1, 3, 24, 24)),
    "exact": (nn.Sequential(C(3, 4, 3), Up(size=(7, 9), mode="nearest-exact"), C(4, 4, 3, 1, 1)), (1, 3, 24, 24)),
    "bilin2": (nn.Sequential(C(3, 4, 3, 2, 1), Up(scale_factor=2, mode="bilinear"), C(4, 4, 3, 1, 1)), (1, 3, 24, 24)),
    "bilin3": (nn.Sequential(C(3, 4, 3, 2, 1), Up(scale_factor=3, mode="bilinear")), (1, 3, 24, 24)),
    "bilincorner": (
        nn.Sequential(C(3, 4, 3, 2, 1), Up(size=(23, 34), mode="bilinear", align_corners=True)),
        (1, 3, 24, 24),
    ),
    "bilinodd": (nn.Sequential(C(3, 4, 3, 2, 1), Up(size=(17, 19), mode="bilinear"), C(4, 4, 3, 1, 1)), (1, 3, 24, 24)),
    "bicubic": (nn.Sequential(C(3, 4, 3, 2, 1), Up(size=(18, 36), mode="bicubic")), (1, 3, 24, 24)),
    "aa": (nn.Sequential(C(3, 4, 3), Up(size=(8, 11), mode="bilinear", antialias=True)), (1, 3, 24, 24)),
    "aabic": (nn.Sequential(C(3, 4, 3), Up(size=(8, 11), mode="bicubic", antialias=True)), (1, 3, 34, 34)),
    "adaptive": (nn.Sequential(C(3, 4, 3), nn.AdaptiveAvgPool2d((5, 4)), C(4, 4, 2)), (1, 3, 24, 24)),
    "global": (nn.Sequential(C(3, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1)), (1, 3, 12, 12)),
    "shuffle": (nn.Sequential(C(3, 8, 3, 2, 1), nn.PixelShuffle(2), C(2, 2, 3)), (1, 3, 24, 24)),
    "unshuffle": (nn.Sequential(nn.PixelUnshuffle(3), C(27, 4, 3)), (1, 3, 24, 24)),
    "unshuf_dw": (
        nn.Sequential(nn.PixelUnshuffle(2), C(12, 12, 3, groups=12, padding=1), nn.PixelShuffle(2)),
        (1, 3, 16, 16),
    ),
    "focus": (Fn(focus, C(12, 4, 3, 1, 1)), (1, 3, 16, 20)),
    "flatten": (
        nn.Sequential(C(3, 4, 3), nn.Flatten(), nn.Linear(4 * 6 * 6, 5), nn.Unflatten(1, (5, 1, 1))),
        (1, 3, 8, 8),
    ),
    "bntrain": (nn.Sequential(C(3, 4, 3), nn.InstanceNorm2d(4)), (1, 3, 10, 10)),
    "gn": (nn.Sequential(C(3, 4, 3), nn.GroupNorm(2, 4)), (1, 3, 10, 10)),
    "lnfirst": (
        Fn(lambda x, c, l: l(c(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2), C(3, 4, 3), nn.LayerNorm(4)),
        (1, 3, 10, 10),
    ),
    "lnall": (nn.Sequential(C(3, 4, 3), nn.LayerNorm([4, 8, 8])), (1, 3, 10, 10)),
    "se": (Fn(se, C(3, 4, 3), C(4, 4, 1)), (1, 3, 10, 10)),
    "unet": (
        Fn(unet, C(3, 4, 3, padding=1), C(4, 4, 3, padding=1), nn.ConvTranspose2d(4, 4, 2, 2), C(8, 2, 3, padding=1)),
        (1, 3, 32, 32),
    ),
    "fpnodd": (Fn(fpn, C(3, 4, 3, 2, 1), C(4, 4, 3, 2, 1), C(4, 4, 1)), (1, 3, 26, 30)),
    "aspp": (
        Fn(lambda x, a, b, c: c(torch.cat([a(x), b(x)], 1)), C(3, 2, 3, 1, 1), C(3, 2, 3, 1, 4, 4), C(4, 2, 1)),
        (1, 3, 24, 24),
    ),
    "nonlocal": (Fn(nonlocal_, C(4, 4, 1), C(4, 4, 1), C(4, 4, 1)), (1, 4, 8, 8)),
    "axial": (Fn(axial, nn.Linear(4, 4)), (1, 4, 6, 9)),
    "window": (Fn(lambda x, l: win_attn(x, l), nn.Linear(4, 12)), (1, 4, 16, 16)),
    "swin": (
        Fn(
            lambda x, c, l, m: (lambda y: win_attn(y + win_attn(y, l), m, 2))(c(x)),
            C(3, 4, 2, 2),
            nn.Linear(4, 12),
            nn.Linear(4, 12),
        ),
        (1, 3, 48, 48),
    ),
    "swin2": (
        Fn(
            lambda x, c, l, m, d, e: d((lambda y: win_attn(win_attn(y, l), m, 2))(c(x))),
            C(3, 4, 2, 2),
            nn.Linear(4, 12),
            nn.Linear(4, 12),
            C(4, 4, 2, 2),
            nn.Linear(4, 12),
        ),
        (1, 3, 48, 48),
    ),
    "unfold": (Fn(unfoldconv, nn.Linear(27, 4)), (1, 3, 20, 20)),
    "tunfold": (Fn(tunfold, C(3, 4, 3)), (1, 3, 26, 20)),
    "crop": (Fn(crop, C(3, 4, 3, 2, 1), C(4, 4, 3)), (1, 3, 26, 20)),
    "reflect": (nn.Sequential(nn.ReflectionPad2d(2), C(3, 4, 5), nn.ReplicationPad2d(1), C(4, 4, 3)), (1, 3, 16, 16)),
    "zeropad": (nn.Sequential(nn.ZeroPad2d((1, 2, 0, 3)), C(3, 4, 5, 2)), (1, 3, 26, 26)),
    "flip": (Fn(lambda x, c: c(x.flip(3)).flip(2), C(3, 4, 3, 2)), (1, 3, 16, 16)),
    "fft": (
        Fn(
            lambda x, c: torch.fft.irfft2(torch.fft.rfft2(c(x)) * torch.arange(1, 6, dtype=torch.float64)),
            C(3, 2, 3, padding=1),
        ),
        (1, 3, 8, 8),
    ),
    "shiftin": (Fn(shiftin, C(3, 4, 3, padding=1)), (1, 3, 12, 12)),
    "padbuf": (Fn(padbuf, C(3, 4, 3, padding=1), C(4, 4, 3)), (1, 3, 14, 14)),
    "tsm": (nn.Sequential(C(3, 4, 3, padding=1), TS(), C(4, 4, 3, padding=1)), (1, 3, 14, 14)),
    "cumsum": (Fn(lambda x, c: c(x).cumsum(2), C(3, 4, 3)), (1, 3, 9, 9)),
    "conv1d": (nn.Sequential(nn.Conv1d(2, 3, 5, 2), nn.Conv1d(3, 3, 3, dilation=4), nn.AvgPool1d(3, 2)), (1, 2, 80)),
    "wavenet": (nn.Sequential(*(nn.Conv1d(2, 2, 2, dilation=2**i) for i in range(5))), (1, 2, 50)),
    "conv3d": (
        nn.Sequential(nn.Conv3d(1, 2, (3, 3, 5), (1, 2, 2)), nn.AvgPool3d((1, 2, 2)), nn.Conv3d(2, 2, (3, 1, 2))),
        (1, 1, 8, 16, 28),
    ),
    "mixer": (
        Fn(lambda x, c, l: l(c(x).flatten(2)).view(1, 4, 4, 4), C(3, 4, 4, 4), nn.Linear(16, 16)),
        (1, 3, 16, 16),
    ),
    "patchlinear": (
        Fn(
            lambda x, l: (
                l(x.view(1, 3, 4, 4, 4, 4).permute(0, 2, 4, 3, 5, 1).reshape(1, 16, 48))
                .transpose(1, 2)
                .view(1, 5, 4, 4)
            ),
            nn.Linear(48, 5),
        ),
        (1, 3, 16, 16),
    ),
    "strided_slice": (Fn(lambda x, c: c(x)[:, :, ::2, 1::3], C(3, 4, 3)), (1, 3, 20, 20)),
    "expandmul": (Fn(lambda x, c: c(x) * c(x).mean(3, keepdim=True), C(3, 4, 3)), (1, 3, 10, 12)),
    "diffstride": (
        Fn(lambda x, a, b: a(x)[:, :, :6, :6] + b(x)[:, :, :6, :6], C(3, 4, 3, 2), C(3, 4, 5, 3)),
        (1, 3, 24, 24),
    ),
    "catspatial": (Fn(lambda x, a, b: torch.cat([a(x), b(x)], 2), C(3, 4, (3, 3)), C(3, 4, (5, 3))), (1, 3, 16, 16)),
    "lstmrows": (
        Fn(
            lambda x, c, l: l(c(x)[0].permute(1, 2, 0))[0].permute(2, 0, 1).unsqueeze(0),
            C(3, 4, 3),
            nn.LSTM(4, 4, batch_first=True),
        ),
        (1, 3, 8, 8),
    ),
    "transposehw": (Fn(lambda x, a, b: b(a(x).transpose(2, 3)), C(3, 4, (3, 1)), C(4, 4, (1, 5))), (1, 3, 14, 16)),
    "addT": (Fn(lambda x, a: (lambda y: y + y.transpose(2, 3))(a(x)), C(3, 4, (3, 1), padding=(1, 0))), (1, 3, 12, 12)),
    "repeat": (Fn(lambda x, a: a(x).repeat_interleave(2, 2), C(3, 4, 3)), (1, 3, 12, 12)),
    "maxpool": (
        nn.Sequential(C(3, 4, 3, padding=1), nn.AvgPool2d(3, 2, 1), C(4, 4, 3, 1, 1), nn.AvgPool2d(2)),
        (1, 3, 40, 40),
    ),
    "glu": (Fn(lambda x, c: F.glu(c(x), 1), C(3, 8, 5, 2)), (1, 3, 20, 20)),
    "addcls": (
        Fn(
            lambda x, c: (
                torch.cat([torch.ones(1, 1, 4, dtype=x.dtype), c(x).flatten(2).transpose(1, 2)], 1)[:, 1:]
                .transpose(1, 2)
                .view(1, 4, 4, 4)
            ),
            C(3, 4, 4, 4),
        ),
        (1, 3, 16, 16),
    ),
    "selectrow": (Fn(lambda x, c: c(x)[:, :, 3], C(3, 4, 3)), (1, 3, 12, 12)),
    "rows": (Fn(lambda x, c: c(x).sum(3), C(3, 4, 3)), (1, 3, 12, 12)),
    "dynamic": (
        Fn(lambda x, c: F.conv2d(x, c(x).mean((2, 3)).view(2, 2, 1, 1).expand(2, 2, 3, 3).contiguous()), C(2, 4, 1)),
        (1, 2, 9, 9),
    ),
}
