"""What a report answers: where bounds hold, what lies below a path, which modules do not overlap, who leads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archscope.metrics import Metric
from archscope.records import InputRecord, Path
from archscope.report import UNSEEN, ComponentRow, ModelInfo, ModuleRow, Report, ValueRow
from archscope.spec import Option


def uncounted_paths(report: Report) -> frozenset[Path]:
    """Every module that runs an operator without a formula, and every module around one."""
    paths = {path for row in report.uncounted for path in row.modules}
    return frozenset(ancestor for path in paths for ancestor in (path, *ancestors(path)))


def short_components(report: Report) -> frozenset[str]:
    """The components whose MACs and FLOPs are lower bounds."""
    paths = {path for row in report.uncounted for path in row.modules}
    return frozenset(row.component for row in report.modules if row.path in paths)


def ancestors(path: Path) -> tuple[Path, ...]:
    """The paths above ``path``, the root ``""`` last; the root has none."""
    if not path:
        return ()
    names = path.split(".")
    return (*(".".join(names[:count]) for count in range(len(names) - 1, 0, -1)), "")


def parent(path: Path) -> Path:
    """The path above; the root's is the root."""
    return path.rpartition(".")[0]


def children(report: Report) -> dict[Path, list[ModuleRow]]:
    """The modules directly below each path, in the model's order."""
    below: dict[Path, list[ModuleRow]] = {}
    for row in report.modules:
        if row.path:
            below.setdefault(parent(row.path), []).append(row)
    return below


def ranked(rows: Iterable[ModuleRow], metric: str, count: int = 10) -> tuple[ModuleRow, ...]:
    """The ``count`` rows with the largest figures, ties in the model's order; rows of 0 are left out."""
    sized = [row for row in rows if row.figures.get(metric)]
    return tuple(sorted(sized, key=lambda row: -(row.figures.get(metric) or 0))[:count])


def leaders(rows: Iterable[ComponentRow], metric: str) -> tuple[ComponentRow, ...]:
    """The component with the largest figure, all of them when several tie, none when there is nothing."""
    sized = [(row.figures.get(metric) or 0, row) for row in rows]
    most = max((value for value, _ in sized), default=0)
    return tuple(row for value, row in sized if value == most) if most else ()


def unseen(report: Report) -> str:
    """What to say of kernels that nobody saw, and what to do; nothing where there are none."""
    calls = sum(row.calls for row in report.uncounted if row.op == UNSEEN)
    if calls <= len(report.unseen):  # all of them are told by themselves
        return ""
    return (
        f"{UNSEEN}: memory was used that no operator had written, as by a kernel that torch's dispatcher does not "
        "see. torch.library.custom_op gives it a name, and a formula for that name its cost"
    )


#: What to say of control flow that no value decided, by what was taken for it.
UNDECIDED = {
    "larger branch": "which branch runs is not known, the one with more FLOPs is counted",
    "one step": "how often it runs is not known, one step is counted",
}


def changed_options(model: ModelInfo) -> list[Option]:
    """The options of a model that differ from their defaults."""
    return [option for option in model.options if option.value != option.default]


def describe_inputs(inputs: Iterable[InputRecord]) -> str:
    """``x 1x3x640x640 float32``, several with commas."""
    return ", ".join(f"{record.name} {shape(record.shape)} {record.dtype}".strip() for record in inputs)


def describe_shapes(inputs: Iterable[InputRecord]) -> str:
    """``1x3x640x640 float32``, several with commas; ``none`` for a model that was not run."""
    return ", ".join(f"{shape(record.shape)} {record.dtype}" for record in inputs) or "none"


def shape(sizes: Iterable[int]) -> str:
    """``1x3x640x640``; no sizes at all are a scalar."""
    return "x".join(map(str, sizes)) or "scalar"


def decides(row: ValueRow, metric: Metric[Any]) -> bool:
    """Whether ``metric`` may be another figure for other values than those that the line of ``row`` read.

    So may the MACs of what did not run at all: the values of this run left it nothing.
    """
    return metric.run and (metric.name != "macs" or row.macs > 0 or row.flops == 0)
