"""Kernels of other libraries: registered here under their own names and schemas, counted against naive loops."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from opcalls import cost_of, made, meta, record

import archscope
from archscope.formulas import DEFAULT_FORMULAS

_LIBRARIES = {}


def operator(schema, run):
    """The operator of ``schema`` (``space::name(Tensor q, ...) -> Tensor``), made for the test; without a library."""
    space, _, rest = schema.partition("::")
    library = _LIBRARIES.setdefault(space, torch.library.Library(space, "FRAGMENT"))
    name = rest.partition("(")[0]
    if not hasattr(getattr(torch.ops, space), name):
        library.define(rest)
        library.impl(name, run, "CPU")
        library.impl(name, run, "Meta")
    return getattr(getattr(torch.ops, space), name)


def counted(schema, run, *args):
    """The cost of the one call of that operator, on meta tensors."""
    op = operator(schema, run)
    calls = [call for call in record(op, *args) if call.op.startswith(schema.partition("(")[0])]
    (call,) = calls
    return DEFAULT_FORMULAS.find(call.op).formula(call)


def of(*shape):
    return torch.empty(shape, device="meta")


def naive_attention(batch, heads, queries, keys, features, values, *, masked):
    macs = other = 0
    for _b, _h, _q, _k in itertools.product(*map(range, (batch, heads, queries, keys))):
        macs += features + values
        other += 1 + 5 + masked
    return macs, 2 * macs + other


FLASH = (
    "(Tensor q, Tensor k, Tensor v, float dropout_p, float softmax_scale, bool causal, int window_size_left, "
    "int window_size_right, float softcap, Tensor? alibi_slopes, bool return_softmax) -> (Tensor, Tensor)"
)
SAME = lambda q, *_args, **_kwargs: (torch.empty_like(q), torch.empty_like(q))


@pytest.mark.parametrize("space", ["flash_attn", "flashattn"])
@pytest.mark.parametrize("causal", [False, True])
def test_flash_attention_counts_the_full_matrix(space, causal):
    q, k, v = of(2, 5, 4, 8), of(2, 7, 2, 8), of(2, 7, 2, 8)  # grouped queries: 4 heads share 2
    cost = counted(f"{space}::_flash_attn_forward{FLASH}", SAME, q, k, v, 0.0, 1.0, causal, -1, -1, 0.0, None, False)
    assert (cost.macs, cost.flops) == naive_attention(2, 4, 5, 7, 8, 8, masked=causal)


VARLEN = (
    "(Tensor q, Tensor k, Tensor v, Tensor cu_seqlens_q, Tensor cu_seqlens_k, int max_seqlen_q, "
    "int max_seqlen_k, float dropout_p, float softmax_scale, bool causal) -> (Tensor, Tensor)"
)


def test_packed_sequences_count_at_their_longest_lengths():
    q, k, v, offsets = of(9, 4, 8), of(11, 4, 8), of(11, 4, 6), of(4)
    cost = counted(
        f"flash_attn::_flash_attn_varlen_forward{VARLEN}", SAME, q, k, v, offsets, offsets, 5, 6, 0.0, 1.0, False
    )
    assert (cost.macs, cost.flops) == naive_attention(3, 4, 5, 6, 8, 6, masked=False)


XFORMERS = (
    "(Tensor query, Tensor key, Tensor value, Tensor? bias, Tensor? cu_seqlens_q, Tensor? cu_seqlens_k, "
    "int? max_seqlen_q, int? max_seqlen_k, float dropout_p, int custom_mask_type, bool compute_log_sumexp=False, *, "
    "float? scale=None, Tensor? seqlen_k=None, int? window_size=None) -> (Tensor, Tensor)"
)


@pytest.mark.parametrize("mask", [0, 1])
def test_memory_efficient_attention_of_xformers(mask):
    args = (of(2, 5, 4, 8), of(2, 7, 4, 8), of(2, 7, 4, 6), None, None, None, None, None, 0.0, mask)
    cost = counted(f"xformers::efficient_attention_forward_cutlass{XFORMERS}", SAME, *args)
    assert (cost.macs, cost.flops) == naive_attention(2, 4, 5, 7, 8, 6, masked=mask)
    biased = made("xformers::efficient_attention_forward_cutlass", query=meta(1, 5, 4, 8), key=meta(1, 7, 4, 8),
                  value=meta(1, 7, 4, 6), bias=meta(1, 4, 5, 7), seqstart_q=meta(3), max_seqlen_q=3)  # fmt: skip
    cost = DEFAULT_FORMULAS.find(biased.op).formula(biased)
    assert (cost.macs, cost.flops) == naive_attention(1, 4, 3, 7, 8, 6, masked=True)  # all keys: the longest is unknown


def test_the_gradient_of_flash_attention_is_five_products():
    shapes = {"q": meta(2, 5, 4, 8), "k": meta(2, 7, 4, 8), "v": meta(2, 7, 4, 6)}
    scores = 2 * 4 * 5 * 7
    for op in ("flash_attn::_flash_attn_backward", "flash_attn_3::bwd", "flashattn::_flash_attn_varlen_backward"):
        cost = cost_of(op, (2, 5, 4, 8), **shapes)
        assert cost.macs == scores * (3 * 8 + 2 * 6)
        assert cost.flops - 2 * cost.macs == scores * (1 + 2 + 2 + 1) + 2 * (2 * 5 * 4 * 6)


def test_a_decoding_step_and_an_alibi_bias():
    one = {"query": meta(3, 1, 4, 8), "key": meta(3, 7, 4, 8), "value": meta(3, 7, 4, 8)}
    cost = cost_of("xformers::efficient_attention_forward_decoder", (3, 1, 4, 8), **one)
    assert (cost.macs, cost.flops) == naive_attention(3, 4, 1, 7, 8, 8, masked=False)
    given = {"q": meta(2, 5, 4, 8), "k": meta(2, 7, 4, 8), "v": meta(2, 7, 4, 8), "causal": False}
    cost = cost_of("flash_attn::_flash_attn_forward", (2, 5, 4, 8), **given, alibi_slopes=meta(4))
    assert (cost.macs, cost.flops) == naive_attention(2, 4, 5, 7, 8, 8, masked=True)
    uneven = {"q": meta(2, 5, 4, 8), "k": meta(2, 7, 4, 8), "v": meta(2, 7, 4, 6)}
    cost = cost_of("flash_attn_3::fwd", (2, 5, 4, 6), **uneven, is_causal=False)
    assert (cost.macs, cost.flops) == naive_attention(2, 4, 5, 7, 8, 6, masked=False)


def test_the_gated_products_of_xformers():
    given = {"x": meta(5, 4), "w1": meta(6, 4), "b1": meta(6), "w2": meta(6, 4), "b2": None}
    cost = cost_of("xformers::dual_gemm_silu_identity_mul", (5, 6), (5, 6), (5, 6), **given)
    assert (cost.macs, cost.flops - 2 * cost.macs) == (2 * 5 * 6 * 4, 30 * (1 + 2 + 1))
    bare = cost_of("xformers::dual_gemm_silu_identity_mul", (5, 6), (5, 6), (5, 6), **given | {"b1": None})
    assert bare.flops - 2 * bare.macs == 30 * (2 + 1)
    both = cost_of("xformers::dual_gemm_silu_identity_mul", (5, 6), (5, 6), (5, 6), **given | {"b2": meta(6)})
    assert both.flops - 2 * both.macs == 30 * (2 + 2 + 1)
    cost = cost_of("xformers::gemm_fused_operand_sum", (5, 6), (5,), a=meta(5, 4), b=meta(4, 6))
    assert (cost.macs, cost.flops - 2 * cost.macs) == (5 * 4 * 6, 20)
    assert cost_of("xformers::silu_bw_fused", (5, 12), (5, 6), x1=meta(5, 6), x2=meta(5, 6)).flops == 30 * 10


@pytest.mark.parametrize("extras", [False, True])
def test_deformable_attention_samples_four_corners_for_each_point(extras):
    macs = other = 0
    for _place in itertools.product(*map(range, (2, 5, 3, 2, 4))):  # batch, queries, heads, levels, points
        for _feature in range(8):
            other += 4 + 3
            macs += 1
    given = {"value": meta(2, 20, 3, 8), "sampling_locations": meta(2, 5, 3, 2, 4, 2)}
    cost = cost_of("mmcv::ms_deform_attn_forward", (2, 5, 24), **given)
    assert (cost.macs, cost.flops - 2 * cost.macs) == (macs, other)
    if extras:
        assert cost_of("mmcv::ms_deform_attn_backward", (2, 20, 3, 8), **given).flops == macs * (7 + 2 + 9 + 14)


def naive_scan(u, delta, a, b, c, d, z, bias, *, softplus):
    """Mamba's scan, one state at a time: multiply-accumulates, other operations, the result."""
    macs = other = 0
    batch, channels, steps = u.shape
    y = torch.zeros_like(u)
    for n, k in itertools.product(range(batch), range(channels)):
        h = [0.0] * a.shape[1]
        for t in range(steps):
            step = float(delta[n, k, t])
            if bias is not None:
                step, other = step + float(bias[k]), other + 1
            if softplus:
                step, other = math.log1p(math.exp(step)), other + 3  # a comparison, exp, log1p
            driven, total = step * float(u[n, k, t]), 0.0
            other += 1
            for s in range(a.shape[1]):
                decay, share = math.exp(step * float(a[k, s])), driven * float(b[n, s, t])
                other += 3
                h[s] = decay * h[s] + share * 1.0
                total += h[s] * float(c[n, s, t])
                macs += 2
            if d is not None:
                total, other = total + float(d[k]) * float(u[n, k, t]), other + 2
            if z is not None:
                gate = float(z[n, k, t])
                total, other = total * gate / (1 + math.exp(-gate)), other + 3
            y[n, k, t] = total
    return macs, other, y


SCAN = (
    "mamba_ssm::selective_scan_fwd(Tensor u, Tensor delta, Tensor A, Tensor B, Tensor C, Tensor? D, Tensor? z, "
    "Tensor? delta_bias, bool delta_softplus) -> Tensor"
)


@pytest.mark.parametrize("full", [False, True])
def test_a_selective_scan_costs_what_its_naive_loop_does(full):
    u, delta, z = (torch.rand(2, 3, 4, dtype=torch.float64) for _ in range(3))
    a, b, c, d, bias = torch.rand(3, 5).double() - 1, torch.rand(2, 5, 4), torch.rand(2, 5, 4), torch.rand(3), None
    bias = torch.rand(3) if full else None
    macs, other, y = naive_scan(u, delta, a, b, c, d if full else None, z if full else None, bias, softplus=full)
    step = torch.nn.functional.softplus(delta + bias[:, None]) if full else delta
    h, rows = torch.zeros(2, 3, 5, dtype=torch.float64), []
    for t in range(4):
        h = torch.exp(step[..., t, None] * a) * h + (step * u)[..., t, None] * b[:, None, :, t]
        rows.append((h * c[:, None, :, t]).sum(-1))
    expected = torch.stack(rows, -1)
    if full:
        expected = (expected + d[:, None] * u) * torch.nn.functional.silu(z)
    torch.testing.assert_close(y, expected)
    extra = (of(3), of(2, 3, 4), of(3)) if full else (None, None, None)
    cost = counted(
        SCAN, lambda u, *_: torch.empty_like(u), of(2, 3, 4), of(2, 3, 4), of(3, 5), of(2, 5, 4), of(2, 5, 4), *extra,
        full,
    )  # fmt: skip
    assert (cost.macs, cost.flops - 2 * cost.macs) == (macs, other)


def test_the_gradient_of_a_selective_scan_by_state():
    given = {"u": meta(2, 3, 4), "A": meta(3, 5)}
    cost = cost_of("mamba_ssm::selective_scan_bwd", (2, 3, 4), **given)
    assert (cost.macs, cost.flops - 2 * cost.macs) == (24 * 5 * (1 + 1 + 3), 24 * 5 * (3 + 4))
    vllm = cost_of("_C::selective_scan_fwd", **given, D_=meta(3), z_=None, delta_bias_=meta(3), delta_softplus=True)
    assert vllm.flops - 2 * vllm.macs == 24 * (3 * 5 + 1 + 2 + 1 + 3)


CONV = (
    "DaoAILab::_causal_conv1d_fwd_cpp(Tensor x, Tensor weight, Tensor? bias, Tensor? seq_idx, "
    "Tensor? initial_states, Tensor(a!) out, Tensor(b!)? final_states_out, bool silu_activation) -> ()"
)


@pytest.mark.parametrize("full", [False, True])
def test_a_causal_convolution_costs_what_its_naive_loop_does(full):
    x, weight = torch.rand(2, 3, 5, dtype=torch.float64), torch.rand(3, 4, dtype=torch.float64)
    bias = torch.rand(3, dtype=torch.float64) if full else None
    macs = other = 0
    y = torch.zeros_like(x)
    padded = torch.nn.functional.pad(x, (3, 0))
    for n, c, t in itertools.product(*map(range, x.shape)):
        for w in range(4):
            y[n, c, t] += padded[n, c, t + w] * weight[c, w]
            macs += 1
        if full:
            y[n, c, t] = torch.nn.functional.silu(y[n, c, t] + bias[c])
            other += 1 + 2
    plain = torch.nn.functional.conv1d(padded, weight[:, None], bias, groups=3)
    torch.testing.assert_close(y, torch.nn.functional.silu(plain) if full else plain)
    run = lambda *_: None
    cost = counted(CONV, run, of(2, 3, 5), of(3, 4), of(3) if full else None, None, None, of(2, 3, 5), None, full)
    assert (cost.macs, cost.flops - 2 * cost.macs) == (macs, other)
    given = {"x": meta(2, 3, 5), "weight": meta(3, 4), "bias": meta(3) if full else None, "silu_activation": full}
    back = cost_of("DaoAILab::_causal_conv1d_bwd_cpp", **given)
    assert back.macs == macs * (3 if full else 2)
    assert back.flops - 2 * back.macs == (30 * (1 + 1 + 6) if full else 0)


def test_the_chunks_of_mamba_2_add_up():
    batch, steps, heads, features, states, chunk = 2, 8, 3, 4, 5, 4
    x = meta(batch, steps, heads, features)
    tokens = batch * steps * heads
    cost = cost_of("triton::_chunk_state_fwd_kernel", x_ptr=x, dstate=states)
    assert (cost.macs, cost.flops - 2 * cost.macs) == (tokens * features * states, tokens * (3 + states))
    given = {"x_ptr": x, "dstate": states, "chunk_size": chunk, "D_ptr": None, "z_ptr": None}
    cost = cost_of("triton::_chunk_scan_fwd_kernel", **given)
    assert cost.macs == tokens * features * (chunk + states)
    assert cost.flops - 2 * cost.macs == tokens * (4 * chunk + 1 + features)
    given |= {"D_ptr": meta(heads), "z_ptr": x}
    assert cost_of("triton::_chunk_scan_fwd_kernel", **given).flops == cost.flops + tokens * features * (2 + 3)
    scores = cost_of("triton::_bmm_chunk_fwd_kernel", out_ptr=meta(2, 2, 1, 4, 4), K=states)
    assert (scores.macs, scores.flops) == (64 * states, 2 * 64 * states)
    assert cost_of("triton::_state_passing_fwd_kernel", states_ptr=meta(2, 2, 3, 20)).flops == 2 * 240
    steps_ = {"dt_ptr": meta(2, 8, 3), "dt_bias_ptr": None, "DT_SOFTPLUS": False}
    assert cost_of("triton::_chunk_cumsum_fwd_kernel", **steps_).flops == 48 * 2
    steps_ |= {"dt_bias_ptr": meta(3), "DT_SOFTPLUS": True}
    assert cost_of("triton::_chunk_cumsum_fwd_kernel", **steps_).flops == 48 * (2 + 1 + 3)


def naive_linear_attention(q, k, v, g):
    """Gated linear attention, one element of the memory at a time."""
    macs = other = 0
    rows, steps, keys = q.shape
    out = torch.zeros_like(v)
    for r in range(rows):
        memory = torch.zeros(keys, v.shape[-1], dtype=q.dtype)
        for t in range(steps):
            other += keys  # the query's scale
            other += 0 if g is None else 1  # exp of the decay
            for i, j in itertools.product(range(keys), range(v.shape[-1])):
                if g is not None:
                    memory[i, j] *= torch.exp(g[r, t])
                    other += 1
                memory[i, j] += k[r, t, i] * v[r, t, j]
                out[r, t, j] += keys**-0.5 * q[r, t, i] * memory[i, j]
                macs += 2
    return macs, other, out


@pytest.mark.parametrize("gated", [False, True])
def test_linear_attention_step_by_step_costs_what_its_naive_loop_does(gated):
    q, k, v = torch.rand(2, 3, 4).double(), torch.rand(2, 3, 4).double(), torch.rand(2, 3, 5).double()
    g = -torch.rand(2, 3).double() if gated else None
    macs, other, out = naive_linear_attention(q, k, v, g)
    decay = torch.ones(2, 3, 3).double() if g is None else torch.exp(g.cumsum(1)[..., None] - g.cumsum(1)[:, None])
    torch.testing.assert_close(out, (q @ k.mT * 0.5 * decay).tril() @ v)
    given = {"q": meta(1, 3, 2, 4), "k": meta(1, 3, 2, 4), "v": meta(1, 3, 2, 5), "K": 4, "V": 5}
    given |= {"g": meta(1, 3, 2) if gated else None, "gk": None, "gv": None}
    cost = cost_of("triton::fused_recurrent_fwd_kernel", **given)
    assert (cost.macs, cost.flops - 2 * cost.macs) == (macs, other)
    changed = cost_of("triton::fused_recurrent_fwd_kernel", **given, alpha=meta(1, 3, 2, 4), beta=meta(1, 3, 2, 4))
    assert changed.macs == 2 * macs


def test_linear_attention_by_chunks():
    rows, keys, values, chunk = 2 * 8, 4, 5, 4
    given = {"q": meta(1, 8, 2, 4), "v": meta(1, 8, 2, 5), "K": keys, "V": values, "BT": chunk, "g": None}
    memory = cost_of("triton::chunk_fwd_kernel_h", **given, gk=None, gv=None)
    assert (memory.macs, memory.flops) == (rows * 20, 2 * rows * 20)
    out = cost_of("triton::chunk_fwd_kernel_o", **given)
    assert out.macs == rows * (20 + chunk * 9)
    assert out.flops - 2 * out.macs == rows * (2 * values + chunk)
    given |= {"g": meta(1, 8, 2)}
    decayed = cost_of("triton::chunk_fwd_kernel_h", **given, gk=None, gv=None)
    assert decayed.flops - memory.flops == rows * (2 + values) + rows // chunk * 20
    gated = cost_of("triton::chunk_fwd_kernel_o", **given)
    assert gated.flops - out.flops == rows * (3 * chunk + values + 1)


APEX = (
    "(Tensor input, Tensor weight, Tensor bias, int[] normalized_shape, float eps, bool memory_efficient=False) "
    "-> (Tensor, Tensor, Tensor)"
)
APEX_RMS = (
    "(Tensor input, Tensor weight, int[] normalized_shape, float eps, bool memory_efficient=False) -> (Tensor, Tensor)"
)


def test_the_norms_of_apex_cost_as_torchs_own():
    x = torch.rand(3, 8)
    run = lambda x, *_: (torch.empty_like(x),) * 3
    ours = counted(f"apex::fused_layer_norm_affine_fwd{APEX}", run, of(3, 8), of(8), of(8), [8], 1e-5)
    (call,) = record(torch.ops.aten.native_layer_norm, x, [8], torch.ones(8), torch.zeros(8), 1e-5)
    assert ours == DEFAULT_FORMULAS.find(call.op).formula(call)
    two = lambda x, *_: (torch.empty_like(x),) * 2
    ours = counted(f"apex::fused_rms_norm_affine_fwd{APEX_RMS}", two, of(3, 8), of(8), [8], 1e-5)
    assert ours.flops == (3 + 1) * 24 + 2 * 3
    assert cost_of("apex::fused_layer_norm_fwd", (3, 8), input=meta(3, 8), normalized_shape=[8]).flops == 5 * 24 + 6
    g = {"grad_output": meta(3, 8)}
    weights = {"weight": meta(8), "bias": meta(8)}
    assert cost_of("apex::fused_layer_norm_affine_bwd", (3, 8), **g, **weights).flops == 13 * 24
    assert cost_of("apex::fused_layer_norm_bwd", (3, 8), **g).flops == 9 * 24
    assert cost_of("apex::fused_rms_norm_affine_bwd", (3, 8), **g, weight=meta(8)).flops == 9 * 24
    assert cost_of("apex::fused_rms_norm_bwd", (3, 8), **g).flops == 6 * 24
    half = cost_of("apex::fused_layer_norm_affine_bwd", (3, 8), **g, weight=meta(8), bias=None)
    assert half.flops == (9 + 1 + 2) * 24
    wide = {"input": meta(2, 3, 8), "normalized_shape": [3, 8]}
    assert cost_of("apex::fused_rms_norm_fwd", (2, 3, 8), **wide).flops == 3 * 48 + 2 * 2


def by_place(*values):
    return {f"_{place}": value for place, value in enumerate(values)}


def test_the_operators_of_transformer_engine():
    empty = meta(0)
    rest = (empty, 0, 0)
    arguments = (meta(6, 4), *rest, True, meta(5, 4), *rest, False, meta(5, 6), empty, 0, empty, meta(6), 0, empty)
    cost = cost_of("tex_ts::te_gemm_ts", (5, 6), **by_place(*arguments))
    assert (cost.macs, cost.flops - 2 * cost.macs) == (5 * 6 * 4, 30)
    turned = (meta(4, 6), *rest, False, *arguments[5:14], empty, 0, meta(5, 6))
    cost = cost_of("tex_ts::te_gemm_ts", (5, 6), **by_place(*turned))
    assert (cost.macs, cost.flops - 2 * cost.macs) == (5 * 6 * 4, 30 * 8)
    assert cost_of("tex_ts::te_gemm_ts", **by_place(*arguments[:11])).macs == 120
    plain = (*arguments[:14], meta(0), 0, meta(0), 0)
    assert cost_of("tex_ts::te_gemm_ts", (5, 6), **by_place(*plain)).flops == 240
    one = (*arguments[:14], meta(1), 0, meta(1))
    assert cost_of("tex_ts::te_gemm_ts", (5, 6), **by_place(*one)).flops == 240 + 30 * (1 + 8)
    norm = by_place(meta(3, 8), meta(8), meta(8), 1e-5)
    assert cost_of("tex_ts::layernorm_fwd_inf_ts", (3, 8), **norm).flops == 7 * 24 + 2 * 3
    assert cost_of("tex_ts::rmsnorm_fwd_inf_ts", (3, 8), **norm).flops == 4 * 24 + 2 * 3
    each = {"gelu": 8, "qgelu": 3, "relu": 1, "srelu": 2, "silu": 2}
    for name, operations in each.items():
        assert cost_of(f"tex_ts::{name}_ts", (3, 8), **by_place(meta(3, 8))).flops == 24 * operations
    for name, operations in {"geglu": 8 + 1, "reglu": 1 + 1, "swiglu": 2 + 1, "qgeglu": 3 + 1}.items():
        assert cost_of(f"tex_ts::{name}_ts", (3, 4), **by_place(meta(3, 8))).flops == 12 * operations
    assert cost_of("tex_ts::cast_to_fp8_ts", (3, 8), **by_place(meta(3, 8))).flops == 24
    assert cost_of("te_moe::unpermute_mask_map_fwd", (3, 8), inp=meta(6, 8), merging_probs=meta(3, 2)).flops == 2 * 48
    assert cost_of("te_moe::unpermute_mask_map_fwd", (3, 8), inp=meta(6, 8), merging_probs=None).flops == 48
    assert cost_of("te_moe::unpermute_index_map_fwd", (3, 8), inp=meta(6, 8), probs=meta(3, 2)).flops == 2 * 48
    assert cost_of("te_moe::unpermute_index_map_fwd", (3, 8), inp=meta(6, 8), probs=meta(0)).flops == 48
    assert cost_of("te_moe::unpermute_index_map_fwd", (1, 8), inp=meta(1, 8), probs=meta(1)).flops == 2 * 8
    assert DEFAULT_FORMULAS.find("te_moe::permute_mask_map_fwd").kind == "free"


def test_the_report_of_a_model_that_calls_such_an_operator_is_complete():
    op = operator(f"flash_attn::_flash_attn_forward{FLASH}", SAME)

    class Attends(torch.nn.Module):
        def forward(self, x):
            return op(x, x, x, 0.0, 1.0, True, -1, -1, 0.0, None, False)[0]

    report = archscope.analyze(Attends(), torch.rand(1, 5, 2, 8))
    assert report.totals.macs == 2 * 5 * 5 * 16
    assert report.totals.complete
