"""Products of nested tensors, which torch runs whole: one call for each constituent, with its sizes."""

from __future__ import annotations

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall


def register(table: FormulaTable) -> None:
    """Add the products that reach the dispatcher for nested tensors alone to ``table``."""
    table.counted("aten::matmul", family="matmul")(matmul)


def matmul(call: OpCall) -> Cost:
    """Every output element is a dot product over the shared size k, the left's last: macs = numel(output) x k."""
    return Cost.of(macs=call.outputs[0].numel * call.inputs[0].shape[-1])
