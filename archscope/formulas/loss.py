"""Loss functions in the forward direction."""

from __future__ import annotations

from math import inf, prod

from archscope.formulas.cost import Cost
from archscope.formulas.expression import operations
from archscope.formulas.table import Formula, FormulaTable
from archscope.records import OpCall

# x is the prediction, y the target.
_ELEMENTWISE = {
    "mse_loss": "(d := x - y) * d",
    "smooth_l1_loss": "where((d := abs(x - y)) < beta, d * d / (2 * beta), d - beta / 2)",
    "huber_loss": "where((d := abs(x - y)) < delta, d * d / 2, delta * (d - delta / 2))",
    "soft_margin_loss": "log1p(exp(-x * y))",
    "binary_cross_entropy": "-(y * log(x) + (1 - y) * log(1 - x))",
    "binary_cross_entropy_with_logits": "(1 - y) * x + max(-x, 0) + log1p(exp(-abs(x)))",
}


def register(table: FormulaTable) -> None:
    """Add the losses to ``table``."""
    for name, expression in _ELEMENTWISE.items():
        table.counted(f"aten::{name}", family="loss")(_elementwise(expression))
    table.counted("aten::nll_loss_forward", "aten::nll_loss2d_forward", family="loss")(negative_log_likelihood)
    table.counted("aten::multi_margin_loss", family="loss")(multi_margin)
    table.counted("aten::multilabel_margin_loss_forward", family="loss")(multilabel_margin)
    table.counted("aten::_ctc_loss", "aten::_cudnn_ctc_loss", "aten::miopen_ctc_loss", family="loss")(ctc)
    table.counted(
        "torch_nn::_linear_cross_entropy_batch_chunked",
        "torch_nn::_linear_cross_entropy_batch_chunked_no_reduction",
        family="loss",
    )(linear_cross_entropy)
    table.counted("aten::_cdist_forward", family="loss")(pairwise_distances)
    table.counted("aten::_euclidean_dist", family="loss")(euclidean_distances)
    table.counted("aten::_pdist_forward", family="loss")(distances_within)


def _reduced(call: OpCall) -> int:
    """Additions of the reduction over all elements; 0 when there is none (reduction 0)."""
    return _elements(call) if call.arguments["reduction"] != 0 else 0


def _elements(call: OpCall) -> int:
    """Elements of the prediction or of the target, whichever has more: the other is broadcast."""
    return max(tensor.numel for tensor in call.inputs)


def _elementwise(expression: str) -> Formula:
    each = operations(expression)

    def formula(call: OpCall) -> Cost:
        weights = sum(call.arguments.get(name) is not None for name in ("weight", "pos_weight"))
        return Cost.of(other=(each + weights) * _elements(call) + _reduced(call))

    formula.__doc__ = f"`{expression}`: {each} per element, 1 more for a weight (or pos_weight), 1 to sum or average."
    return formula


def negative_log_likelihood(call: OpCall) -> Cost:
    """Pick, negate: 1 per target; a weight adds a multiply; a sum or average adds 1 (2 with a weight, summed too)."""
    arguments = call.arguments
    weighted = arguments["weight"] is not None
    summed = arguments["reduction"] != 0
    return Cost.of(other=(1 + weighted) * (1 + summed) * arguments["target"].numel)


def multi_margin(call: OpCall) -> Cost:
    """`max(0, margin - x[target] + x)`: subtract, add, compare, sum over classes: 4 per element.

    A p of 2 and a weight add 1 per element each; the mean over classes 1 per row, its sum over rows 1 more.
    """
    arguments = call.arguments
    tensor = call.inputs[0]
    rows = prod(tensor.shape[:-1])
    each = 4 + (arguments["p"] != 1) + (arguments["weight"] is not None)
    return Cost.of(other=each * tensor.numel + (2 if arguments["reduction"] != 0 else 1) * rows)


def multilabel_margin(call: OpCall) -> Cost:
    """`max(0, 1 - (x[target] - x))` for each pair of target and class, at most n x n a row: 4 per pair with the sum."""
    tensor = call.inputs[0]
    return Cost.of(other=4 * tensor.numel * prod(tensor.shape[-1:]))


def ctc(call: OpCall) -> Cost:
    """The forward variables of Graves et al. 2006: T steps over 2 L + 1 states in each of N sequences, 13 per state.

    A state is the logarithm of a sum of 3 exponentials (2 maxima, 3 subtractions, 3 exp, 2 adds, log, add) plus the log
    probability. T and L are the padded sizes: shorter sequences are counted at full length.
    """
    scores = call.inputs[0].shape
    steps, batch = scores[0], prod(scores[1:-1])
    targets = call.arguments["targets"].shape
    labels = targets[-1] if len(targets) == 2 else targets[0] // batch
    return Cost.of(other=13 * steps * batch * (2 * labels + 1))


def _distance(order: float, features: int) -> int:
    if order in {1, inf}:
        return 3 * features
    if order in {0, 2}:
        return 3 * features + (order == 2)
    return 4 * features + 1


def pairwise_distances(call: OpCall) -> Cost:
    """Each pair of rows of m features: subtract, square, add: 3 m, and a root (p = 2).

    p = 1, 0 or infinite: 3 m; any other p: subtract, absolute value, power, add: 4 m, and a root.
    """
    *_, features = call.arguments["x1"].shape
    return Cost.of(other=call.outputs[0].numel * _distance(call.arguments["p"], features))


def distances_within(call: OpCall) -> Cost:
    """As the distances between two sets, for each of the n (n - 1) / 2 pairs of one set."""
    return Cost.of(other=call.outputs[0].numel * _distance(call.arguments["p"], call.inputs[0].shape[-1]))


def euclidean_distances(call: OpCall) -> Cost:
    """`sqrt(max(|a|^2 - 2 a.b + |b|^2, 0))` as one product of rows of m + 2 features: macs = numel(output) x (m + 2).

    Squares and their sums take 2 per element of a and b, the factor -2 takes 1 per element of a, each output element
    2 (maximum, root).
    """
    left, right = call.arguments["x1"], call.arguments["x2"]
    output = call.outputs[0].numel
    return Cost.of(macs=output * (left.shape[-1] + 2), other=3 * left.numel + 2 * right.numel + 2 * output)


def linear_cross_entropy(call: OpCall) -> Cost:
    """A linear layer, logarithmic softmax and negative log-likelihood in one, in chunks of the batch.

    macs = rows x classes x features, and as many again for each gradient asked for at once (input, weight).
    Besides: 5 per score for the softmax, 1 for a bias, 3 for the scores' gradient, and 2 per row to pick and add.
    """
    arguments = call.arguments
    classes, features = arguments["linear_weight"].shape
    rows = arguments["input"].numel // features
    gradients = sum(bool(arguments.get(f"compute_{what}_grad")) for what in ("input", "linear_weight"))
    each = 5 + (arguments["linear_bias"] is not None) + (3 if gradients else 0)
    return Cost.of(macs=(1 + gradients) * rows * classes * features, other=each * rows * classes + 2 * rows)
