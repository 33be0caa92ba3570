"""Torch's primitive operators (``prims::``): what forward-mode differentiation and torch's reference code run."""

from __future__ import annotations

from archscope.formulas.cost import Cost
from archscope.formulas.elementwise import select, split_exponent
from archscope.formulas.fourier import complex_transform, real_transform
from archscope.formulas.linear_algebra import thin_or_full_svd
from archscope.formulas.movement import CONSTANTS, COPY, VIEW
from archscope.formulas.reduction import reduction, variance
from archscope.formulas.sampling import draw
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall

# Each computes one function, sum, product or comparison.
_ONE = (
    *("abs", "acos", "acosh", "add", "asin", "asinh", "atan", "atan2", "atanh", "bitwise_and", "bitwise_not"),
    *("bitwise_or", "bitwise_xor", "cbrt", "ceil", "conj_physical", "cos", "cosh", "digamma", "div", "eq", "erf"),
    *("erf_inv", "erfc", "erfcx", "exp", "exp2", "expm1", "floor", "fmax", "fmin", "fmod", "gcd", "ge", "gt"),
    *("igamma", "igammac", "le", "lgamma", "log", "log10", "log1p", "log2", "lt", "maximum", "minimum", "mul", "ndtri"),
    *("ne", "neg", "nextafter", "pow", "reciprocal", "remainder", "round", "rsqrt", "shift_left", "sign", "signbit"),
    *("shift_right_arithmetic", "sin", "sinh", "sqrt", "sub", "tan", "tanh", "trunc", "zeta", "spherical_bessel_j0"),
    *(f"bessel_{kind}" for kind in ("i0", "i0e", "i1", "i1e", "j0", "j1")),
)
_VIEWS = (
    *("as_strided", "broadcast_in_dim", "collapse_view", "conj", "split_dim", "squeeze", "transpose", "view_of"),
    *("view_of_dtype", "real", "imag", "resize"),
)
_COPIES = (
    *("as_strided_scatter", "cat", "clone", "collapse", "convert_element_type", "copy_strided", "copy_to"),
    *("device_put", "reshape", "rev"),
)
_CONSTANTS = (
    *("empty", "empty_permuted", "empty_strided", "fill", "full", "full_like", "iota", "maximum_value"),
    *("minimum_value", "scalar_tensor", "item", "_make_token", "_sink_tokens"),
)


def register(table: FormulaTable) -> None:
    """Add the primitive operators to ``table``."""
    family = "primitives"
    table.counted(*(f"prims::{name}" for name in _ONE), family=family)(one_each)
    table.counted("prims::isfinite", family=family)(finite)
    table.counted("prims::hypot", family=family)(hypotenuse)
    table.counted("prims::where", family=family)(select)
    table.counted("prims::frexp", family=family)(split_exponent)
    table.counted(*(f"prims::{name}" for name in ("sum", "prod", "amax", "amin", "xor_sum")), family=family)(reduction)
    table.counted("prims::var", family=family)(variance)
    table.counted("prims::fft_c2c", family=family)(complex_transform)
    table.counted("prims::fft_r2c", "prims::fft_c2r", family=family)(real_transform)
    table.counted("prims::svd", family=family)(thin_or_full_svd)
    table.counted("prims::normal", "prims::uniform", "rngprims::philox_rand", family=family)(draw)
    for names, because in ((_VIEWS, VIEW), (_COPIES, COPY), (_CONSTANTS, CONSTANTS)):
        table.free(*(f"prims::{name}" for name in names), family=family, because=because)


def one_each(call: OpCall) -> Cost:
    """One function, sum, product or comparison: 1 per output element, as torch's operator of that name."""
    return Cost.of(other=call.outputs[0].numel)


def finite(call: OpCall) -> Cost:
    """The comparison abs(x) < inf: 2 per output element."""
    return Cost.of(other=2 * call.outputs[0].numel)


def hypotenuse(call: OpCall) -> Cost:
    """The root of x * x + y * y: 4 per output element."""
    return Cost.of(other=4 * call.outputs[0].numel)
