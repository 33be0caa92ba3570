"""Matrix products."""

from __future__ import annotations

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall


def register(table: FormulaTable) -> None:
    """Add the matrix products to ``table``."""
    table.counted("aten::mm", "aten::bmm", family="matmul")(product)
    table.counted("aten::addmm", "aten::baddbmm", "aten::addbmm", family="matmul")(product_with_addend)


def product(call: OpCall) -> Cost:
    """Every output element is a dot product over the shared size k, the left's last: macs = numel(output) x k."""
    return Cost.of(macs=call.outputs[0].numel * call.inputs[0].shape[-1])


def product_with_addend(call: OpCall) -> Cost:
    """The sum beta x input + alpha x (left @ right): macs = numel(output) x k, 1 flop per output element for the sum.

    ``addbmm`` also sums over its batch, so its k is batch x k. A beta or alpha other than 1 (and a beta other than 0)
    adds 1 flop per output element each.
    """
    arguments = call.arguments
    left = call.inputs[1]
    depth = left.shape[-1]
    if call.op.startswith("aten::addbmm"):
        depth = depth * left.shape[0]
    output = call.outputs[0].numel
    scalings = (arguments["alpha"] != 1) + (arguments["beta"] not in {0, 1})
    return Cost.of(macs=output * depth, other=output * (1 + scalings))
