"""Backward operators of activations and losses, and the forward-mode derivatives that have operators of their own."""

from __future__ import annotations

from math import inf, prod

from archscope.formulas.cost import Cost
from archscope.formulas.table import Formula, FormulaTable
from archscope.records import OpCall

# Scalar operations per element of the output's gradient, with the textbook derivative they come from.
_PER_ELEMENT = {
    "glu_backward": (5, "g x s and (g x s) x a x (1 - s), s = sigmoid(b): sigmoid, multiply, subtract, 2 multiplies"),
    "mish_backward": (
        10,
        "g x (t + x x s x (1 - t x t)), t = tanh(log1p(exp(x))), s = sigmoid(x): 4 functions, 4 multiplies, 2 sums",
    ),
    "_prelu_kernel_backward": (3, "g or w x g, and 0 or x x g for the weight, by x > 0: compare, 2 multiplies"),
    "log_sigmoid_backward": (3, "g x sigmoid(-x): negate, sigmoid, multiply"),
    "hardshrink_backward": (2, "g where |x| > lambd, else 0: absolute value, compare and select"),
    "softshrink_backward": (2, "g where |x| > lambd, else 0: absolute value, compare and select"),
    "_masked_softmax_backward": (5, "a softmax's gradient 4, and 0 where the mask is: select"),
    "soft_margin_loss_backward": (
        7,
        "-y x z / (1 + z) x g, z = exp(-y x x): negate, multiply, exp, add, divide, 2 multiplies",
    ),
    "_masked_scale": (2, "g x mask x scale, of a fused dropout: multiply, multiply"),
    "_standard_gamma_grad": (1, "a special function"),
    "_dirichlet_grad": (1, "a special function"),
    "glu_jvp": (6, "s x da + y x (1 - s) x db, s = sigmoid(b): sigmoid, subtract, 3 multiplies, add"),
    "glu_backward_jvp": (
        16,
        "s, d = 1 - s and ds = s x d x db: 4; the tangent t of g x s: 3; of (g x s) x a x d: 9",
    ),
}


def register(table: FormulaTable) -> None:
    """Add the gradients of activations and losses to ``table``."""
    for name, (operations, derivation) in _PER_ELEMENT.items():
        table.counted(f"aten::{name}", family="backward")(_per_element(operations, derivation))
    table.counted("aten::rrelu_with_noise_backward", family="backward")(random_relu_backward)
    table.counted("aten::logit_backward", family="backward")(logit_backward)
    table.counted("aten::multi_margin_loss_backward", family="backward")(multi_margin_backward)
    table.counted("aten::multilabel_margin_loss_backward", family="backward")(multilabel_margin_backward)
    table.counted("aten::_ctc_loss_backward", family="backward")(ctc_backward)
    table.counted("aten::_cdist_backward", family="backward")(pairwise_distances_backward)
    table.counted("aten::_pdist_backward", family="backward")(distances_within_backward)
    for each in ("tensor", "channel"):
        table.counted(f"aten::_fake_quantize_learnable_per_{each}_affine_backward", family="backward")(
            fake_quantize_backward
        )


def _per_element(operations: int, derivation: str) -> Formula:
    def formula(call: OpCall) -> Cost:
        pair = call.op.startswith("aten::glu_backward")  # its output holds the gradients of both halves
        return Cost.of(other=operations * call.outputs[0].numel // (2 if pair else 1))

    formula.__doc__ = f"{derivation}; {operations} per element."
    return formula


def random_relu_backward(call: OpCall) -> Cost:
    """In training g x the slope that was drawn: 1 per element; in eval g x (1 or the mean slope): 2."""
    return Cost.of(other=(1 if call.arguments["training"] else 2) * call.outputs[0].numel)


def logit_backward(call: OpCall) -> Cost:
    """The gradient g / (x x (1 - x)): 3 per element; an eps adds the 2 comparisons that make it 0 outside."""
    return Cost.of(other=(3 if call.arguments["eps"] is None else 5) * call.outputs[0].numel)


def multi_margin_backward(call: OpCall) -> Cost:
    """For each class margin - x[target] + x, compare, the step, and minus it to the target: 4 per element.

    A p of 2 (times the margin) and a weight add 1 per element each; the gradient 1 more.
    """
    arguments = call.arguments
    each = 5 + (arguments["p"] != 1) + (arguments["weight"] is not None)
    return Cost.of(other=each * arguments["self"].numel)


def multilabel_margin_backward(call: OpCall) -> Cost:
    """For each pair of target and class, at most n x n a row: 1 - x[target] + x, compare, and a step to each: 5.

    The gradient is multiplied in at last, 1 per element.
    """
    tensor = call.arguments["self"]
    return Cost.of(other=(5 * prod(tensor.shape[-1:]) + 1) * tensor.numel)


def ctc_backward(call: OpCall) -> Cost:
    """The backward variables of Graves et al. 2006, 13 per state as the forward ones, then each state's share.

    alpha + beta 1, and its logarithm added to that of its class 8 (maximum, 2 subtracts, 2 exp, add, log, add): 22 per
    step and state of N x (2 L + 1). Each score takes 6: exp(x) - exp(share + loss - x), times the gradient.
    """
    scores = call.arguments["log_probs"].shape
    steps, batch = scores[0], prod(scores[1:-1])
    targets = call.arguments["targets"].shape
    labels = targets[-1] if len(targets) == 2 else targets[0] // batch
    return Cost.of(other=22 * steps * batch * (2 * labels + 1) + 6 * prod(scores))


def _distance(order: float, features: int) -> int:
    if order in {1, 2}:
        return 4 * features
    if order == inf:
        return 6 * features
    return 7 * features + 1 if order else 0


def pairwise_distances_backward(call: OpCall) -> Cost:
    """Each pair of rows of m features, p = 2: subtract, x g, / distance, add: 4 m; p = 1: subtract, sign, x g, add.

    Infinite p: where |d| is the distance: subtract, absolute value, compare, sign, multiply, add: 6 m. p = 0: none.
    Any other p: g x d x |d|^(p - 2) / distance^(p - 1), added: 7 m, and a power.
    """
    arguments = call.arguments
    return Cost.of(other=arguments["cdist"].numel * _distance(arguments["p"], arguments["x1"].shape[-1]))


def distances_within_backward(call: OpCall) -> Cost:
    """As the gradient of distances between two sets; each pair's share goes to both rows: m more additions."""
    arguments = call.arguments
    features = arguments["self"].shape[-1]
    each = _distance(arguments["p"], features)
    return Cost.of(other=arguments["pdist"].numel * (each + features if each else 0))


def fake_quantize_backward(call: OpCall) -> Cost:
    """The quantised number again 5 (divide, round, add, compare, compare): 13 per element (Esser et al. 2020).

    For the scale the difference of the converted number and x over the scale, times g, added: 6 (subtract, multiply,
    subtract, divide, multiply, add); for the zero point -scale x g, added: 2. The input's gradient is g or 0.
    """
    return Cost.of(other=13 * call.arguments["self"].numel)
