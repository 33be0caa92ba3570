"""bitsandbytes: products with weights of 4 and 8 bits, which count as the linear layer that they stand for."""

from __future__ import annotations

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall

_HOME = "bitsandbytes"


def register(table: FormulaTable) -> None:
    """Add the operators of bitsandbytes to ``table``."""
    family = "quantization"
    table.counted(f"{_HOME}::gemm_4bit", f"{_HOME}::gemv_4bit", family=family)(product_of_4_bits)
    table.counted(
        f"{_HOME}::int8_linear_matmul", f"{_HOME}::int8_scaled_mm", f"{_HOME}::int8_mixed_scaled_mm", family=family
    )(product_of_8_bits)
    table.counted(
        f"{_HOME}::dequantize_4bit",
        f"{_HOME}::dequantize_blockwise",
        f"{_HOME}::int8_vectorwise_dequant",
        family=family,
    )(dequantize)
    table.counted(f"{_HOME}::int8_mm_dequant", family=family)(scaled)
    table.counted(
        *(f"{_HOME}::{name}" for name in ("int8_vectorwise_quant", "int8_double_quant", "quantize_4bit")),
        f"{_HOME}::quantize_blockwise",
        family=family,
    )(quantize)


def product_of_4_bits(call: OpCall) -> Cost:
    """`A @ W^T` with `W` of `shapeB`, unpacked first: per weight a look-up of its code, a multiply by its scale.

    The bias adds one per output element.
    """
    rows, inner = call.arguments["shapeB"]
    samples = call.arguments["A"].numel // inner
    bias = samples * rows if call.arguments.get("bias") is not None else 0
    return Cost.of(macs=samples * rows * inner, other=rows * inner + bias)


def product_of_8_bits(call: OpCall) -> Cost:
    """`A @ B^T` of integers; where scales are given, two multiplies per output element, and one add for a bias."""
    arguments = call.arguments
    weight = arguments.get("B", arguments.get("CB"))
    rows, inner = weight.shape
    outputs = arguments["A"].numel // inner * rows
    scales = 2 if {"row_stats", "SCB"} & set(arguments) else 0
    each = scales + (arguments.get("bias") is not None)
    return Cost.of(macs=outputs * inner, other=each * outputs)


def dequantize(call: OpCall) -> Cost:
    """A multiply by the scale of its block or row per element."""
    return Cost.of(other=call.outputs[0].numel)


def scaled(call: OpCall) -> Cost:
    """A multiply by the scale of the row and of the column per element, and one add for a bias."""
    return Cost.of(other=(2 + (call.arguments.get("bias") is not None)) * call.arguments["A"].numel)


def quantize(call: OpCall) -> Cost:
    """Absolute value, maximum, multiply and round: four per element."""
    return Cost.of(other=4 * call.arguments["A"].numel)
