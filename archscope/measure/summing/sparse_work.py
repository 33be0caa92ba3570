"""What an operator costs on sparse tensors: the values that they hold decide, not the sizes they are told to have."""

from __future__ import annotations

from archscope.formulas import Cost
from archscope.records import OpCall, TensorMeta


def sparse_cost(call: OpCall, cost: Cost, *, multiplies: bool) -> Cost | None:
    """``cost``, as of dense tensors, for what the sparse ones among the operands and the result of ``call`` hold.

    A product with one sparse operand (``multiplies``) takes a multiply-accumulate for each value of it and each column
    of the other, ``macs x values / elements``; what it adds besides stays. Other operators work on the values alone.
    None where two sparse matrices are multiplied: only their indices tell which values meet.
    """
    operands = [tensor for tensor in call.inputs if tensor.stored is not None]
    if multiplies and len(operands) > 1:
        return None
    sparse = operands or [output for output in call.outputs if output.stored is not None]
    if not sparse:
        return cost
    macs = _share(cost.macs, sparse[0])
    rest = cost.flops - 2 * cost.macs
    return Cost(macs, 2 * macs + (rest if multiplies else _share(rest, sparse[0])))


def _share(amount: int, tensor: TensorMeta) -> int:
    held = tensor.stored.values if tensor.stored is not None else tensor.numel
    return amount * held // tensor.numel if tensor.numel else 0
