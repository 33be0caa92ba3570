"""Kernels of other libraries in the forms that their sources have: versions, groups of heads, pages, no lengths."""

from __future__ import annotations

import itertools

import pytest
import torch
from opcalls import Count, cost_of, meta

import archscope
from archscope.formulas import DEFAULT_FORMULAS


def scores_of(batch, heads, queries, keys, features, values, *, each):
    """The naive loop over every score of an attention, of which each takes ``each`` operations besides its products."""
    count = Count()
    for _b, _h, _q, _k in itertools.product(*map(range, (batch, heads, queries, keys))):
        count.macs += features + values
        count.other += each
    return count.macs, count.flops


QKV = {"q": meta(2, 5, 4, 8), "k": meta(2, 7, 2, 8), "v": meta(2, 7, 2, 6)}


def test_the_third_flash_attention_is_known_by_its_python_operators_too():
    cost = cost_of("flash_attn_3::_flash_attn_forward", (2, 5, 4, 6), **QKV, causal=True, cu_seqlens_q=None)
    assert (cost.macs, cost.flops) == scores_of(2, 4, 5, 7, 8, 6, each=1 + 5 + 1)
    back = cost_of("flash_attn_3::_flash_attn_backward", (2, 4, 128), **QKV, is_causal=True, softcap=0.0)
    scores = 2 * 4 * 5 * 7
    assert back.macs == scores * (3 * 8 + 2 * 6)
    assert back.flops - 2 * back.macs == scores * (1 + 1 + 2 + 2 + 1) + 2 * (2 * 5 * 4 * 6)


def test_dropout_a_cap_and_a_window_take_what_they_take():
    plain = 1 + 5
    dropped = cost_of("flash_attn::_flash_attn_forward", (2, 5, 4, 6), **QKV, dropout_p=0.1, causal=False)
    assert (dropped.macs, dropped.flops) == scores_of(2, 4, 5, 7, 8, 6, each=plain + 4)
    capped = cost_of("flash_attn::_flash_attn_forward", (2, 5, 4, 6), **QKV, dropout_p=0.0, softcap=30.0)
    assert (capped.macs, capped.flops) == scores_of(2, 4, 5, 7, 8, 6, each=plain + 3)
    for windows in ({"window_size_left": 2, "window_size_right": 0}, {"window_left": -1, "window_right": 1}):
        cost = cost_of("xformers_flash3::flash_fwd", (2, 5, 4, 6), **QKV, **windows, is_causal=False)
        assert (cost.macs, cost.flops) == scores_of(2, 4, 5, 7, 8, 6, each=plain + 1)
    everywhere = {"window_size_left": -1, "window_size_right": -1, "window_size": None}
    cost = cost_of("flash_attn::_flash_attn_forward", (2, 5, 4, 6), **QKV, **everywhere, causal=False)
    assert (cost.macs, cost.flops) == scores_of(2, 4, 5, 7, 8, 6, each=plain)
    scores, output = 2 * 4 * 5 * 7, 2 * 5 * 4 * 6
    back = cost_of("flash_attn::_flash_attn_backward", (2, 4, 128), **QKV, dropout_p=0.1, softcap=30.0, causal=False)
    assert back.flops - 2 * back.macs == scores * (1 + 2 + 2 + 1 + 6 + 6) + 2 * output
    torn = cost_of("xformers_flash::flash_fwd", (2, 5, 4, 6), **QKV, p=0.5, is_causal=False)
    assert (torn.macs, torn.flops) == scores_of(2, 4, 5, 7, 8, 6, each=plain + 4)


@pytest.mark.parametrize("form", ["", "_ck", "_splitk_ck"])
def test_groups_of_heads_share_keys_when_a_cache_is_decoded(form):
    """1 token against a cache of 7, in 3 groups of 4 heads."""
    given = {"query": meta(2, 1, 3, 4, 8), "key": meta(2, 7, 3, 4, 8), "value": meta(2, 7, 3, 4, 8)}
    cost = cost_of(f"xformers::efficient_attention_forward_decoder{form}", (2, 1, 3, 4, 8), **given)
    assert (cost.macs, cost.flops) == scores_of(2, 12, 1, 7, 8, 8, each=6)


def test_keys_in_pages_count_as_many_as_a_sequence_may_have():
    """16 pages of 4 tokens, at most 5 of them for each of 2 sequences."""
    paged = {"q": meta(2, 1, 4, 8), "k": meta(16, 4, 2, 8), "v": meta(16, 4, 2, 8), "page_table": meta(2, 5)}
    cost = cost_of("flash_attn_3::fwd", (2, 1, 4, 8), **paged)
    assert (cost.macs, cost.flops) == scores_of(2, 4, 1, 20, 8, 8, each=6)
    packed = paged | {"q": meta(9, 4, 8), "cu_seqlens_q": meta(3), "max_seqlen_q": 5, "max_seqlen_k": None}
    cost = cost_of("flash_attn_3::_flash_attn_forward", (9, 4, 8), **packed)
    assert (cost.macs, cost.flops) == scores_of(2, 4, 5, 20, 8, 8, each=6)
    known = packed | {"max_seqlen_k": 18}
    assert cost_of("flash_attn_3::_flash_attn_forward", (9, 4, 8), **known).macs == 2 * 4 * 5 * 18 * 16


def test_packed_keys_without_a_longest_length_all_count_for_each_of_the_longest_queries():
    """One query of each of 3 sequences against caches of 20 keys in all: not as few keys as there are queries."""
    packed = {"query": meta(1, 3, 4, 8), "key": meta(1, 20, 4, 8), "value": meta(1, 20, 4, 8)}
    cost = cost_of("xformers::efficient_attention_forward_ck", (1, 3, 4, 8), **packed, seqstart_q=meta(4),
                   seqstart_k=meta(4), max_seqlen_q=1)  # fmt: skip
    assert (cost.macs, cost.flops) == scores_of(1, 4, 1, 20, 8, 8, each=6)
    flat = {"q": meta(3, 4, 8), "k": meta(20, 4, 8), "v": meta(20, 4, 8)}
    cost = cost_of("flash_attn_3::fwd", (3, 4, 8), **flat, cu_seqlens_q=meta(4), max_seqlen_q=1)
    assert (cost.macs, cost.flops) == scores_of(1, 4, 1, 20, 8, 8, each=6)


def naive_delta_rule(q, k, v, beta):
    """S += beta (v - S k) k^T and o = S q, one element of the memory at a time."""
    count = Count()
    out = torch.zeros_like(v)
    for r in range(q.shape[0]):
        memory = torch.zeros(v.shape[-1], q.shape[-1], dtype=q.dtype)
        for t in range(q.shape[1]):
            count.other += q.shape[-1]  # the query's scale
            for j in range(v.shape[-1]):
                seen = torch.zeros((), dtype=q.dtype)
                for i in range(q.shape[-1]):
                    seen += memory[j, i] * k[r, t, i]
                    count.macs += 1
                change = beta[r, t, j] * (v[r, t, j] - seen)
                count.other += 2
                for i in range(q.shape[-1]):
                    memory[j, i] += change * k[r, t, i]
                    out[r, t, j] += memory[j, i] * q[r, t, i] * q.shape[-1] ** -0.5
                    count.macs += 2
    return count, out


def test_a_delta_rule_costs_what_its_naive_loop_does():
    q, k, v, beta = (torch.rand(2, 3, n, dtype=torch.float64) for n in (4, 4, 5, 5))
    count, out = naive_delta_rule(q, k, v, beta)
    memory, rows = torch.zeros(2, 5, 4, dtype=torch.float64), []
    for t in range(3):
        change = beta[:, t] * (v[:, t] - (memory @ k[:, t, :, None])[..., 0])
        memory = memory + change[..., None] * k[:, t, None]
        rows.append((memory @ q[:, t, :, None])[..., 0] / 2)
    torch.testing.assert_close(out, torch.stack(rows, 1))
    given = {"q": meta(1, 3, 2, 4), "k": meta(1, 3, 2, 4), "v": meta(1, 3, 2, 5), "K": 4, "V": 5}
    cost = cost_of("triton::fused_recurrent_fwd_kernel", **given, beta=meta(1, 3, 2, 5))
    assert (cost.macs, cost.flops) == (count.macs, count.flops)
    plain = cost_of("triton::fused_recurrent_fwd_kernel", **given)
    assert cost_of("triton::fused_recurrent_fwd_kernel", **given, beta=0.5) == plain


def test_a_decay_that_each_head_keeps_is_a_decay():
    """2 heads, 3 tokens, 4 x 5 memory: 1 per element of the memory a step, and an exp for each head's own."""
    given = {"q": meta(1, 3, 2, 4), "k": meta(1, 3, 2, 4), "v": meta(1, 3, 2, 5), "K": 4, "V": 5}
    plain = cost_of("triton::fused_recurrent_fwd_kernel", **given)
    kept = cost_of("triton::fused_recurrent_fwd_kernel", **given, g_gamma=meta(2))
    assert kept.flops - plain.flops == 3 * 2 * 4 * 5 + 2
    chunks = given | {"BT": 3}
    plain, kept = (cost_of("triton::chunk_fwd_kernel_h", **chunks, **more) for more in ({}, {"g_gamma": meta(2)}))
    assert kept.flops - plain.flops == 6 * (2 + 5) + 6 * 20 // 3


FOREIGN = {
    "triton::fused_recurrent_fwd_kernel": {"q_ptr": meta(1, 3, 2, 4), "D": 4, "scale": 0.5},
    "triton::_chunk_scan_fwd_kernel": {"x": meta(1, 3, 2, 4)},
    "flash_attn::_flash_attn_forward": {"qkv": meta(2, 5, 3, 4, 8)},
    "tex_ts::te_gemm_ts": {"_0": meta(4, 4)},
    "mmcv::carafe_forward": {"features": meta(1, 4, 6, 6)},
    "torch_cluster::knn": {"_0": meta(8, 3), "_1": meta(6, 3)},
}


@pytest.mark.parametrize("op", FOREIGN)
def test_arguments_of_an_unknown_version_are_told_and_not_guessed(op):
    cost = cost_of(op, (1, 3, 2, 4), **FOREIGN[op])
    assert cost.partial
    assert cost.macs == 0


def test_a_model_whose_kernel_has_other_arguments_is_a_lower_bound_and_no_error():
    library = torch.library.Library("flashattn", "FRAGMENT")
    library.define("_flash_attn_varlen_forward(Tensor qkv, int heads) -> Tensor")
    library.impl("_flash_attn_varlen_forward", lambda qkv, heads: qkv.new_empty(qkv.shape[0], 16), "Meta")

    class Attends(torch.nn.Module):
        def forward(self, x):
            return torch.ops.flashattn._flash_attn_varlen_forward(x, 2).relu()

    report = archscope.analyze(Attends(), torch.rand(5, 48))
    assert not report.totals.complete
    assert [row.op for row in report.uncounted] == ["flashattn::_flash_attn_varlen_forward"]
    library._destroy()


def test_the_first_columns_of_fewer_reflectors_cost_less():
    """2 reflectors of size 6 applied to the first 3 columns of the identity: the second meets 1 row less (leading
    terms: 4 m n k - 2 (m + n) k^2 + 4 k^3 / 3)."""
    given = {"input": meta(6, 3), "tau": meta(2)}
    assert cost_of("aten::linalg_householder_product", (6, 3), **given).flops == 144 - 72 + 32 // 3
    given = {"input": meta(2, 6, 3), "tau": meta(2, 3)}
    assert cost_of("aten::linalg_householder_product", (2, 6, 3), **given).flops == 2 * 2 * 9 * (6 - 1)


def test_losses_without_a_sum_and_against_targets_that_are_broadcast():
    """The square of a difference takes 2 per element; a mean or a sum 1 more."""
    given = {"self": meta(4, 3), "target": meta(4, 3)}
    assert cost_of("aten::mse_loss", (4, 3), **given, reduction=0).flops == 12 * 2
    assert cost_of("aten::mse_loss", (), **given, reduction=1).flops == 12 * 3
    assert cost_of("aten::mse_loss", (), **given, reduction=2).flops == 12 * 3
    for wide in ({"self": meta(4, 3), "target": meta(3)}, {"self": meta(3), "target": meta(4, 3)}):
        assert cost_of("aten::mse_loss", (), **wide, reduction=1).flops == 12 * 3


def test_sizes_of_one_and_a_norm_without_an_order():
    assert cost_of("aten::linalg_vector_norm", (), self=meta(4)).flops == 2 * 4 + 1
    one = cost_of("aten::linalg_lstsq", (1, 1), self=meta(1, 1), b=meta(1, 1))
    assert one.flops == 4 // 3 + 4 - 1
    given = {"grad_output": meta(1, 1, 1, 1), "input_size": [1, 1, 3, 3], "output_size": [1, 1]}
    taps = 2 * 3  # a filter of radius 1, 3 times as wide
    assert cost_of("aten::_upsample_bilinear2d_aa_backward", (1, 1, 3, 3), **given).flops == 2 * (3 * taps + taps)
    assert DEFAULT_FORMULAS.find("aten::_upsample_bilinear2d_aa_backward").kind == "counted"
