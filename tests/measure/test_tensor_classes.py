"""Tensors of users' own classes: what their classes really run is counted, and what hangs on them stays there."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention.bias import causal_lower_right, causal_upper_left
from torch.utils import _pytree as pytree

import archscope

ONE = 4 * 8 * 8


class Wrapped(torch.Tensor):
    """A tensor around another, which runs every operator on that one."""

    @staticmethod
    def __new__(cls, inner):
        made = torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype, device=inner.device)
        made.inner = inner
        return made

    def __init__(self, inner):
        pass

    def __tensor_flatten__(self):
        return ["inner"], None

    @classmethod
    def __tensor_unflatten__(cls, parts, _context, _size, _stride):
        return cls(parts["inner"])

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        bare = pytree.tree_map_only(Wrapped, lambda tensor: tensor.inner, (args, kwargs or {}))
        return pytree.tree_map_only(torch.Tensor, cls, cls.run(func, *bare))

    @classmethod
    def run(cls, func, args, kwargs):
        return func(*args, **kwargs)


class Twice(Wrapped):
    """Multiplies twice where once was asked for."""

    @classmethod
    def run(cls, func, args, kwargs):
        made = func(*args, **kwargs)
        return func(made, args[1]) if func is torch.ops.aten.mm.default else made


class Quantised(Wrapped):
    """Multiplies by whole numbers that it scales first."""

    @classmethod
    def run(cls, func, args, kwargs):
        if func is torch.ops.aten.mm.default:
            args = (args[0], args[1] * 0.5)
        return func(*args, **kwargs)


class Net(nn.Module):
    def __init__(self, work, kind=None):
        super().__init__()
        self.layer = nn.Linear(8, 8, bias=False)
        if kind is not None:
            self.layer.weight = nn.Parameter(kind(self.layer.weight.detach()), requires_grad=False)
        self.work = work

    def forward(self, x):
        return self.work(self, x)


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize(("kind", "times", "further"), [(Wrapped, 1, 0), (Twice, 2, 0), (Quantised, 1, 64)])
def test_an_operator_on_a_class_of_its_own_costs_what_that_class_runs(kind, times, further, device):
    as_input = Net(lambda m, x: m.layer(kind(x)).inner)
    as_weight = Net(lambda m, x: m.layer(x), kind)
    for model in (as_input, as_weight):
        totals = archscope.analyze(archscope.trace(model, torch.rand(4, 8), device=device)).totals
        assert (totals.macs, totals.flops, totals.complete) == (times * ONE, 2 * times * ONE + further, True)


# How attention of 2 x 4 tokens of 8 features is called with a bias of torch's own class.
BIASED = {
    "square": (lambda m, q: functional.scaled_dot_product_attention(q, q, q, attn_mask=causal_upper_left(4, 4)), 4),
    "square, from below": (
        lambda m, q: functional.scaled_dot_product_attention(q, q, q, attn_mask=causal_lower_right(4, 4)),
        4,
    ),
    "oblong": (
        lambda m, q: functional.scaled_dot_product_attention(q[:, :, :3], q, q, attn_mask=causal_lower_right(3, 4)),
        3,
    ),
    "held": (lambda m, q: functional.scaled_dot_product_attention(q, q, q, attn_mask=m.bias), 4),
}


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize("name", BIASED)
def test_a_causal_bias_is_made_and_kept(name, device):
    attend, queries = BIASED[name]
    model = Net(lambda m, x: attend(m, m.layer(x).view(1, 1, 4, 8)))
    model.bias = causal_lower_right(4, 4)
    totals = archscope.analyze(archscope.trace(model, torch.rand(4, 8), device=device)).totals
    assert (totals.macs, totals.complete) == (ONE + 2 * queries * 4 * 8, True)


def test_what_hangs_on_a_tensor_is_there_in_the_run():
    model = Net(lambda m, x: m.layer(x) * m.layer.weight.gain)
    model.layer.weight.gain = 3.0
    assert archscope.analyze(model, torch.rand(4, 8)).totals.flops == 2 * ONE + 32


# A call on lists of tensors of 4 x 8 and what it costs.
ON_LISTS = {
    "sums": (lambda m, x: torch._foreach_add([x, x[:2]], 1.0), 48, 0),
    "in place": (lambda m, x: (torch._foreach_mul_([x], 2.0), x)[1], 32, 0),
    "by numbers": (lambda m, x: torch._foreach_mul([x, x], [1.0, 2.0]), 64, 0),
    "a fused product": (lambda m, x: torch._foreach_addcmul([x], [x], [x], 0.5), 96, 0),
    "a function": (lambda m, x: torch._foreach_sqrt([x]), 32, 0),
    "zeros": (lambda m, x: (torch._foreach_zero_([x]), x)[1], 0, 0),
}


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize("name", ON_LISTS)
def test_an_operator_on_lists_costs_what_it_costs_on_each(name, device):
    work, flops, macs = ON_LISTS[name]
    totals = archscope.analyze(archscope.trace(Net(work), torch.rand(4, 8), device=device)).totals
    assert (totals.flops, totals.macs, totals.complete) == (flops, macs, True)


@pytest.mark.parametrize(
    "work",
    [
        lambda m, x: m.layer(x.clone().apply_(lambda value: value * 2)),
        lambda m, x: m.layer(x.clone().map_(x, lambda a, b: a * b)),
        lambda m, x: m.layer(x.clone().map2_(x, x, lambda a, b, c: a * b + c)),
    ],
)
def test_a_function_of_python_on_each_element_is_told(work):
    report = archscope.analyze(Net(work), torch.rand(4, 8))
    assert [row.kind for row in report.unseen] == ["python"]
    assert not report.totals.complete


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_lengths_that_torch_writes_down_itself_are_no_work_out_of_sight(reduction):
    def work(_model, x):
        targets = torch.ones(1, 2, dtype=torch.long, device=x.device)
        return functional.ctc_loss(x.view(4, 1, 8).log_softmax(-1), targets, (4,), (2,), reduction=reduction)

    assert archscope.analyze(Net(work), torch.rand(4, 8)).totals.complete
