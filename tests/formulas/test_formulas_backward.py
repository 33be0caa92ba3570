"""Backward formulas against naive code on numbers that count what is done to them, its values against autograd."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as torch's own documentation has it
from hypothesis import given, settings
from hypothesis import strategies as st
from opcalls import cost_of, made, meta, record

from archscope.formulas import DEFAULT_FORMULAS
from archscope.models.deform import deform_conv2d

done = [0]


class Number:
    """A number that counts its operations: each arithmetic operation, comparison and function is one."""

    def __init__(self, value):
        self.value = float(value)

    def _new(self, value):
        done[0] += 1
        return Number(value)

    def __add__(self, other):
        return self._new(self.value + read(other))

    def __sub__(self, other):
        return self._new(self.value - read(other))

    def __rsub__(self, other):
        return self._new(read(other) - self.value)

    def __mul__(self, other):
        return self._new(self.value * read(other))

    def __truediv__(self, other):
        return self._new(self.value / read(other))

    __radd__, __rmul__ = __add__, __mul__

    def call(self, function):
        return self._new(function(self.value))

    def select(self, choose, yes, no):
        """``yes`` or ``no`` by a comparison of this number: one operation."""
        done[0] += 1
        return Number(read(yes) if choose(self.value) else read(no))


def read(number):
    return number.value if isinstance(number, Number) else number


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def gelu(g, x, _y):
    cdf = 0.5 * (1 + (x / math.sqrt(2)).call(math.erf))
    pdf = (x * x * -0.5).call(math.exp) * (1 / math.sqrt(2 * math.pi))
    return g * (cdf + x * pdf)


def gelu_tanh(g, x, _y):
    k, c = math.sqrt(2 / math.pi), 0.044715
    square = x * x
    inner = k * (x + c * (square * x))
    t = inner.call(math.tanh)
    right = 1 + t
    slope = k * (1 + 3 * c * square)
    return g * ((0.5 * right) + (0.5 * x) * (1 - t * t) * slope)


def silu(g, x, _y):
    s = x.call(sigmoid)
    return g * s * (1 + x * (1 - s))


def elu(g, x, _y):
    return x.select(lambda v: v > 0, g, (g * 1.0) * x.call(math.exp))


def softplus(g, x, _y):
    z = (x * 1.0).call(math.exp)
    return x.select(lambda v: v > 20, g, g * (z / (z + 1)))


def hardswish(g, x, _y):
    inner = g * (x / 3 + 0.5)
    return x.select(lambda v: v < -3, 0, x.select(lambda v: v <= 3, inner, g))


def between(x, low, high, inside, outside):
    return x.select(lambda v: v > low, x.select(lambda v: v < high, inside, outside), outside)


DERIVATIVES = {
    "relu": (torch.relu, lambda g, x, _y: x.select(lambda v: v > 0, g, 0)),
    "leaky_relu": (lambda x: F.leaky_relu(x, 0.1), lambda g, x, _y: g * x.select(lambda v: v > 0, 1, 0.1)),
    "hardtanh": (F.hardtanh, lambda g, x, _y: between(x, -1, 1, g, 0)),
    "sigmoid": (torch.sigmoid, lambda g, _x, y: g * (1 - y) * y),
    "tanh": (torch.tanh, lambda g, _x, y: g * (1 - y * y)),
    "hardsigmoid": (F.hardsigmoid, lambda g, x, _y: between(x, -3, 3, g * (1 / 6), 0)),
    "gelu": (F.gelu, gelu),
    "gelu, tanh form": (lambda x: F.gelu(x, approximate="tanh"), gelu_tanh),
    "silu": (F.silu, silu),
    "elu": (F.elu, elu),
    "hardswish": (F.hardswish, hardswish),
    "threshold": (lambda x: F.threshold(x, 0.1, 20), lambda g, x, _y: x.select(lambda v: v > 0.1, g, 0)),
    "softplus": (F.softplus, softplus),
}


def backward_calls(function, *tensors):
    """The operators of the backward pass of ``function`` from a given gradient, and the gradients."""
    output = function(*tensors)
    gradient = torch.linspace(0.5, 1.5, output.numel(), dtype=output.dtype).reshape(output.shape)
    found = []
    calls = record(lambda: found.extend(torch.autograd.grad(output, tensors, gradient)))
    return gradient, output, found, [call for call in calls if DEFAULT_FORMULAS.find(call.op).kind == "counted"]


@pytest.mark.parametrize("name", DERIVATIVES)
def test_the_derivative_of_an_activation_costs_what_its_naive_form_does(name):
    function, naive = DERIVATIVES[name]
    x = torch.tensor([-4.0, -0.7, 0.3, 2.5], dtype=torch.float64, requires_grad=True)
    gradient, output, (found,), calls = backward_calls(function, x)
    done[0] = 0
    values = [
        naive(*map(Number, entry)).value for entry in zip(gradient.tolist(), x.tolist(), output.tolist(), strict=True)
    ]
    assert values == pytest.approx(found.tolist())
    assert sum(DEFAULT_FORMULAS.find(call.op).formula(call).flops for call in calls) == done[0]


def smooth_l1(g, x, t, beta=0.5):
    error = x - t
    return g * error.select(lambda v: abs(v) < beta, error / beta, math.copysign(1, error.value))


def huber(g, x, t, delta=0.5):
    error = x - t
    return g * error.select(lambda v: v < -delta, -delta, error.select(lambda v: v > delta, delta, error))


LOSSES = {
    "mse": (F.mse_loss, lambda g, x, t: 2 * g * (x - t)),
    "smooth l1": (lambda x, t, **options: F.smooth_l1_loss(x, t, beta=0.5, **options), smooth_l1),
    "huber": (lambda x, t, **options: F.huber_loss(x, t, delta=0.5, **options), huber),
    "binary cross entropy": (F.binary_cross_entropy, lambda g, x, t: g * (x - t) / ((1 - x) * x)),
}


@pytest.mark.parametrize("name", LOSSES)
def test_the_derivative_of_a_loss_costs_what_its_naive_form_does(name):
    function, naive = LOSSES[name]
    x = torch.tensor([0.1, 0.4, 0.5, 0.95], dtype=torch.float64, requires_grad=True)
    target = torch.tensor([0.8, 0.3, 0.9, 0.2], dtype=torch.float64)
    gradient, _, (found,), (call,) = backward_calls(lambda x: function(x, target, reduction="none"), x)
    done[0] = 0
    values = [naive(*map(Number, entry)).value for entry in zip(gradient.tolist(), x.tolist(), target, strict=True)]
    assert values == pytest.approx(found.tolist())
    assert DEFAULT_FORMULAS.find(call.op).formula(call).flops == done[0]


def test_the_gradient_of_dropout_is_masked_and_scaled():
    calls = backward_calls(lambda x: torch.native_dropout(x, 0.5, train=True)[0], torch.rand(5, requires_grad=True))[3]
    assert sum(DEFAULT_FORMULAS.find(call.op).formula(call).flops for call in calls) == 2 * 5


def test_the_gradient_of_a_pool_whose_window_is_one_number_is_that_of_a_square_or_cube():
    flat = {"grad_output": meta(1, 2, 2, 2), "kernel_size": [3]}
    assert cost_of("aten::avg_pool2d_backward", (1, 2, 6, 6), **flat).flops == 8 * (9 + 1)
    oblong = {"grad_output": meta(1, 2, 2, 2), "kernel_size": [3, 2]}
    assert cost_of("aten::avg_pool2d_backward", (1, 2, 6, 4), **oblong).flops == 8 * (6 + 1)
    deep = {"grad_output": meta(1, 1, 2, 2, 2), "kernel_size": [2]}
    assert cost_of("aten::avg_pool3d_backward", (1, 1, 4, 4, 4), **deep).flops == 8 * (8 + 1)


def softmax_backward(g, y):
    total = sum((a * b for a, b in zip(g, y, strict=True)), 0.0)
    return [a * b - b * total for a, b in zip(g, y, strict=True)]


def log_softmax_backward(g, y):
    total = sum(g, 0.0)
    return [a - b.call(math.exp) * total for a, b in zip(g, y, strict=True)]


@pytest.mark.parametrize(
    ("function", "naive", "kept"),
    [(torch.softmax, softmax_backward, 1), (torch.log_softmax, log_softmax_backward, 0)],
)
def test_the_derivative_of_a_softmax_costs_what_its_naive_form_does(function, naive, kept):
    """Textbook: g y, its sum, the product with y, the difference; a product that is used twice is made once."""
    x = torch.tensor([0.1, -0.7, 0.3, 2.5], dtype=torch.float64, requires_grad=True)
    gradient, output, (found,), (call,) = backward_calls(lambda x: function(x, 0), x)
    done[0] = 0
    values = [n.value for n in naive([*map(Number, gradient.tolist())], [*map(Number, output.tolist())])]
    assert values == pytest.approx(found.tolist())
    assert DEFAULT_FORMULAS.find(call.op).formula(call).flops == done[0] - kept * len(values)


small = st.integers(1, 2)


@settings(max_examples=15, deadline=None)
@given(batch=small, groups=small, per_group=small, out=small, masked=st.booleans(), biased=st.booleans())
def test_the_gradients_of_a_deformable_convolution_cost_what_their_naive_loop_does(
    batch, groups, per_group, out, masked, biased
):
    height, width, kernel, channels, outs = 3, 4, 2, groups * per_group, groups * out
    size = (height - kernel + 1, width - kernel + 1)
    generator = torch.Generator().manual_seed(batch + 2 * groups + 4 * per_group + 8 * out)

    def random(*shape):
        return torch.rand(shape, generator=generator, dtype=torch.float64, requires_grad=True)

    x, weight = random(batch, channels, height, width), random(outs, per_group, kernel, kernel)
    offset, mask = random(batch, 2 * kernel**2, *size), random(batch, kernel**2, *size) if masked else None
    bias = random(outs) if biased else None
    tensors = [tensor for tensor in (x, weight, offset, mask, bias) if tensor is not None]
    output = deform_conv2d(x, offset, weight, bias, mask=mask)
    gradient = torch.rand(output.shape, generator=generator, dtype=torch.float64)
    found = []
    calls = record(lambda: found.extend(torch.autograd.grad(output, tensors, gradient)))
    (call,) = [c for c in calls if c.op == "archscope::_deform_conv2d_backward"]
    macs, naive = naive_gradients(x, weight, offset, mask, bias, gradient, per_group)
    cost = DEFAULT_FORMULAS.find(call.op).formula(call)
    assert (cost.macs, cost.flops - 2 * cost.macs) == (macs, done[0])
    for ours, theirs in zip(found, naive, strict=True):
        torch.testing.assert_close(ours, theirs)


def naive_gradients(x, weight, offset, mask, bias, gradient, per_group):
    """One sampled value at a time; the positions of the corners are no arithmetic of the values."""
    x, weight, offset = x.detach(), weight.detach(), offset.detach()
    mask = mask.detach() if mask is not None else None
    done[0] = macs = 0
    _, _, kernel, _ = weight.shape
    outs = weight.shape[0] // (x.shape[1] // per_group)
    result = [torch.zeros_like(tensor) for tensor in (x, weight, offset)]
    of_x, of_weight, of_offset = result
    of_mask = torch.zeros_like(mask) if mask is not None else None
    places = itertools.product(*map(range, (x.shape[0], x.shape[1], kernel * kernel, *gradient.shape[2:])))
    for n, c, t, i, j in places:
        row, column = divmod(t, kernel)
        y, z = i + row + float(offset[n, 2 * t, i, j]), j + column + float(offset[n, 2 * t + 1, i, j])
        top, left = math.floor(y), math.floor(z)
        down, right = y - top, z - left
        corners = [(top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)]
        shares = [(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right]
        values = [Number(x[n, c, a, b]) if a < x.shape[2] and b < x.shape[3] else Number(0) for a, b in corners]
        first, *others = (value * share for value, share in zip(values, shares, strict=True))
        sample = sum(others, first)
        scale = float(mask[n, t, i, j]) if mask is not None else None
        column_value = sample * scale if mask is not None else sample
        of_column = 0.0
        for o in range(outs):
            index = c // per_group * outs + o
            place = (index, c % per_group, row, column)
            of_column += float(weight[place]) * float(gradient[n, index, i, j])
            of_weight[place] += float(gradient[n, index, i, j]) * column_value.value
            macs += 2
        of_column = Number(of_column)
        if mask is not None:
            of_mask[n, t, i, j] = (Number(of_mask[n, t, i, j]) + of_column * sample).value
        of_sample = of_column * scale if mask is not None else of_column
        for (a, b), share in zip(corners, shares, strict=True):
            sum_ = Number(of_x[n, c, a, b] if a < x.shape[2] and b < x.shape[3] else 0) + of_sample * share
            if a < x.shape[2] and b < x.shape[3]:
                of_x[n, c, a, b] = sum_.value
        a, b, c_, d = values
        of_y = of_sample * ((c_ - a) * (1 - right) + (d - b) * right)
        of_z = of_sample * ((b - a) * (1 - down) + (d - c_) * down)
        of_offset[n, 2 * t, i, j] = (Number(of_offset[n, 2 * t, i, j]) + of_y).value
        of_offset[n, 2 * t + 1, i, j] = (Number(of_offset[n, 2 * t + 1, i, j]) + of_z).value
    if mask is not None:
        result.append(of_mask)
    if bias is not None:
        result.append(gradient.sum((0, 2, 3)))
        done[0] += gradient.numel()
    return macs, result


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("groups", [1, 2])
def test_each_gradient_of_a_convolution_costs_as_many_macs_as_the_convolution(transposed, groups):
    function = F.conv_transpose2d if transposed else F.conv2d
    x = torch.rand(2, 4, 5, 6, requires_grad=True)
    weight = torch.rand((4, 6 // groups, 3, 2) if transposed else (6, 4 // groups, 3, 2), requires_grad=True)
    forward = record(function, x, weight, None, 2, 1, groups=groups)[-1]
    macs = DEFAULT_FORMULAS.find(forward.op).formula(forward).macs
    _, _, _, (call,) = backward_calls(lambda x, w: function(x, w, None, 2, 1, groups=groups), x, weight)
    assert DEFAULT_FORMULAS.find(call.op).formula(call).macs == 2 * macs
    _, _, _, (call,) = backward_calls(lambda w: function(x.detach(), w, None, 2, 1, groups=groups), weight)
    assert DEFAULT_FORMULAS.find(call.op).formula(call).macs == macs


def test_the_bias_of_a_convolution_is_summed_over_the_outputs_gradient():
    tensors = [torch.rand(s, requires_grad=True) for s in ((2, 4, 5, 6), (6, 4, 3, 3), (6,))]
    _, output, _, (call,) = backward_calls(F.conv2d, *tensors)
    cost = DEFAULT_FORMULAS.find(call.op).formula(call)
    assert cost.flops - 2 * cost.macs == output.numel() == 2 * 6 * 3 * 4


@pytest.mark.parametrize(
    ("training", "weighted", "each"),
    # sum of g 1, x_hat 2, its product with g summed 2, and 4 to put them together; in eval only the scale is left
    [(True, 2, 9), (False, 2, 1 + 5), (False, 1, 1 + 5), (False, 0, 1)],
)
def test_the_gradients_of_a_batch_norm_by_element(training, weighted, each):
    x = torch.rand(2, 3, 4, 5, requires_grad=True)
    parts = [torch.ones(3, requires_grad=True), torch.zeros(3, requires_grad=True)][:weighted]
    mean, variance = torch.zeros(3), torch.ones(3)

    def norm(x, weight=None, bias=None):
        return F.batch_norm(x, mean, variance, weight, bias, training=training)

    calls = backward_calls(norm, x, *parts)[3]
    cost = sum(DEFAULT_FORMULAS.find(call.op).formula(call).flops for call in calls)
    assert cost == each * x.numel()


@pytest.mark.parametrize(
    ("function", "shape", "expected"),
    [
        (lambda x: F.max_pool2d(x, 2), (1, 2, 6, 6), 2 * 3 * 3),  # one add for each of 18 outputs
        (lambda x: F.avg_pool2d(x, 3), (1, 2, 6, 6), 2 * 2 * 2 * (1 + 9)),  # a division and 9 adds for each of 8
        (lambda x: F.adaptive_avg_pool2d(x, 2), (1, 1, 4, 4), 4 + 16),  # 4 divisions, 16 adds
        (lambda x: F.interpolate(x, scale_factor=2.0), (1, 1, 2, 3), 24),  # each of 24 outputs is added to its source
        (lambda x: F.interpolate(x, scale_factor=2.0, mode="bilinear"), (1, 1, 2, 3), 24 * 8),  # 4 shares of each
        (lambda x: F.layer_norm(x, [6], torch.ones(6), torch.zeros(6)), (2, 6), 10 * 12),  # of the input alone
        (lambda x: F.group_norm(x, 2, torch.ones(4), torch.zeros(4)), (2, 4, 3), 10 * 24),
    ],
)
def test_other_gradients_by_hand(function, shape, expected):
    calls = backward_calls(function, torch.rand(shape, requires_grad=True))[3]
    assert sum(DEFAULT_FORMULAS.find(call.op).formula(call).flops for call in calls) == expected


def test_the_gradients_of_an_embedding_and_of_a_class_loss_by_hand():
    words = torch.tensor([[1, 2, 1]])
    calls = backward_calls(lambda table: F.embedding(words, table), torch.rand(5, 4, requires_grad=True))[3]
    assert sum(DEFAULT_FORMULAS.find(call.op).formula(call).flops for call in calls) == 3 * 4
    calls = backward_calls(lambda x: F.nll_loss(x, torch.tensor([0, 2])), torch.rand(2, 3, requires_grad=True))[3]
    assert sum(DEFAULT_FORMULAS.find(call.op).formula(call).flops for call in calls) == 2


def test_fused_attention_backward_is_five_products_by_torchs_count():
    from torch.utils.flop_counter import sdpa_backward_flop_count

    query, keys, values = meta(2, 3, 5, 8), meta(2, 3, 7, 8), meta(2, 3, 7, 6)
    arguments = {"query": query, "key": keys, "value": values, "grad_out": meta(2, 3, 5, 6)}
    op = "aten::_scaled_dot_product_flash_attention_for_cpu_backward"
    cost = cost_of(op, query.shape, keys.shape, values.shape, **arguments)
    macs, weights, outputs = cost.macs, 2 * 3 * 5 * 7, 2 * 3 * 5 * 6
    # the scale, exp(score - kept logarithm), weight x (gradient - D), the scale; D: gradient x output, summed
    assert cost.flops - 2 * macs == (1 + 2 + 2 + 1) * weights + 2 * outputs
    masked = cost_of(op, query.shape, keys.shape, values.shape, **arguments, is_causal=True)
    dropped = cost_of(op, query.shape, keys.shape, values.shape, **arguments, attn_bias=meta(5, 7), dropout_p=0.1)
    assert (masked.flops - cost.flops, dropped.flops - cost.flops) == (weights, 7 * weights)
    assert 2 * macs == sdpa_backward_flop_count((2, 3, 5, 6), query.shape, keys.shape, values.shape)
    assert made(op, query.shape).op in {rule.op for rule in DEFAULT_FORMULAS}
