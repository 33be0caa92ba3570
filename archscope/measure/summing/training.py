"""The cost of a training step, from its trace: backward FLOPs and the parts of its memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from archscope.errors import UsageError
from archscope.formulas import Cost, FormulaTable
from archscope.measure.summing.counted_calls import CountedCall, count, uncounted_rows
from archscope.measure.summing.optimizers import OPTIMIZERS
from archscope.measure.summing.peak_memory import held_when_backward_starts, peak_activation_bytes
from archscope.metrics import Figures
from archscope.records import Path, Trace
from archscope.report import UNASSIGNED, Training, UncountedRow

_STEP_BYTES = 4


def training_figures(
    step: Trace, formulas: FormulaTable, optimizer: str
) -> tuple[Training, dict[Path, Cost], tuple[UncountedRow, ...]]:
    """The figures of a step, the backward cost that each module's own forward caused, and what has no formula.

    Raises UsageError for an optimizer that is not known.
    """
    if optimizer not in OPTIMIZERS:
        raise UsageError(f"unknown optimizer {optimizer!r}", help=f"the optimizers are {', '.join(OPTIMIZERS)}")
    counted = count(step, formulas)
    uncounted = uncounted_rows(counted)
    forward = _sum([item for item in counted if item.call.phase == "forward"])
    backward = [item for item in counted if item.call.phase == "backward"]
    by_module: dict[Path, list[CountedCall]] = defaultdict(list)
    for item in backward:
        by_module[item.call.path].append(item)
    own = {path: _sum(items) for path, items in by_module.items()}
    whole = _sum(backward)
    trainable = [record for record in step.parameters if record.trainable]
    copies, steps = OPTIMIZERS[optimizer]
    gradients = sum(record.nbytes for record in trainable)
    state = copies * gradients + (_STEP_BYTES * len(trainable) if steps else 0)
    peak = peak_activation_bytes(step)
    weights = sum(record.nbytes for records in (step.parameters, step.buffers) for record in records)
    return (
        Training(
            optimizer=optimizer,
            figures=Figures(
                forward_macs=forward.macs,
                forward_flops=forward.flops,
                backward_macs=whole.macs,
                backward_flops=whole.flops,
                unassigned_flops=own.get(UNASSIGNED, Cost()).flops,
                gradient_bytes=gradients,
                saved_activation_bytes=held_when_backward_starts(step),
                optimizer_bytes=state,
                peak_bytes=peak,
                memory_bytes=weights + state + peak,
            ),
            complete=not uncounted,
        ),
        own,
        uncounted,
    )


def _sum(items: Sequence[CountedCall]) -> Cost:
    return Cost(sum(item.cost.macs for item in items), sum(item.cost.flops for item in items))
