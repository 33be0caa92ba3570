"""Activation functions and softmax."""

from __future__ import annotations

from archscope.formulas.cost import Cost
from archscope.formulas.expression import per_element
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall

_ACTIVATIONS = {
    "relu": "max(x, 0)",
    "relu6": "min(max(x, 0), 6)",
    "leaky_relu": "where(x > 0, x, negative_slope * x)",
    "_prelu_kernel prelu": "where(x > 0, x, weight * x)",
    "threshold": "where(x > threshold, x, value)",
    "celu": "where(x > 0, x, alpha * expm1(x / alpha))",
    "silu": "x * sigmoid(x)",
    "mish": "x * tanh(log1p(exp(x)))",
    "hardsigmoid": "min(max(x + 3, 0), 6) / 6",
    "hardswish": "x * min(max(x + 3, 0), 6) / 6",
    "hardshrink": "where(abs(x) > lambd, x, 0)",
    "softshrink": "sign(x) * max(abs(x) - lambd, 0)",
    "softplus": "where((z := beta * x) > threshold, x, log1p(exp(z)) / beta)",
    "log_sigmoid_forward log_sigmoid": "min(x, 0) - log1p(exp(-abs(x)))",
    "glu": "a * sigmoid(b)",
}


def register(table: FormulaTable) -> None:
    """Add the activation functions to ``table``."""
    per_element(table, _ACTIVATIONS, family="activation")
    table.counted("aten::gelu", family="activation")(gelu)
    table.counted("aten::elu", family="activation")(elu)
    table.counted("aten::rrelu_with_noise", "aten::rrelu_with_noise_functional", family="activation")(random_relu)
    table.counted("aten::_softmax", "aten::softmax", family="activation")(softmax)
    table.counted("aten::_log_softmax", "aten::log_softmax", family="activation")(log_softmax)
    table.counted("aten::_safe_softmax", family="activation")(safe_softmax)
    table.counted("aten::_masked_softmax", family="activation")(masked_softmax)


def gelu(call: OpCall) -> Cost:
    """`x * erfc(-x / sqrt(2)) / 2` with one scaling of x: 4 per element (Hendrycks and Gimpel 2016).

    The tanh form `x / 2 * (1 + tanh(0.79788 * (x + 0.044715 * x**3)))`: 8 per element.
    """
    return Cost.of(other=(8 if call.arguments["approximate"] == "tanh" else 4) * call.outputs[0].numel)


def elu(call: OpCall) -> Cost:
    """`where(x > 0, x, alpha * expm1(x))`: 3 per element; a scale and an input_scale other than 1 add 1 each (SELU)."""
    scalings = (call.arguments["scale"] != 1) + (call.arguments["input_scale"] != 1)
    return Cost.of(other=(3 + scalings) * call.outputs[0].numel)


def random_relu(call: OpCall) -> Cost:
    """`where(x > 0, x, slope * x)`: 2 per element, and 1 more in training, where each slope is drawn."""
    return Cost.of(other=(3 if call.arguments["training"] else 2) * call.outputs[0].numel)


def softmax(call: OpCall) -> Cost:
    """Maximum, subtract, exp, sum, divide: 5 per element."""
    return Cost.of(other=5 * call.outputs[0].numel)


def log_softmax(call: OpCall) -> Cost:
    """Maximum, subtract, exp, sum, subtract the logarithm: 5 per element."""
    return Cost.of(other=5 * call.outputs[0].numel)


def safe_softmax(call: OpCall) -> Cost:
    """A softmax, 5 per element, and rows that are masked altogether made zero: compare, all, select; 8 per element."""
    return Cost.of(other=8 * call.outputs[0].numel)


def masked_softmax(call: OpCall) -> Cost:
    """A select by the mask and a softmax: 6 per element."""
    return Cost.of(other=6 * call.outputs[0].numel)
