"""What the callbacks of all training libraries share: one measurement before the start, its figures, its budgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from archscope.api.analyzing import analyze
from archscope.api.judging import limits_of
from archscope.errors import OverBudgetError
from archscope.judge.budgets import check
from archscope.metrics import METRICS
from archscope.policy import FAILED, CheckResult
from archscope.report import Report

_LOGGED = ("parameters", "trainable", "macs", "flops")


def measured(
    model: Any, inputs: Any, limits: Mapping[str, str | int], call: str = ""
) -> tuple[Report, CheckResult | None]:
    """The report of ``model`` on ``inputs``, and what came of ``limits``; None where there are none."""
    needs_step = any(METRICS[name].of_training for name in limits if name in METRICS)
    report = analyze(model, inputs, call=call, training=needs_step)
    if not limits:
        return report, None
    budgets = [replace(budget, model=report.model.name) for budget in limits_of("", limits)]
    return report, check(report, budgets)


def require(result: CheckResult | None) -> None:
    """Raise OverBudgetError, in the words of ``archscope check``, unless every limit is known to hold."""
    if result is not None and not result.passed:
        over = [row for row in result.results if row.status == FAILED]
        why = "over budget" if over else "a budget is not proven"
        raise OverBudgetError(f"training does not start: {why}\n{result}")


def logged(report: Report) -> dict[str, float]:
    """The figures for a logger: ``archscope/macs`` and others; what was not measured is left out."""
    totals = report.totals
    return {f"archscope/{name}": float(totals[name] or 0) for name in _LOGGED if totals[name] is not None}
