"""Products of nested tensors, which torch runs whole: one call for each constituent, with its sizes."""

from __future__ import annotations

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall


def register(table: FormulaTable) -> None:
    """Add the products that reach the dispatcher for nested tensors alone to ``table``."""
    table.counted("aten::matmul", family="matmul")(matmul)
    table.counted("aten::matmul_backward", family="matmul")(matmul_backward)
    table.counted("aten::linear_backward", family="matmul")(linear_backward)


def matmul(call: OpCall) -> Cost:
    """Every output element is a dot product over the shared size k, the left's last: macs = numel(output) x k."""
    return Cost.of(macs=call.outputs[0].numel * call.inputs[0].shape[-1])


def matmul_backward(call: OpCall) -> Cost:
    """Each gradient that is asked for costs as many MACs as the product: numel(output) x k, k the left's last size."""
    gradient, left = call.inputs[0], call.inputs[1]
    return Cost.of(macs=gradient.numel * left.shape[-1] * sum(call.arguments["mask"]))


def linear_backward(call: OpCall) -> Cost:
    """The gradients of input and weight, as far as they are asked for, cost numel(output) x features_in MACs each.

    That of the bias is a sum over the rows: numel(output) flops.
    """
    output, features = call.arguments["grad_output"].numel, call.arguments["self"].shape[-1]
    of_input, of_weight, of_bias = call.arguments["output_mask"]
    return Cost.of(macs=output * features * (of_input + of_weight), other=output if of_bias else 0)
