"""Which modules made a figure grow since it was locked, and how: new, wider, changed or removed."""

from __future__ import annotations

from archscope.judge.lock.entries import LockedModule, LockEntry
from archscope.metrics import METRICS
from archscope.policy import Growth
from archscope.records import Shape

NEW, WIDER, CHANGED, REMOVED = "new", "wider", "changed", "removed"


def growth(
    locked: LockEntry, now: LockEntry, metric: str, component: frozenset[str] | None = None
) -> tuple[Growth, ...]:
    """Every module whose own ``metric`` is not what it was, the largest growth first; their deltas add to the total's.

    ``component`` keeps the modules of these paths only. Empty when the lock does not hold the metric by module.
    """
    if not METRICS[metric].additive or metric not in locked.totals or metric not in now.totals:
        return ()
    before = {module.path: module for module in locked.modules}
    after = {module.path: module for module in now.modules}
    rows = [_row(path, before.get(path), after.get(path), metric) for path in sorted(before.keys() | after.keys())]
    changed = [row for row in rows if row.delta and (component is None or row.path in component)]
    return tuple(sorted(changed, key=lambda row: (-row.delta, row.path)))


def _row(path: str, old: LockedModule | None, new: LockedModule | None, metric: str) -> Growth:
    return Growth(
        path=path,
        type=(new or old or _NOTHING).type,
        kind=_kind(old, new),
        before=old.figures.get(metric, 0) if old else 0,
        after=new.figures.get(metric, 0) if new else 0,
        shapes_before=_shapes(old),
        shapes_after=_shapes(new),
    )


_NOTHING = LockedModule(path="", type="", inputs=(), outputs=(), figures={})


def _kind(old: LockedModule | None, new: LockedModule | None) -> str:
    if old is None:
        return NEW
    if new is None:
        return REMOVED
    return WIDER if (old.inputs, old.outputs) != (new.inputs, new.outputs) else CHANGED


def _shapes(module: LockedModule | None) -> str:
    """``1x64x80x80 -> 1x32x80x80``; empty for a module that is not there or did not run."""
    if module is None or not (module.inputs or module.outputs):
        return ""
    return f"{_written(module.inputs)} -> {_written(module.outputs)}"


def _written(shapes: tuple[Shape, ...]) -> str:
    return ", ".join("x".join(map(str, shape)) or "scalar" for shape in shapes) or "nothing"
