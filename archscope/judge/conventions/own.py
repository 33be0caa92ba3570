"""archscope's own figures, as conventions beside the others."""

from __future__ import annotations

from types import MappingProxyType

from archscope.judge.conventions.convention import Convention, OperatorRule, own_cost
from archscope.records import OpCall


def _macs(call: OpCall) -> int:
    return own_cost(call).macs


def _flops(call: OpCall) -> int:
    return own_cost(call).flops


def _own(name: str, description: str, rule: OperatorRule) -> Convention:
    return Convention(
        name=name,
        description=description,
        modules=MappingProxyType({}),
        operators=MappingProxyType({"*": rule}),
        parameters_of_modules=False,
        counts_paths=False,
    )


MACS = _own(
    "macs",
    "archscope's MACs: the multiply-accumulates of convolutions (deformable ones too), matrix products, attention and "
    "recurrent gates; bias adds are none.",
    _macs,
)
FLOPS = _own(
    "flops",
    "archscope's FLOPs: two for each multiply-accumulate and one for every other arithmetic operation of the textbook "
    "algorithm, as docs/counting.md derives them.",
    _flops,
)
