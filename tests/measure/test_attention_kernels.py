"""Attention is measured as the kernel that CPU and GPU run: every variant has the same figures on meta and the CPU."""

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
        heads = (self.heads, self.groups, self.groups)
        q, k, v = (t.unflatten(-1, (n, -1)).transpose(1, 2) for t, n in zip((q, k, v), heads, strict=True))
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


class Decodes(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerDecoderLayer(32, 4, 64, batch_first=True)

    def forward(self, x):
        return self.layer(x, x[:, :40], tgt_mask=nn.Transformer.generate_square_subsequent_mask(64))


def triangle(size):
    return torch.ones(size, size, dtype=torch.bool).tril()


X = (2, 64, 32)
VARIANTS = {
    "plain": Attends,
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
    "decoder layer": Decodes,
    "flex attention": Flexes,
}


def figures(seen, *, training):
    from archscope.formulas import DEFAULT_FORMULAS
    from archscope.measure.summing.training import training_figures

    if training:
        return training_figures(seen, DEFAULT_FORMULAS, "sgd")[0]
    return archscope.analyze(seen).totals


def in_dtype(model, dtype):
    """The model with its weights and its floating mask in ``dtype``."""
    mask = getattr(model.to(dtype), "mask", None)
    if isinstance(mask, torch.Tensor) and mask.is_floating_point() and not isinstance(mask, nn.Parameter):
        model.mask = mask.to(dtype)
    return model


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_has_the_same_figures_on_meta_and_on_the_cpu(name, dtype, training):
    if name == "flex attention" and training:
        pytest.skip("torch differentiates flex attention on a GPU alone")
    model = in_dtype(VARIANTS[name](), dtype)
    x = archscope.Inputs(args=(torch.rand(X, dtype=dtype),))
    devices = ("", "cpu") if name == "flex attention" else ("meta", "cpu")  # torch refuses it on meta
    meta, cpu = (archscope.trace(model, x, device=device, training=training) for device in devices)
    assert [call.op for call in meta.calls] == [call.op for call in cpu.calls]
    if "layer" in name and dtype is torch.bfloat16:
        return  # on the CPU a layer norm keeps its statistics in bfloat16, on meta and on a GPU in float32
    assert figures(meta, training=training) == figures(cpu, training=training)


# What the CPU's own rule says, by torch itself: 1 is flash, 0 taken apart.
SIZES = st.sampled_from([1, 2, 4])


@st.composite
def calls(draw):
    """Arguments of attention, on the CPU, some of them such as no kernel wants."""
    batch, heads, groups, length, source = (draw(SIZES) for _ in range(5))
    e, dtype = draw(st.sampled_from([4, 8])), draw(st.sampled_from([torch.float32, torch.float64, torch.bfloat16]))
    ev = draw(st.sampled_from([e, e, 16]))
    gqa = heads % groups == 0 and draw(st.booleans())
    groups = groups if gqa else heads
    q, k, v = (
        torch.zeros(batch, n, size, f, dtype=dtype)
        for n, size, f in ((heads, length, e), (groups, source, e), (groups, source, ev))
    )
    if draw(st.booleans()):
        q, k, v = (t.transpose(1, 2).contiguous().transpose(1, 2) for t in (q, k, v))
    if draw(st.sampled_from([False, False, True])):
        q = q.mT.contiguous().mT
    shape = draw(st.sampled_from([None, (length, source), (batch, 1, 1, source), (heads, length, source), (source,)]))
    mask = None
    if shape is not None:
        mask = torch.zeros(shape, dtype=draw(st.sampled_from([torch.bool, dtype])))
        if mask.is_floating_point():
            mask.requires_grad_(draw(st.booleans()))
    dropout = draw(st.sampled_from([0.0, 0.0, 0.5]))
    causal = mask is None and draw(st.booleans())
    return {"q": q, "k": k, "v": v, "mask": mask, "dropout": dropout, "causal": causal, "gqa": gqa}


@settings(max_examples=300, deadline=None)
@given(call=calls())
def test_the_rule_takes_flash_exactly_where_torch_takes_it_on_the_cpu(call):
    if call["mask"] is not None and call["mask"].dim() == 1:
        return  # torch's own rule fails on it
    tensors = call["q"], call["k"], call["v"]
    ours = fused_kernel(*tensors, call["mask"], call["dropout"], is_causal=call["causal"], enable_gqa=call["gqa"])
    theirs = torch._fused_sdp_choice(*tensors, call["mask"], call["dropout"], call["causal"], enable_gqa=call["gqa"])
    flash_of_a_gpu = call["dropout"] > 0
    assert (ours is FLASH) == (theirs == SDPBackend.FLASH_ATTENTION.value) or flash_of_a_gpu
    if ours is FLASH and call["dropout"]:
        assert call["q"].dtype is torch.bfloat16
        unaligned = call["q"].shape[3] * 2 % 16 != 0  # bytes: no memory-efficient kernel takes it, flash pads it
        assert unaligned or call["q"].shape[1] != call["k"].shape[1]


@pytest.mark.parametrize(
    ("call", "kernel"),
    [
        ({}, FLASH),
        ({"is_causal": True}, FLASH),
        ({"dropout_p": 0.1}, EFFICIENT),
        ({"dropout_p": 0.1, "dtype": torch.float64}, None),  # no GPU fuses float64
        ({"ev": 24}, EFFICIENT),
        ({"ev": 6}, None),  # rows of 24 bytes are aligned for no GPU
        ({"mask": torch.zeros(4, 8, 8)}, EFFICIENT),
        ({"mask": torch.zeros(8, 8, requires_grad=True)}, EFFICIENT),
        ({"mask": torch.zeros(8, 8), "is_causal": True}, None),  # torch refuses it
        ({"dims": 3}, None),
    ],
)
def test_the_rule_by_hand(call, kernel):
    dtype = call.get("dtype", torch.float32)
    q = torch.zeros((2, 4, 8, 16)[4 - call.get("dims", 4) :], dtype=dtype)
    v = torch.zeros((*q.shape[:-1], call.get("ev", 16)), dtype=dtype)
    mask, causal = call.get("mask"), call.get("is_causal", False)
    found = fused_kernel(q, q, v, mask, call.get("dropout_p", 0.0), is_causal=causal, enable_gqa=False)
    assert found is kernel


def by_hand(batch, heads, length, e):
    """Bytes of the fused form in float32: Q, K and V in one, the output, the logarithm kept for each query."""
    return 4 * batch * length * heads * (3 * e + e + 1)


class Causal(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(64, 192, bias=False)

    def forward(self, x):
        q, k, v = (t.unflatten(-1, (4, 16)).transpose(1, 2) for t in self.qkv(x).chunk(3, -1))
        return attention(q, k, v, is_causal=True)


@pytest.mark.parametrize("length", [64, 256, 1024])
def test_memory_grows_with_the_length_and_not_with_its_square(length):
    model, x = Causal(), torch.rand(1, length, 64)
    totals = archscope.analyze(model, x, training="sgd").totals
    assert totals.peak_activation_bytes == totals.training.saved_activation_bytes == by_hand(1, 4, length, 16)
    saved = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    given = {t.untyped_storage().data_ptr() for t in (x, model.qkv.weight)}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(x)
    assert totals.training.saved_activation_bytes == sum(n for at, n in saved.items() if at not in given)


def test_its_gradient_takes_five_products():
    training = archscope.analyze(Causal(), torch.rand(1, 64, 64), training="sgd").totals.training
    product, projection = 4 * 64 * 64 * 16, 64 * 64 * 192
    assert training.forward_macs == projection + 2 * product
    assert training.backward_macs == projection + 5 * product  # the input takes no gradient


def test_weights_that_the_model_asks_for_are_allocated():
    wanted, fused = (archscope.analyze(Weighs(weights=weights), torch.rand(X)).totals for weights in (True, False))
    scores = 2 * 4 * 64 * 64
    assert wanted.macs == fused.macs
    assert wanted.peak_activation_bytes >= 2 * 4 * scores > fused.peak_activation_bytes


def test_a_choice_of_the_model_stands_and_one_of_the_caller_does_not():
    plain, own = (archscope.analyze(model(), torch.rand(X)) for model in (Attends, Chooses))
    assert "aten::_safe_softmax" in {row.op for row in own.operators}
    with sdpa_kernel(SDPBackend.MATH):
        assert archscope.analyze(Attends(), torch.rand(X)).totals == plain.totals
        assert not torch.backends.cuda.flash_sdp_enabled()
    assert torch.backends.cuda.flash_sdp_enabled()


def test_inference_mode_inside_a_model_changes_nothing():
    class Inside(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Attends(is_causal=True)

        @torch.inference_mode()
        def forward(self, x):
            return self.inner(x)

    for device in ("meta", "cpu"):
        seen = archscope.analyze(archscope.trace(Inside(), torch.rand(X), device=device))
        assert (
            seen.totals.peak_activation_bytes
            == archscope.analyze(Attends(is_causal=True), torch.rand(X)).totals.peak_activation_bytes
        )


def test_quick_totals_count_the_same_kernel():
    spec = ModelSpec(name="causal", source="", build=Causal)
    x = torch.rand(1, 64, 64)
    quick, whole = quick_totals(spec, x), archscope.analyze(spec, x).totals
    assert (quick.macs, quick.flops, quick.complete) == (whole.macs, whole.flops, True)


def test_attention_is_its_own_again_after_a_run_and_in_other_threads_during_one():
    def bare():
        q = torch.empty(1, 4, 8, 16, device="meta")
        with Names() as names:
            attention(q, q, q)
        return names.seen

    class Names(torch.utils._python_dispatch.TorchDispatchMode):
        def __init__(self):
            super().__init__()
            self.seen = []

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            self.seen.append(str(func))
            return func(*args, **(kwargs or {}))

    before, during = bare(), []

    class Meanwhile(nn.Module):
        def forward(self, x):
            other = threading.Thread(target=lambda: during.append(bare()))
            other.start()
            other.join()
            return attention(x, x, x)

    archscope.trace(Meanwhile(), torch.empty(1, 4, 8, 16, device="meta"), device="meta")
    assert before == during[0] == bare()
    assert "aten.bmm.default" in before


def test_the_cpu_gives_the_values_of_a_kernel_that_only_a_gpu_has():
    torch.manual_seed(0)
    mask = torch.rand(2, 4, 8, 12, requires_grad=True)
    q, k, v = (torch.rand(2, 4, n, e, requires_grad=True) for n, e in ((8, 16), (12, 16), (12, 8)))
    truth = attention(q, k, v, attn_mask=mask)
    expected = torch.autograd.grad(truth.square().sum(), (q, k, v, mask))
    found = []

    class Given(nn.Module):
        def forward(self, _x):
            y = attention(q, k, v, attn_mask=mask)
            found.append(y.detach().clone())
            return y.square().sum(), *torch.autograd.grad(y.square().sum(), (q, k, v, mask), retain_graph=True)

    class Keeps(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Given()

        def forward(self, x):
            found.extend(self.inner(x)[1:])
            return x

    kept = []

    class Copies(Keeps):
        def forward(self, x):
            super().forward(x)
            kept.extend(tensor.detach().numpy().copy() for tensor in found)
            return x

    seen = archscope.trace(Copies(), torch.rand(1), device="cpu", training=True)
    assert "aten::_scaled_dot_product_efficient_attention" in {call.op for call in seen.calls}
    assert not found  # a list of the model's code comes back without what the run left there
    found = [torch.from_numpy(array) for array in kept]
    torch.testing.assert_close(found[0], truth.detach())
    torch.testing.assert_close(found[1:], [*expected])
    assert math.isfinite(float(found[0].sum()))
