"""Gradients of activations, losses, poolings, paddings, resamplings and layers against naive code that counts."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as torch's own documentation has it
from opcalls import cost_of, meta, record
from test_formulas_backward import Number, backward_calls, done, read, sigmoid

from archscope.formulas import DEFAULT_FORMULAS

A = torch.ops.aten


def flops(call):
    return DEFAULT_FORMULAS.find(call.op).formula(call).flops


def mish(g, x, _y):
    t, s = x.call(math.exp).call(math.log1p).call(math.tanh), x.call(sigmoid)
    return g * (t + x * s * (1 - t * t))


def log_sigmoid(g, x, _y):
    return g * Number(-x.value).call(sigmoid).counted()


def shrink(g, x, _y):
    return x.call(abs).select(lambda v: v > 0.5, g, 0)


def logit(g, x, _y):
    return g / (x * (1 - x))


def logit_with_bounds(g, x, _y):
    inner = logit(g, x, None)
    return x.select(lambda v: v < 0.1, 0, x.select(lambda v: v > 0.9, 0, inner))


class Counting(Number):
    """A number whose negation is counted too."""

    def counted(self):
        done[0] += 1
        return self


Number.counted = Counting.counted

DERIVATIVES = {
    "mish": (F.mish, mish),
    "log sigmoid": (F.logsigmoid, log_sigmoid),
    "hard shrink": (F.hardshrink, shrink),
    "soft shrink": (F.softshrink, shrink),
    "logit": (torch.logit, logit),
    "logit with eps": (lambda x: torch.logit(x, eps=0.1), logit_with_bounds),
    "rrelu in training": (lambda x: F.rrelu(x, 0.5, 0.5 + 1e-4, training=True), None),
    "rrelu": (lambda x: F.rrelu(x, 0.25, 0.75), lambda g, x, _y: g * x.select(lambda v: v > 0, 1, 0.5)),
}


@pytest.mark.parametrize("name", [name for name in DERIVATIVES if DERIVATIVES[name][1]])
def test_the_derivative_of_an_activation_costs_what_its_naive_form_does(name):
    function, naive = DERIVATIVES[name]
    values = [0.05, 0.3, 0.55, 0.95] if "logit" in name else [-4.0, -0.7, 0.3, 2.5]
    x = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    gradient, output, (found,), calls = backward_calls(function, x)
    done[0] = 0
    entries = zip(gradient.tolist(), x.tolist(), output.tolist(), strict=True)
    values = [read(naive(*map(Number, entry))) for entry in entries]
    assert values == pytest.approx(found.tolist())
    assert sum(map(flops, calls)) == done[0]


def test_a_randomised_slope_is_multiplied_once_in_training():
    function = DERIVATIVES["rrelu in training"][0]
    calls = backward_calls(function, torch.rand(6, requires_grad=True))[3]
    assert sum(map(flops, calls)) == 6


def test_the_derivative_of_a_gated_unit_costs_what_its_naive_form_does():
    x = torch.tensor([0.3, -1.2, 0.7, 2.0, -0.4, 0.1], dtype=torch.float64, requires_grad=True)
    gradient, _, (found,), (call,) = backward_calls(lambda x: F.glu(x, 0), x)
    done[0] = 0
    first, second = [], []
    for g, a, b in zip(gradient.tolist(), x.tolist()[:3], x.tolist()[3:], strict=True):
        s = Number(b).call(sigmoid)
        product = g * s
        first.append(product.value)
        second.append((product * a * (1 - s)).value)
    assert first + second == pytest.approx(found.tolist())
    assert flops(call) == done[0] == 5 * 3


def test_the_tangent_of_a_gated_unit_costs_what_its_naive_form_does():
    x, dx = torch.rand(6, dtype=torch.float64), torch.rand(6, dtype=torch.float64)
    y = F.glu(x, 0)
    (call,) = record(A.glu_jvp, y, x, dx, 0)
    done[0] = 0
    tangents = []
    for k in range(3):
        s, product = Number(x[k + 3]).call(sigmoid), Number(y[k])
        tangents.append((s * float(dx[k]) + product * (1 - s) * float(dx[k + 3])).value)
    assert tangents == pytest.approx(A.glu_jvp(y, x, dx, 0).tolist())
    assert flops(call) == done[0]


def test_the_tangent_of_a_gated_units_gradient_costs_what_its_naive_form_does():
    g, dg, x, dx = (torch.rand(n, dtype=torch.float64) for n in (2, 2, 4, 4))
    grad = A.glu_backward(g, x, 0)
    arguments = (grad, g, x, dg, dx, 0)
    (call,) = record(A.glu_backward_jvp, *arguments)
    done[0] = 0
    first, second = [], []
    for k in range(2):
        a, b, da, db = Number(x[k]), Number(x[k + 2]), float(dx[k]), float(dx[k + 2])
        s = b.call(sigmoid)
        rest = 1 - s
        ds = s * rest * db
        scaled = float(g[k]) * s
        tangent = s * float(dg[k]) + ds * float(g[k])
        first.append(tangent.value)
        # the product rule of scaled x a x (1 - s); scaled x a is used twice and made once, its share of `rest` too
        done_before = done[0]
        value = tangent * (a * rest) + scaled * da * rest - scaled * a * ds
        second.append(value.value)
        assert done[0] - done_before == 8
    assert first + second == pytest.approx(A.glu_backward_jvp(*arguments).tolist())
    assert flops(call) == 2 * 16 == done[0]


def test_the_derivative_of_a_parametric_relu_costs_what_its_naive_form_does():
    x = torch.tensor([-4.0, -0.7, 0.3, 2.5], dtype=torch.float64, requires_grad=True)
    weight = torch.tensor([0.25], dtype=torch.float64, requires_grad=True)
    gradient, _, (of_x, of_weight), calls = backward_calls(F.prelu, x, weight)
    (call,) = [call for call in calls if call.op.startswith("aten::_prelu_kernel_backward")]
    done[0] = 0
    shares = []
    for g, value, found in zip(gradient.tolist(), x.tolist(), of_x.tolist(), strict=True):
        scaled, share = Number(g) * 0.25, Number(g) * value
        shares.append(share.value if value <= 0 else 0.0)
        assert Number(value).select(lambda v: v > 0, g, scaled).value == pytest.approx(found)
    assert sum(shares) == pytest.approx(float(of_weight))
    assert flops(call) == done[0]


def test_the_derivative_of_a_soft_margin_costs_what_its_naive_form_does():
    x = torch.tensor([0.1, -0.4, 0.5], dtype=torch.float64, requires_grad=True)
    target = torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64)
    gradient, _, (found,), (call,) = backward_calls(lambda x: F.soft_margin_loss(x, target, reduction="none"), x)
    done[0] = 0
    values = []
    for g, value, y in zip(gradient.tolist(), x.tolist(), target.tolist(), strict=True):
        minus = Number(-y).counted()
        z = (minus * value).call(math.exp)
        values.append((z / (1 + z) * minus * g).value)
    assert values == pytest.approx(found.tolist())
    assert flops(call) == done[0]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("power", [1, 2])
def test_the_derivative_of_a_multi_margin_costs_what_its_naive_form_does(power, weighted):
    x = torch.rand(2, 3, dtype=torch.float64, requires_grad=True)
    target = torch.tensor([1, 2])
    weight = torch.rand(3, dtype=torch.float64) if weighted else None
    gradient, _, (found,), (call,) = backward_calls(
        lambda x: F.multi_margin_loss(x, target, p=power, weight=weight, reduction="none"), x
    )
    done[0] = 0
    result = [[0.0] * 3 for _ in range(2)]
    for row, label in enumerate(target.tolist()):
        for column in range(3):  # as torch's kernel, which works the target's own place out too
            margin = (1 - Number(x.detach()[row, label])) + float(x.detach()[row, column])
            step = Number(gradient[row]) * (1 / 3)
            if power == 2:
                step = step * (2 * margin.value)
            if weighted:
                step = step * float(weight[label])
            chosen = margin.select(lambda v: v > 0, step, 0)
            if column != label:
                result[row][column] = chosen.value
                result[row][label] -= chosen.value
            done[0] += 1  # the step, taken from the target's place
    torch.testing.assert_close(torch.tensor(result, dtype=torch.float64), found)
    assert flops(call) == done[0]


def test_the_derivative_of_a_multilabel_margin_by_pairs():
    x = torch.rand(2, 3, requires_grad=True)
    target = torch.tensor([[0, 2, -1], [1, -1, -1]])
    (call,) = backward_calls(lambda x: F.multilabel_margin_loss(x, target), x)[3]
    assert flops(call) == 2 * (3 * 3 * 5 + 3)  # 2 rows of 3 x 3 pairs, 5 each, and the gradient


def naive_ctc(steps, batch, labels, classes):
    """The operations of one sequence after another: states backward in time, their shares, then the scores."""
    operations = 0
    for _ in range(batch):
        for _step, _state in itertools.product(range(steps), range(2 * labels + 1)):
            operations += 2 + 3 + 3 + 2 + 1 + 1 + 1  # maxima, subtracts, exp, adds, log, add the maximum, add the score
            operations += 1 + (1 + 2 + 2 + 1 + 1 + 1)  # alpha + beta, and its logarithm added to that of its class
        for _step, _class in itertools.product(range(steps), range(classes)):
            operations += 2 + 2 + 1 + 1  # two exp, two sums inside, their difference, times the gradient
    return operations


@pytest.mark.parametrize("padded", [True, False])
def test_the_gradient_of_ctc_is_its_backward_variables(padded):
    steps, batch, classes, labels = 7, 2, 4, 3
    scores = torch.rand(steps, batch, classes).log_softmax(-1).requires_grad_()
    targets = torch.randint(1, classes, (batch, labels) if padded else (batch * labels,))
    lengths = (torch.full((batch,), steps), torch.full((batch,), labels))
    calls = backward_calls(lambda s: F.ctc_loss(s, targets, *lengths, reduction="none"), scores)[3]
    (call,) = [call for call in calls if "ctc" in call.op]
    assert flops(call) == naive_ctc(steps, batch, labels, classes)


def naive_distance(order, g, difference, distance):
    """The share of one feature; ``distance`` to its power is worked out once for a pair."""
    d = difference
    if order == 1:
        return g * d.call(lambda v: math.copysign(1, v))
    if order == 2:
        return g * d / distance
    if order == math.inf:
        chosen = d.call(abs).select(lambda v: v == distance, d.call(lambda v: math.copysign(1, v)), 0)
        return g * chosen
    return g * d * d.call(abs).call(lambda v: v ** (order - 2)) / distance


@pytest.mark.parametrize("order", [0, 1, 2, 3, math.inf])
def test_the_gradient_of_distances_costs_what_its_naive_loop_does(order):
    x = torch.rand(2, 4, dtype=torch.float64, requires_grad=True)
    y = torch.rand(3, 4, dtype=torch.float64)
    distances = torch.cdist(x.detach(), y, p=order)
    gradient = torch.rand(2, 3, dtype=torch.float64)
    (call,) = record(A._cdist_backward, gradient, x.detach(), y, order, distances)
    found = A._cdist_backward(gradient, x.detach(), y, order, distances)
    done[0] = 0
    result = [[Number(0) for _ in range(4)] for _ in range(2)]
    for i, j in itertools.product(range(2), range(3)) if order else ():
        distance = float(distances[i, j])
        if order == 3:
            distance = Number(distance).call(lambda v: v**2).value
        for k in range(4):
            share = naive_distance(order, Number(gradient[i, j]), Number(x.detach()[i, k]) - float(y[j, k]), distance)
            result[i][k] = result[i][k] + share
    values = torch.tensor([[n.value for n in row] for row in result], dtype=torch.float64)
    torch.testing.assert_close(values, found)
    assert flops(call) == done[0]


@pytest.mark.parametrize(("order", "each"), [(0, 0), (2, 4 + 1), (3, 7 + 1), (math.inf, 6 + 1)])
def test_the_gradient_of_distances_within_a_set_goes_to_both_rows(order, each):
    calls = backward_calls(lambda x: F.pdist(x, order), torch.rand(4, 5, requires_grad=True))[3]
    (call,) = [call for call in calls if "pdist" in call.op]
    assert flops(call) == 6 * (each * 5 + (order == 3))  # 6 pairs of 5 features


@pytest.mark.parametrize("axis", [None, 0])
def test_the_gradient_of_a_learnt_quantisation_costs_what_its_naive_form_does(axis):
    x = torch.tensor([[-3.0, -0.33, 0.26], [0.7, 1.4, 9.0]], dtype=torch.float32)
    scale, zero, gradient = 0.25, 1, torch.rand(2, 3, dtype=torch.float32)
    done[0] = 0
    of_x, of_scale, of_zero = [], Number(0), Number(0)
    for value, g in zip(x.reshape(-1).tolist(), gradient.reshape(-1).tolist(), strict=True):
        q = (Number(value) / scale).call(round) + zero
        low = q.select(lambda v: v < -8, -8, q)
        clamped = low.select(lambda v: v > 7, 7, low)
        inside = clamped.value == q.value
        of_x.append(g if inside else 0.0)  # a choice that the two comparisons have made
        error = ((clamped - zero) * scale - value) / scale * g  # outside it is (lowest - zero) x g, no dearer
        of_scale = of_scale + (error if inside else Number((clamped.value - zero) * g))
        of_zero = of_zero + (Number(g) * -scale if not inside else _counted_zero())
    if axis is None:
        arguments = [gradient, x, torch.tensor([scale]), torch.tensor([float(zero)]), -8, 7]
        found = A._fake_quantize_learnable_per_tensor_affine_backward(*arguments)
        (call,) = record(A._fake_quantize_learnable_per_tensor_affine_backward, *arguments)
    else:
        arguments = [gradient, x, torch.full((2,), scale), torch.full((2,), float(zero)), 0, -8, 7]
        found = A._fake_quantize_learnable_per_channel_affine_backward(*arguments)
        (call,) = record(A._fake_quantize_learnable_per_channel_affine_backward, *arguments)
    assert of_x == pytest.approx(found[0].reshape(-1).tolist(), rel=1e-4)
    assert of_scale.value == pytest.approx(float(found[1].sum()), rel=1e-4)
    assert of_zero.value == pytest.approx(float(found[2].sum()))
    assert flops(call) == done[0]


def _counted_zero():
    done[0] += 1  # a device multiplies by 0 or by the scale alike
    return Number(0)


def test_the_gradient_of_a_masked_softmax_also_chooses_by_the_mask():
    arguments = (torch.rand(2, 3), torch.rand(2, 3), torch.zeros(2, 3, dtype=torch.bool), 1)
    (call,) = record(A._masked_softmax_backward, *arguments)
    assert flops(call) == 6 * (4 + 1)


def test_gradients_of_draws_and_of_a_fused_dropout_by_element():
    x = torch.rand(6) + 1
    assert flops(record(A._standard_gamma_grad, x, x)[0]) == 6
    assert flops(record(A._dirichlet_grad, x / 9, x, x + 3)[0]) == 6
    assert cost_of("aten::_masked_scale", (6,), self=meta(6), mask=meta(6), scale=2.0).flops == 12
