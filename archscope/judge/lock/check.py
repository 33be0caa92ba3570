"""Checking a model's report against its lock entry."""

from __future__ import annotations

from dataclasses import replace

from archscope.judge.budgets import check
from archscope.judge.lock.entries import Lock, LockEntry, lock_entry, require_same_provenance
from archscope.judge.lock.growth import growth
from archscope.policy import FAILED, Budget, BudgetResult, CheckResult, Limit, LockPolicy
from archscope.report import Report

STALE = "the lock is stale: `archscope lock` brings it up to date"


def check_lock(name: str, report: Report, lock: Lock, policy: LockPolicy, *, exact: bool = False) -> CheckResult:
    """Every locked total of ``name`` with the growth that the policy tolerates as its limit.

    A lock that is not what `archscope lock` would write now is noted, and fails when ``exact``. Raises
    NotComparableError when the figures come from other things than they did then.
    """
    locked = lock.entries[name]
    now = lock_entry(name, report, policy, locked.increases)
    if not (locked.source and now.source):
        now = replace(now, source=locked.source, options=locked.options)
    require_same_provenance(locked, now, lock.location(name))
    budgets = [
        Budget(
            name=f"lock:{name}:{metric}",
            model=name,
            metric=metric,
            max=_limit(value, policy.tolerance),
            location=lock.location(name, metric),
        )
        for metric, value in sorted(locked.totals.items())
    ]
    result = check(report, budgets, same_values=True)
    rows = tuple(explained(row, locked, now) for row in result.results)
    if locked != now and rows:
        rows = _stale(rows, locked, exact=exact)
    return replace(result, results=rows)


def _limit(value: int, tolerance: Limit) -> Limit:
    most = value + (tolerance.of(value) or 0)
    return Limit(text=str(most), count=most)


def explained(row: BudgetResult, locked: LockEntry, now: LockEntry, report: Report | None = None) -> BudgetResult:
    """``row``, if it failed, with what grew since the lock; ``report`` tells what belongs to its component."""
    if row.status != FAILED:
        return row
    paths = None
    if row.component and report is not None:
        paths = frozenset(module.path for module in report.modules if module.component == row.component)
    return replace(row, growth=growth(locked, now, row.metric, paths))


def _stale(rows: tuple[BudgetResult, ...], locked: LockEntry, *, exact: bool) -> tuple[BudgetResult, ...]:
    """Note it on the totals that moved, or on the first when only modules did."""
    moved = {row.name for row in rows if row.value != locked.totals[row.metric]} or {rows[0].name}
    return tuple(
        replace(row, notes=(*row.notes, _was(row, locked)), status=FAILED if exact else row.status)
        if row.name in moved and row.status != FAILED
        else row
        for row in rows
    )


def _was(row: BudgetResult, locked: LockEntry) -> str:
    before = locked.totals[row.metric]
    return f"{STALE} (locked {before:,})" if before != row.value else f"{STALE} (the same total, other modules)"
