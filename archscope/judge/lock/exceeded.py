"""The budgets of a config that stand in the way of a growth that was accepted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from archscope.judge.budgets import figure
from archscope.metrics import METRICS
from archscope.policy import Budget
from archscope.report import Report


def exceeded(budgets: Iterable[Budget], reports: Mapping[str, Report]) -> dict[Budget, int]:
    """Each absolute budget of a model in ``reports`` that it exceeds, with what the model has now."""
    found = {}
    for budget in budgets:
        if budget.model not in reports or budget.max.count is None:
            continue
        value = figure(reports[budget.model], METRICS[budget.metric], budget.component)
        if value is not None and value > budget.max.count:
            found[budget] = value
    return found
