"""Arithmetic on single elements: sums, products, comparisons, transcendentals.

In the expressions x is the operator's first argument and y its second.
"""

from __future__ import annotations

from archscope.formulas.cost import Cost
from archscope.formulas.expression import per_element
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall

_ARITHMETIC = {
    "mul multiply": "x * y",
    "true_divide": "x / y",
    "neg negative": "-x",
    "abs absolute": "abs(x)",
    "reciprocal": "1 / x",
    "square": "x * x",
    "remainder": "remainder(x, y)",
    "fmod": "fmod(x, y)",
    "floor_divide": "x // y",
    "maximum fmax": "max(x, y)",
    "minimum fmin": "min(x, y)",
    "clamp_min": "max(x, y)",
    "clamp_max": "min(x, y)",
    "sign sgn": "sign(x)",
    "ceil": "ceil(x)",
    "floor": "floor(x)",
    "trunc fix": "trunc(x)",
    "round": "round(x)",
    "round.decimals round_.decimals": "round(x * constant) / constant",
    "frac": "x - trunc(x)",
    "copysign": "copysign(x, y)",
    "nextafter": "nextafter(x, y)",
    "hypot": "sqrt(x * x + y * y)",
    "ldexp": "x * 2**y",
    "deg2rad rad2deg": "x * constant",
    "gcd": "gcd(x, y)",
    "lcm": "lcm(x, y)",
    "conj_physical _conj_physical": "conj(x)",
    "lerp": "x + weight * (y - x)",
    "heaviside": "where(x == 0, y, where(x > 0, 1, 0))",
    "nan_to_num": "where(x != x, nan, where(x > largest, posinf, where(x < lowest, neginf, x)))",
}
_COMPARISON = {
    "eq": "x == y",
    "ne not_equal": "x != y",
    "lt less": "x < y",
    "le less_equal": "x <= y",
    "gt greater": "x > y",
    "ge greater_equal": "x >= y",
    "isnan": "x != x",
    "isposinf": "x == inf",
    "isneginf": "x == lowest",
    "isinf": "abs(x) == inf",
    "signbit": "x < 0",
    "logical_and": "logical_and(x, y)",
    "logical_or": "logical_or(x, y)",
    "logical_xor": "logical_xor(x, y)",
    "logical_not": "logical_not(x)",
    "bitwise_and __and__ __iand__": "x & y",
    "bitwise_or __or__ __ior__": "x | y",
    "bitwise_xor __xor__ __ixor__": "x ^ y",
    "bitwise_not": "~x",
    "bitwise_left_shift __lshift__ __ilshift__": "x << y",
    "bitwise_right_shift __rshift__ __irshift__": "x >> y",
}
_FUNCTIONS = (
    *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "rsqrt", "sigmoid", "erf", "erfc", "erfinv"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"),
)
_TRANSCENDENTAL = {
    **{name: f"{name}(x)" for name in _FUNCTIONS},
    "pow float_power": "x**y",
    "atan2": "atan2(x, y)",
    "sinc": "where(x == 0, 1, sin(z := x * pi) / z)",
    "xlogy": "where(x == 0, 0, x * log(y))",
    "special_xlog1py": "where(x == 0, 0, x * log1p(y))",
    "special_entr": "where(x == 0, 0, -x * log(x))",
    "logaddexp": "max(x, y) + log1p(exp(-abs(x - y)))",
    "logaddexp2": "max(x, y) + log2(1 + exp2(-abs(x - y)))",
}
# Functions without a closed form: like a transcendental, 1.
_SPECIAL = (
    *("digamma", "lgamma", "i0", "angle"),
    *(f"special_{name}" for name in ("airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "erfcx", "i0e")),
    *(f"special_{name}" for name in ("i1", "i1e", "log_ndtr", "modified_bessel_i0", "modified_bessel_i1", "ndtri")),
    *(f"special_{name}" for name in ("modified_bessel_k0", "modified_bessel_k1", "scaled_modified_bessel_k0")),
    *(f"special_{name}" for name in ("scaled_modified_bessel_k1", "spherical_bessel_j0")),
)
_SPECIAL_OF_TWO = (
    *("igamma", "igammac", "special_zeta", "special_hermite_polynomial_h", "special_hermite_polynomial_he"),
    *("special_laguerre_polynomial_l", "special_legendre_polynomial_p"),
    *(f"special_chebyshev_polynomial_{kind}" for kind in "tuvw"),
    *(f"special_shifted_chebyshev_polynomial_{kind}" for kind in "tuvw"),
)


def register(table: FormulaTable) -> None:
    """Add the elementwise operators to ``table``."""
    per_element(table, _ARITHMETIC, family="elementwise")
    per_element(table, _COMPARISON, family="elementwise")
    per_element(table, _TRANSCENDENTAL, family="elementwise")
    per_element(table, {name: f"{name}(x)" for name in _SPECIAL}, family="elementwise")
    per_element(table, {name: f"{name}(x, y)" for name in _SPECIAL_OF_TWO}, family="elementwise")
    per_element(table, {"polygamma": "polygamma(n, x)"}, family="elementwise")
    table.counted("aten::polar", family="elementwise")(polar)
    table.counted("aten::add", "aten::sub", "aten::subtract", "aten::rsub", family="elementwise")(scaled_sum)
    table.counted("aten::div", "aten::divide", family="elementwise")(quotient)
    table.counted("aten::addcmul", "aten::addcdiv", family="elementwise")(sum_with_product)
    table.counted("aten::clamp", "aten::clip", "aten::hardtanh", family="elementwise")(clamp)
    table.counted("aten::logit", family="elementwise")(logit)
    table.counted("aten::where", "aten::masked_fill", "aten::masked_scatter", family="elementwise")(select)
    table.counted("aten::linalg_cross", family="elementwise")(cross)
    table.counted("aten::frexp", family="elementwise")(split_exponent)
    table.counted("aten::mvlgamma", family="elementwise")(multivariate_log_gamma)


def polar(call: OpCall) -> Cost:
    """`x * cos(y)` and `x * sin(y)`, the parts of a complex number: 4 per output element."""
    return Cost.of(other=4 * call.outputs[0].numel)


def scaled_sum(call: OpCall) -> Cost:
    """The sum x + alpha * y: 1 per output element, and 1 more when alpha is not 1."""
    scaled = call.arguments.get("alpha", 1) != 1
    return Cost.of(other=(1 + scaled) * call.outputs[0].numel)


def quotient(call: OpCall) -> Cost:
    """The quotient x / y: 1 per output element, and 1 more when it is rounded (rounding_mode)."""
    rounded = call.arguments.get("rounding_mode") is not None
    return Cost.of(other=(1 + rounded) * call.outputs[0].numel)


def sum_with_product(call: OpCall) -> Cost:
    """The sum x + value * a * b (or a / b): 2 per output element, and 1 more when value is not 1."""
    scaled = call.arguments.get("value", 1) != 1
    return Cost.of(other=(2 + scaled) * call.outputs[0].numel)


def clamp(call: OpCall) -> Cost:
    """`min(max(x, low), high)`: 1 per output element for each bound that is given (hardtanh always gives both)."""
    bounds = ("min", "max", "min_val", "max_val")
    given = sum(call.arguments.get(bound) is not None for bound in bounds)
    return Cost.of(other=given * call.outputs[0].numel)


def logit(call: OpCall) -> Cost:
    """`log(x / (1 - x))`: 3 per output element; an eps adds the 2 comparisons that clamp x."""
    clamped = call.arguments["eps"] is not None
    return Cost.of(other=(5 if clamped else 3) * call.outputs[0].numel)


def select(call: OpCall) -> Cost:
    """A choice by a given mask: 1 per output element."""
    return Cost.of(other=call.outputs[0].numel)


def cross(call: OpCall) -> Cost:
    """Each output element is a difference of two products: 3 per output element."""
    return Cost.of(other=3 * call.outputs[0].numel)


def split_exponent(call: OpCall) -> Cost:
    """`frexp(x)`: 1 per element, though it has two outputs."""
    return Cost.of(other=call.inputs[0].numel)


def multivariate_log_gamma(call: OpCall) -> Cost:
    """The sum of p terms `lgamma(x - j / 2)`: subtract, lgamma, add: 3 p per element."""
    return Cost.of(other=3 * call.arguments["p"] * call.inputs[0].numel)
