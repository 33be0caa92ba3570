"""The cells of a change: before, after, difference and percent; and which rows of a comparison are shown."""

from __future__ import annotations

from collections.abc import Sequence

from archscope.results.comparison import Comparison, Figures, ModuleChange
from archscope.units import format_integer, format_percent

TAGS = {"new": "[NEW]", "deleted": "[DEL]", "both": ""}
TITLES = {"parameters": "parameters", "macs": "MACs", "flops": "FLOPs", "activations": "activations"}
RUN_BOUNDS = ("macs", "flops")


def metrics(comparison: Comparison, metric: str = "parameters") -> tuple[str, ...]:
    """The metrics of a table: parameters, MACs and ``metric``, as far as either side was measured."""
    totals = comparison.totals
    measured = totals.base.macs is not None or totals.head.macs is not None
    wanted = ["parameters", "macs", *([metric] if metric not in {"parameters", "macs"} else [])]
    return tuple(name for name in wanted if name == "parameters" or measured)


def value(figures: Figures, metric: str) -> int | None:
    """``figures.<metric>``."""
    found: int | None = getattr(figures, metric)
    return found


def signed(delta: int | None) -> str:
    """``-1,234``, ``+5``, ``0``; ``-`` when it is not known."""
    return format_integer(delta) if not delta else f"{delta:+,}"


def percent(base: int | None, delta: int | None) -> str:
    """The change in percent of ``base``: ``-57.91 %``; ``0 %`` for none, empty when there was nothing before."""
    if base is None or delta is None or (not base and delta):
        return ""
    if not delta:
        return "0 %"
    return ("+" if delta > 0 else "") + format_percent(delta, base)


def bounded(figure: int | None, metric: str, *, complete: bool) -> str:
    """``592,371``, or ``>= 592,371`` where operators are uncounted."""
    text = format_integer(figure)
    return text if complete or metric not in RUN_BOUNDS or figure is None else f">= {text}"


def cells(
    base: Figures, head: Figures, delta: Figures, metric: str, comparison: Comparison
) -> tuple[str, str, str, str]:
    """Before, after, difference and percent of one metric."""
    before, after, change = value(base, metric), value(head, metric), value(delta, metric)
    return (
        bounded(before, metric, complete=comparison.base.complete),
        bounded(after, metric, complete=comparison.head.complete),
        signed(change),
        percent(before, change),
    )


def module_rows(comparison: Comparison, *, depth: int, metric: str) -> tuple[Sequence[ModuleChange], int]:
    """The changed modules down to ``depth`` (0 all levels), the largest change first, and how many are unchanged."""
    within = [row for row in comparison.modules if row.path and (not depth or row.depth <= depth)]
    changed = [row for row in within if row.is_changed]
    changed.sort(key=lambda row: (-abs(value(row.delta, metric) or 0), -abs(row.delta.parameters), row.path))
    return changed, len(within) - len(changed)


def side_name(name: str, options: Sequence[tuple[str, object]]) -> str:
    """A model's name with the options that were set: ``featherface-baseline (bifpn_channels=32)``."""
    if not options:
        return name
    return f"{name} ({', '.join(f'{option}={setting}' for option, setting in options)})"
