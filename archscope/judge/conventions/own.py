"""archscope's own MACs and FLOPs as conventions, to stand beside those of other counters."""

from __future__ import annotations

from archscope.judge.conventions.convention import Convention, own_cost
from archscope.measure.summing.complex_convolutions import folded_calls
from archscope.records import Trace


def _part_of_another(trace: Trace) -> frozenset[int]:
    return folded_calls(trace.calls or ())


MACS = Convention(
    name="macs",
    description=(
        "archscope's MACs: the multiply-accumulates of convolutions (deformable ones too), matrix products, attention "
        "and recurrent gates; bias adds are none."
    ),
    operators={"*": lambda call: own_cost(call).macs},
    hidden=_part_of_another,
)
FLOPS = Convention(
    name="flops",
    description=(
        "archscope's FLOPs: two for each multiply-accumulate and one for every other arithmetic operation of the "
        "textbook algorithm, as docs/counting.md derives them."
    ),
    operators={"*": lambda call: own_cost(call).flops},
    hidden=_part_of_another,
)
