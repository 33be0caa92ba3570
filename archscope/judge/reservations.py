"""Reservations: what makes figures hold in part or for these values alone, in words, for budgets and documents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archscope.metrics import METRICS, Metric
from archscope.report import UNSEEN, UNSEEN_KINDS, Report, UnregisteredRow, UnseenRow, ValueRow
from archscope.report_queries import decides

_LISTED = 5  # modules that a line names
_OF_PARAMETERS = {"parameters", "trainable", "parameter_bytes", "training_memory_bytes"}


def reservations(report: Report) -> tuple[str, ...]:
    """What the figures do not hold, or hold for these values alone; the names of files in it are not escaped."""
    unregistered = (say_unregistered(report.unregistered),) if report.unregistered else ()
    unseen_work = tuple(dict.fromkeys(f"{UNSEEN}: {say_unseen(row)}" for row in report.unseen))
    return (*unseen_work, *unregistered, *map(say_deciding, report.value_dependent))


def reservation(report: Report, name: str) -> str:
    """What stands behind the total ``name`` where it does not hold all, or holds for these values alone."""
    if name == "parameters" and report.unregistered:
        return f", {sum(row.numel for row in report.unregistered):,} more registered nowhere"
    held = {"macs", "flops"} & {name} and any(decides(row, METRICS[name]) for row in report.value_dependent)
    return ", for these values" if held else ""


def deciding_rows(report: Report, metric: Metric[Any], component: str = "") -> tuple[ValueRow, ...]:
    """The lines that decide by values what ``metric`` is: another input, or other weights, may give another figure."""
    places = _places(report, component)
    return tuple(
        row
        for row in report.value_dependent
        if decides(row, metric) and (not component or not row.modules or not places.isdisjoint(row.modules))
    )


def missing_weights(report: Report, metric: Metric[Any], component: str = "") -> tuple[UnregisteredRow, ...]:
    """The weights that ``metric`` does not hold because no module registered them."""
    if metric.name not in _OF_PARAMETERS:
        return ()
    places = _places(report, component)
    return tuple(row for row in report.unregistered if not component or row.path in places)


def _places(report: Report, component: str) -> frozenset[str]:
    return frozenset(row.path for row in report.modules if row.component == component) if component else frozenset()


def say_unregistered(rows: Iterable[UnregisteredRow]) -> str:
    """``144 elements in 4 tensors are multiplied but registered nowhere; ...``: no names of the model in it."""
    listed = tuple(rows)
    tensors = f"{len(listed)} tensor{'s' if len(listed) != 1 else ''}"
    used = "multiplied" if all(row.op for row in listed) else "held"
    return (
        f"{sum(row.numel for row in listed):,} elements in {tensors} are {used} but registered nowhere, so that no "
        "parameter count holds them; use nn.ModuleList, nn.Parameter or register_buffer"
    )


def say_deciding(row: ValueRow) -> str:
    """``net.py:30 (aten::nonzero, 2 calls) decides by values: 4,096 MACs and ... in head, neck``."""
    times = f", {row.calls} calls" if row.calls > 1 else ""
    names = [path or "the model itself" for path in row.modules[:_LISTED]]
    more = f" and {len(row.modules) - _LISTED} more" if len(row.modules) > _LISTED else ""
    line = f"{row.where or 'a line unknown'} ({row.op}{times}) decides by values"
    if not row.modules:
        return f"{line}: what it left out in this run is in no figure"
    return (
        f"{line}: {row.macs:,} MACs and {row.flops:,} FLOPs hold for the values of this run alone, in "
        f"{', '.join(names)}{more}"
    )


def say_unseen(row: UnseenRow) -> str:
    """``in another thread, at net.py:12``."""
    return UNSEEN_KINDS.get(row.kind, row.kind) + (f", at {row.where}" if row.where else "")
