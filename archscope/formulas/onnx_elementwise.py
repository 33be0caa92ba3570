"""ONNX operators on single elements: activations, arithmetic, comparisons, quantisation, random numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archscope.formulas.cost import Cost
from archscope.formulas.expression import operations
from archscope.formulas.onnx_door import door, doors, through
from archscope.formulas.table import Formula, FormulaTable
from archscope.records import OpCall

_SAME = {
    "Abs": "abs",
    "Neg": "neg",
    "Reciprocal": "reciprocal",
    "Ceil": "ceil",
    "Floor": "floor",
    "Round": "round",
    "Sign": "sign",
    "Sqrt": "sqrt",
    "Exp": "exp",
    "Log": "log",
    "Erf": "erf",
    "Sin": "sin",
    "Cos": "cos",
    "Tan": "tan",
    "Asin": "asin",
    "Acos": "acos",
    "Atan": "atan",
    "Sinh": "sinh",
    "Cosh": "cosh",
    "Tanh": "tanh",
    "Asinh": "asinh",
    "Acosh": "acosh",
    "Atanh": "atanh",
    "Sigmoid": "sigmoid",
    "Relu": "relu",
    "LeakyRelu": "leaky_relu",
    "PRelu": "prelu",
    "ThresholdedRelu": "threshold",
    "HardSwish": "hardswish",
    "HardSigmoid": "hardsigmoid",
    "Mish": "mish",
    "Celu": "celu",
    "Add": "add",
    "Sub": "sub",
    "Mul": "mul",
    "Div": "div",
    "Pow": "pow",
    "Mod": "remainder",
    "Equal": "eq",
    "Greater": "gt",
    "GreaterOrEqual": "ge",
    "Less": "lt",
    "LessOrEqual": "le",
    "And": "logical_and",
    "Or": "logical_or",
    "Xor": "logical_xor",
    "Not": "logical_not",
    "BitwiseAnd": "bitwise_and",
    "BitwiseOr": "bitwise_or",
    "BitwiseXor": "bitwise_xor",
    "BitwiseNot": "bitwise_not",
    "BitShift": "bitwise_left_shift",
    "IsNaN": "isnan",
    "Where": "where",
    "Softmax": "softmax",
    "LogSoftmax": "log_softmax",
    "Bernoulli": "bernoulli",
    "RandomNormal RandomNormalLike": "randn",
    "RandomUniform RandomUniformLike": "rand",
    "Multinomial": "multinomial",
}
_EXPRESSIONS = {
    "Softplus": "log(exp(x) + 1)",
    "Softsign": "x / (1 + abs(x))",
    "Shrink": "where(x < lowest, x + bias, where(x > lambd, x - bias, 0))",
    "Hardmax": "max(largest, x) == x",
    "DynamicQuantizeLinear": "min(max(round(max(low, min(high, x)) / scale) + zero_point, 0), 255)",
}
_LIKELIHOOD = "aten::nll_loss_forward"
_LOWEST_FLOAT = -3.4e38  # the default of Clip up to opset 10, which bounds nothing


def register(table: FormulaTable) -> None:
    """Add ONNX's elementwise operators to ``table``."""
    doors(table, _SAME)
    for name, expression in _EXPRESSIONS.items():
        family = "quantization" if name.startswith("Dynamic") else "activation"
        table.counted(f"onnx::{name}", family=family)(_per_element(expression))
    door(table, "onnx::Elu", "aten::elu", lambda _: {"scale": 1, "input_scale": 1})
    door(table, "onnx::Selu", "aten::elu", lambda _: {"scale": 1.05, "input_scale": 1}, "with a scale.")
    door(table, "onnx::Gelu", "aten::gelu", lambda call: {"approximate": call.arguments.get("approximate", "none")})
    door(table, "onnx::Clip", "aten::clamp", lambda call: {name: _bound(call, name) for name in ("min", "max")})
    door(table, "onnx::Dropout", "aten::native_dropout", lambda call: {"train": _trains(call)})
    door(table, "onnx::QuantizeLinear", "aten::quantize_per_tensor")
    door(table, "onnx::DequantizeLinear", "aten::dequantize")
    table.counted("onnx::Swish", family="activation")(swish)
    table.counted("onnx::SwiGLU", family="activation")(swiglu)
    table.counted("onnx::IsInf", family="elementwise")(is_infinite)
    table.counted("onnx::Max", "onnx::Min", "onnx::Sum", family="elementwise")(combined)
    table.counted("onnx::Mean", family="elementwise")(mean)
    table.counted("onnx::LRN", family="normalization")(local_response)
    door(table, "onnx::NegativeLogLikelihoodLoss", _LIKELIHOOD, _likelihood)

    @table.counted("onnx::SoftmaxCrossEntropyLoss", family="loss")
    def cross_entropy(call: OpCall) -> Cost:
        """A log-softmax, 5 per score, and the negative log-likelihood of the labels: see NegativeLogLikelihoodLoss."""
        return Cost.of(other=5 * call.inputs[0].numel) + through(table, _LIKELIHOOD, call, **_likelihood(call))


def _per_element(expression: str) -> Formula:
    each = operations(expression)

    def formula(call: OpCall) -> Cost:
        return Cost.of(other=each * call.outputs[0].numel)

    formula.__doc__ = f"`{expression}`: {each} per output element."
    return formula


def _bound(call: OpCall, name: str) -> Any:
    bound = call.arguments.get(name)
    unbounded = isinstance(bound, float) and not _LOWEST_FLOAT < bound < -_LOWEST_FLOAT
    return None if unbounded else bound


def _trains(call: OpCall) -> bool:
    return bool((call.arguments.get("training_mode_value") or [False])[0])


def swish(call: OpCall) -> Cost:
    """`x * sigmoid(alpha * x)`: 3 per element, 2 where alpha is 1."""
    return Cost.of(other=(2 + (call.arguments.get("alpha", 1) != 1)) * call.outputs[0].numel)


def swiglu(call: OpCall) -> Cost:
    """`a * sigmoid(alpha * a) * b`: 4 per element, 3 where alpha is 1."""
    return Cost.of(other=(3 + (call.arguments.get("alpha", 1) != 1)) * call.outputs[0].numel)


def is_infinite(call: OpCall) -> Cost:
    """`abs(x) == inf`: 2 per element; 1 where one sign alone is looked for."""
    arguments = call.arguments
    one_sign = 0 in {arguments.get("detect_negative"), arguments.get("detect_positive")}
    return Cost.of(other=(1 if one_sign else 2) * call.outputs[0].numel)


def combined(call: OpCall) -> Cost:
    """Of n tensors element by element: n - 1 per output element."""
    return Cost.of(other=max(len(call.inputs) - 1, 0) * call.outputs[0].numel)


def mean(call: OpCall) -> Cost:
    """The mean of n tensors element by element: n - 1 additions and a division, n per output element."""
    return Cost.of(other=len(call.inputs) * call.outputs[0].numel)


def local_response(call: OpCall) -> Cost:
    """`x / (bias + alpha / size * sum of squares of size channels) ** beta`: size + 4 per element.

    The square 1, size - 1 additions, scale and shift 2, the power 1, the quotient 1; channels beyond the border count.
    """
    return Cost.of(other=(call.arguments["size"] + 4) * call.outputs[0].numel)


def _likelihood(call: OpCall) -> Mapping[str, Any]:
    return {
        "target": call.inputs[1],
        "weight": call.inputs[2] if len(call.inputs) > 2 else None,
        "reduction": call.arguments.get("reduction") != "none",
    }
