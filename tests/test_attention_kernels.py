"""Attention is measured as the kernel that CPU and GPU run: the same figures on meta and on the CPU for every variant."""

from __future__ import annotations

import math
import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention as attention

import archscope
from archscope.measure.quick_totals import quick_totals
from archscope.measure.running.attention_kernel import EFFICIENT, FLASH, fused_kernel
from archscope.spec import ModelSpec

aten = torch.ops.aten


class Attends(nn.Module):
    """Attention of tensors that are made from the input, as in a model: (batch, heads, tokens, features)."""

    def __init__(self, queries=64, keys=None, heads=4, groups=None, e=16, ev=None, mask=None, learns=False, **options):
        super().__init__()
        self.heads, self.groups, self.ev = heads, groups or heads, ev or e
        self.queries, self.keys, self.options = queries, keys or queries, options
        self.q = nn.Linear(32, heads * e)
        self.k, self.v = nn.Linear(32, self.groups * e), nn.Linear(32, self.groups * self.ev)
        self.mask = mask if mask is None or not learns else nn.Parameter(mask)

    def forward(self, x):
        source = x[:, : self.keys]
        q, k, v = self.q(x[:, : self.queries]), self.k(source), self.v(source)
        q, k, v = (
            t.unflatten(-1, (n, -1)).transpose(1, 2) for t, n in zip((q, k, v), (self.heads, *[self.groups] * 2))
        )
        options = {"dropout_p": self.options.get("dropout_p", 0.0) if self.training else 0.0}
        y = attention(q, k, v, attn_mask=self.mask, **{**self.options, **options})
        return y.transpose(1, 2).flatten(2)


class Weighs(nn.Module):
    def __init__(self, *, weights, **options):
        super().__init__()
        self.attention = nn.MultiheadAttention(32, 4, batch_first=True, **options)
        self.weights = weights

    def forward(self, x):
        return self.attention(x, x, x, need_weights=self.weights)[0]


class Flexes(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(32, 96)

    def forward(self, x):
        from torch.nn.attention.flex_attention import flex_attention

        q, k, v = (t.unflatten(-1, (2, 16)).transpose(1, 2) for t in self.qkv(x).chunk(3, -1))
        return flex_attention(q, k, v)


class Chooses(nn.Module):
    """The model itself wants the unfused form."""

    def __init__(self):
        super().__init__()
        self.inner = Attends()

    def forward(self, x):
        with sdpa_kernel(SDPBackend.MATH):
            return self.inner(x)


def triangle(size):
    return torch.ones(size, size, dtype=torch.bool).tril()


X = (2, 64, 32)
VARIANTS = {
    "plain": lambda: Attends(),
    "causal": lambda: Attends(is_causal=True),
    "causal, fewer queries": lambda: Attends(queries=16, is_causal=True),
    "of another length": lambda: Attends(keys=33),
    "boolean mask": lambda: Attends(mask=triangle(64)),
    "boolean mask of the batch": lambda: Attends(mask=torch.rand(2, 1, 1, 64) > 0.2),
    "float mask": lambda: Attends(mask=torch.rand(64, 64)),
    "float mask of each head": lambda: Attends(mask=torch.rand(2, 4, 64, 64)),
    "mask of three dimensions": lambda: Attends(mask=torch.rand(4, 64, 64)),
    "mask that learns": lambda: Attends(mask=torch.rand(1, 4, 64, 64), learns=True),
    "mask that learns, odd length": lambda: Attends(keys=33, mask=torch.rand(1, 4, 64, 33), learns=True),
    "grouped queries": lambda: Attends(groups=2, enable_gqa=True),
    "one key for all queries": lambda: Attends(groups=1, enable_gqa=True),
    "grouped queries, mask": lambda: Attends(groups=2, enable_gqa=True, mask=triangle(64)),
    "grouped queries, dropout": lambda: Attends(groups=2, enable_gqa=True, dropout_p=0.2),
    "wider values": lambda: Attends(ev=24),
    "narrower values": lambda: Attends(ev=8, is_causal=True),
    "unaligned wider values": lambda: Attends(e=6, ev=10),
    "dropout": lambda: Attends(dropout_p=0.1),
    "dropout, causal": lambda: Attends(dropout_p=0.1, is_causal=True),
    "dropout, mask": lambda: Attends(dropout_p=0.1, mask=triangle(64)),
    "dropout, odd mask": lambda: Attends(keys=33, dropout_p=0.1, mask=torch.rand(64, 33) > 0.2),
    "scale": lambda: Attends(scale=0.3),
    "the model's own choice": Chooses,
    "weights wanted": lambda: Weighs(weights=True),
    "weights not wanted": lambda: Weighs(weights=False),
    "dropout in a module": lambda: Weighs(weights=False, dropout=0.1),
    "more keys": lambda: Weighs(weights=False, add_bias_kv=True, add_zero_attn=True),
    "encoder layer": lambda: nn.TransformerEncoderLayer(32, 4, 64, batch_first=True),
    "encoder layer, no dropout": lambda: nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True),
    "decoder layer": lambda: Decodes(),
    "flex attention": Flexes,
}


class Decodes(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerDecoderLayer(32, 4, 64, batch_first=True)

    def forward(self, x):
        return self.layer(x, x[:, :40], tgt_mask=nn.Transformer.generate_square_subsequent_mask(64))


def figures(seen, training):
    from archscope.formulas import DEFAULT_FORMULAS
    from archscope.measure.summing.training import training_figures

    if training:
        return training_figures(seen, DEFAULT_FORMULAS, "sgd")[0]
    return archscope.analyze(seen).totals


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_has_the_same_figures_on_meta_and_on_the_cpu(name, dtype, training):
    if name == "flex attention" and training:
        pytest.skip("torch differentiates flex attention on a GPU alone")
    model = VARIANTS[name]().to(dtype)
    if isinstance(getattr(model, "mask", None), torch.Tensor) and model.mask.is_floating_point():
        model.mask = nn.Parameter(model.mask) if isinstance(model.mask, nn.Parameter) else model.mask.to(dtype)
    x = archscope.Inputs(args=(torch.rand(X, dtype=dtype),))
    meta, cpu = (archscope.trace(model, x, device=device, training=training) for device in ("meta", "cpu"))
    assert [call.op for call in meta.calls] == [call.op for call in cpu.calls]
    assert figures(meta, training) == figures(cpu, training)
