"""Flex attention in every form: the same figures on meta and the CPU, and its backward pass."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

import archscope


class Attends(nn.Module):
    """2 heads of 4 tokens of 8 features, after a layer."""

    def __init__(self, attend):
        super().__init__()
        self.layer = nn.Linear(8, 8, bias=False)
        self.attend = attend

    def forward(self, x):
        return self.attend(self, self.layer(x).view(1, 2, 4, 8))


def masked(_m, x):
    mask = create_block_mask(lambda b, h, q, k: q >= k, None, None, 4, 4, device=x.device, BLOCK_SIZE=2)
    return flex_attention(x, x, x, block_mask=mask)


# How it is called, and the features of its values.
FORMS = {
    "plain": (lambda m, x: flex_attention(x, x, x), 8),
    "scores of its own": (lambda m, x: flex_attention(x, x, x, score_mod=lambda s, b, h, q, k: s + (q - k)), 8),
    "scores by a weight": (
        lambda m, x: flex_attention(x, x, x, score_mod=lambda s, b, h, q, k: s * m.layer.weight[h, 0]),
        8,
    ),
    "a mask of blocks": (masked, 8),
    "shared keys": (lambda m, x: flex_attention(x, x[:, :1], x[:, :1], enable_gqa=True), 8),
    "narrow values": (lambda m, x: flex_attention(x, x, x[..., :4]), 4),
    "with its logarithms": (lambda m, x: flex_attention(x, x, x, return_lse=True), 8),
    "compiled": (lambda m, x: torch.compile(flex_attention)(x, x, x), 8),
}
SCORES = 2 * 4 * 4
LAYER = 8 * 8 * 8


@pytest.mark.parametrize("name", FORMS)
def test_each_form_has_the_same_figures_on_meta_and_on_the_cpu(name):
    attend, width = FORMS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        meta, cpu = (
            archscope.analyze(archscope.trace(Attends(attend), torch.rand(8, 8), device=device))
            for device in ("meta", "cpu")
        )
    assert meta.totals == cpu.totals
    assert (meta.totals.macs, meta.totals.complete) == (LAYER + SCORES * (8 + width), True)


@pytest.mark.parametrize("name", FORMS)
def test_its_backward_pass_has_five_products(name):
    attend, width = FORMS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        training = archscope.analyze(Attends(attend), torch.rand(8, 8), training="sgd").totals.training
    assert (training.backward_macs, training.complete) == (LAYER + SCORES * (3 * 8 + 2 * width), True)
