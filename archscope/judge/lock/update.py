"""Updating lock entries: totals may fall freely, and rise only with a reason."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from archscope.config import Config
from archscope.errors import UsageError
from archscope.judge.lock.entries import Increase, Lock, LockEntry, lock_entry
from archscope.policy import LockPolicy
from archscope.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Rise:
    """A total that would be higher than it is locked."""

    model: str
    metric: str
    before: int
    after: int


def lockable(config: Config | None, lock: Lock | None) -> tuple[str, ...]:
    """Every model that the config names or limits, and those that are locked; raises UsageError when there is none."""
    named = [*config.models, *(budget.model for budget in config.budgets)] if config else []
    names = tuple(dict.fromkeys([*named, *(lock.entries if lock else ())]))
    if not names:
        raise UsageError("there is no model to lock", help="name one: archscope lock MODEL")
    return names


def relock(
    reports: Mapping[str, Report],
    lock: Lock | None,
    policy: LockPolicy,
    *,
    allowed: Collection[str] = (),
    reason: str = "",
) -> tuple[tuple[LockEntry, ...], tuple[Rise, ...]]:
    """The entries of the new lock file, those that were not measured as they are, and the rises that nobody allowed.

    A rise of a model in ``allowed`` is kept with its ``reason``.
    """
    entries = dict(lock.entries) if lock else {}
    refused: list[Rise] = []
    for name, report in reports.items():
        old = entries.get(name)
        new = lock_entry(name, report, policy, old.increases if old else ())
        if old and not new.source:  # of a model that a program built: where to build it stays as it is known
            new = replace(new, source=old.source, options=old.options)
        before = old.totals if old else new.totals
        rises = [
            Rise(model=name, metric=metric, before=before[metric], after=after)
            for metric, after in sorted(new.totals.items())
            if after > before.get(metric, after)
        ]
        if name in allowed:
            kept = [Increase(metric=r.metric, before=r.before, after=r.after, reason=reason) for r in rises]
            new = replace(new, increases=(*new.increases, *kept))
        else:
            refused += rises
        entries[name] = new
    return tuple(entries[name] for name in sorted(entries)), tuple(refused)
