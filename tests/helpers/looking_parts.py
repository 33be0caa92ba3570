"""Forward passes that the small networks for receptive fields are made of."""

# ruff: noqa: E741, F841, N805, N812, RUF059 - short names in one-line networks

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class Fn(nn.Module):
    def __init__(s, f, *mods):
        super().__init__()
        s.m = nn.ModuleList(mods)
        s.f = f

    def forward(s, x):
        return s.f(x, *s.m)


C = nn.Conv2d


def win_attn(x, qkv, shift=0, w=4):
    n, c, h, wd = x.shape
    t = x.permute(0, 2, 3, 1)
    if shift:
        t = torch.roll(t, (-shift, -shift), (1, 2))
    t = t.view(n, h // w, w, wd // w, w, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, w * w, c)
    q, k, v = qkv(t).chunk(3, -1)
    a = q @ k.transpose(1, 2) / c
    if shift:
        m = torch.zeros(h, wd)
        for i, (a0, a1) in enumerate([(0, h - w), (h - w, h - shift), (h - shift, h)]):
            for j, (b0, b1) in enumerate([(0, wd - w), (wd - w, wd - shift), (wd - shift, wd)]):
                m[a0:a1, b0:b1] = i * 3 + j
        m = m.view(h // w, w, wd // w, w).permute(0, 2, 1, 3).reshape(-1, w * w)
        m = m.unsqueeze(1) - m.unsqueeze(2)
        m = m.masked_fill(m != 0, -1e9)
        a = a + m.to(a.dtype)
    t = a.softmax(-1) @ v
    t = t.view(n, h // w, wd // w, w, w, c).permute(0, 1, 3, 2, 4, 5).reshape(n, h, wd, c)
    if shift:
        t = torch.roll(t, (shift, shift), (1, 2))
    return t.permute(0, 3, 1, 2)


class TS(nn.Module):
    def forward(s, x):
        o = torch.zeros_like(x)
        f = 1
        o[:, :, :-1] = x[:, :, 1:]
        return o


def shiftin(x, conv):
    y = conv(x)
    y[:, 0] = y[:, 0] * 2
    y[:, 1:3].add_(x[:, :2])
    return y


def padbuf(x, conv, conv2):
    y = conv(x)
    b = torch.zeros(y.shape[0], y.shape[1], y.shape[2] + 4, y.shape[3] + 4, dtype=y.dtype)
    b[:, :, 2:-2, 2:-2] = y
    return conv2(b)


def nonlocal_(x, q, k, v):
    n, c, h, w = x.shape
    a = torch.softmax(q(x).flatten(2).transpose(1, 2) @ k(x).flatten(2), -1)
    return x + (v(x).flatten(2) @ a.transpose(1, 2)).view(n, c, h, w)


def axial(x, q):
    n, c, h, w = x.shape
    t = x.permute(0, 3, 2, 1).reshape(n * w, h, c)
    a = torch.softmax(q(t) @ t.transpose(1, 2), -1) @ t
    return a.view(n, w, h, c).permute(0, 3, 2, 1)


def unet(x, a, b, u, c):
    p = a(x)
    q = b(F.avg_pool2d(p, 2))
    return c(torch.cat([p, u(q)], 1))


def fpn(x, a, b, l):
    p = a(x)
    q = b(p)
    return l(p) + F.interpolate(q, size=p.shape[-2:], mode="nearest")


def focus(x, c):
    return c(torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1))


def se(x, c, f):
    y = c(x)
    return y * torch.sigmoid(f(y.mean((2, 3), keepdim=True)))


def unfoldconv(x, l):
    n, c, h, w = x.shape
    u = F.unfold(x, 3, padding=2, dilation=2, stride=2)
    return l(u.transpose(1, 2)).transpose(1, 2).view(n, -1, h // 2, w // 2)


def tunfold(x, c):
    return c(x.unfold(2, 5, 3).mean(-1))


def crop(x, c, d):
    y = c(x)
    return d(y[:, :, 2:-1, 3:])


class Up(nn.Module):
    def __init__(s, **k):
        super().__init__()
        s.k = k

    def forward(s, x):
        return F.interpolate(x, **s.k)
