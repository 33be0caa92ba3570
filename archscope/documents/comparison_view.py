"""What to show of a comparison, and what conditions know of its rows."""

from __future__ import annotations

from dataclasses import dataclass

from archscope.documents.where import Where
from archscope.metrics import Rows, carried_by
from archscope.results.comparison import Change, Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonView:
    """What to show: changes of ``metric`` first, modules down to ``depth``, ``limit`` of them at most (0: all).

    ``where`` says which components and modules; ``wide`` shows every prominent metric of them.
    """

    metric: str = "parameters"
    depth: int = 1
    limit: int = 30
    where: Where | None = None
    wide: bool = False

    def wants(self, change: Change, comparison: Comparison, **names: str | int) -> bool:
        """Whether a row is one of those that ``where`` describes."""
        if self.where is None:
            return True
        return self.where.holds({**change_fields(change), **names}, change_fields(comparison.totals))


def change_fields(change: Change) -> dict[str, int | None]:
    """What conditions know of a row: each metric is the larger of both sides, ``before.``, ``after.``, ``delta.``."""
    fields: dict[str, int | None] = {}
    for name in carried_by(Rows.COMPONENTS):
        before, after = change.base.get(name), change.head.get(name)
        known = [value for value in (before, after) if value is not None]
        fields[name] = max(known, default=None)
        fields |= {f"before.{name}": before, f"after.{name}": after, f"delta.{name}": change.delta.get(name)}
    return fields
