"""Looking up the rule of an operator: in the table or, as a last resort, in torch's own registry of formulas."""

from __future__ import annotations

import sys
from typing import Any

import torch

from archscope.errors import FormulaError
from archscope.formulas import Cost, FormulaTable
from archscope.formulas.table import COUNTED, Formula, Rule
from archscope.records import OpCall, TensorMeta

FAMILY = "torch"
_DERIVATION = "As torch.utils.flop_counter's registry has it: macs are half of its flops."


def find_rule(formulas: FormulaTable, op: str) -> Rule | None:
    """The rule of ``formulas`` for ``op``, else one made from torch's registry (family ``torch``), else None."""
    return formulas.find(op) or _of_torch(op)


def cost_of(rule: Rule, call: OpCall) -> Cost:
    """What ``call`` costs by ``rule``; a formula that raises becomes a FormulaError that names the operator."""
    try:
        return rule.formula(call)
    except Exception as error:
        shapes = ", ".join("x".join(map(str, tensor.shape)) or "a scalar" for tensor in call.inputs)
        raise FormulaError(
            f"the formula of {rule.op} raised {type(error).__name__}: {error}",
            where=f"{call.path or 'the model itself'}, {call.op} of {shapes or 'no tensors'}",
            help="mend the formula; it gets the call's arguments by their names in the operator's schema",
        ) from error


def _of_torch(op: str) -> Rule | None:
    counter = sys.modules.get("torch.utils.flop_counter")  # not loaded: nobody registered anything
    namespace, _, name = op.partition("::")
    packet = getattr(getattr(torch.ops, namespace, None), name.partition(".")[0], None) if counter else None
    if counter is None or packet not in counter.flop_registry:
        return None
    formula = _with_tensors(counter.flop_registry[packet])
    return Rule(op=op, kind=COUNTED, family=FAMILY, formula=formula, derivation=_DERIVATION)


def _with_tensors(count: Any) -> Formula:
    """Torch's formulas take the call itself: positional arguments, and tensors, for which meta tensors stand in."""

    def formula(call: OpCall) -> Cost:
        name, _, overload = call.op.partition(".")
        schema = torch._C._get_schema(name, overload)  # noqa: SLF001 - no public name
        by_keyword = {argument.name for argument in schema.arguments if argument.kwarg_only}
        args = [_tensor(value) for key, value in call.arguments.items() if key not in by_keyword]
        kwargs = {key: _tensor(value) for key, value in call.arguments.items() if key in by_keyword}
        outputs = tuple(map(_tensor, call.outputs))
        flops = count(*args, **kwargs, out_val=outputs[0] if len(outputs) == 1 else outputs)
        return Cost(macs=flops // 2, flops=flops)

    return formula


def _tensor(value: Any) -> Any:
    if isinstance(value, TensorMeta):
        return torch.empty(value.shape, dtype=getattr(torch, value.dtype), device="meta")
    if isinstance(value, list):
        return [_tensor(item) for item in value]
    return value
