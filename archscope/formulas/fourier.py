"""Fast Fourier transforms."""

from __future__ import annotations

from archscope.formulas.cost import Cost
from archscope.formulas.sorting import ceil_log2
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall, TensorMeta


def register(table: FormulaTable) -> None:
    """Add the Fourier transforms to ``table``."""
    table.counted("aten::_fft_c2c", family="fourier")(complex_transform)
    table.counted("aten::_fft_r2c", "aten::_fft_c2r", family="fourier")(real_transform)


def _butterflies(call: OpCall, tensor: TensorMeta) -> int:
    levels = sum(ceil_log2(tensor.shape[dim]) for dim in call.arguments["dim"])
    return 5 * tensor.numel * levels


def _scaling(call: OpCall) -> int:
    """A normalised transform multiplies every real number of its output."""
    output = call.outputs[0]
    reals = 2 if output.dtype.startswith("complex") else 1
    return reals * output.numel if call.arguments.get("normalization", 0) != 0 else 0


def complex_transform(call: OpCall) -> Cost:
    """Cooley and Tukey 1965, radix 2: 5 n log2 n real operations along each axis of n (log2 rounded up).

    A butterfly of two elements takes a complex multiply (6) and two complex adds (4); there are n / 2 on each level. A
    normalised transform adds 1 per real number of the output.
    """
    return Cost.of(other=_butterflies(call, call.inputs[0]) + _scaling(call))


def real_transform(call: OpCall) -> Cost:
    """Half the complex transform of the same sizes: 5 / 2 n log2 n operations along each axis of n (log2 rounded up).

    A normalised transform adds 1 per real number of the output.
    """
    real = call.inputs[0] if "fft_r2c" in call.op else call.outputs[0]
    return Cost.of(other=_butterflies(call, real) // 2 + _scaling(call))
