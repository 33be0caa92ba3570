"""Checking one report against budgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archscope.config import nearest
from archscope.errors import ConfigError, NotComparableError
from archscope.judge.reservations import deciding_rows, missing_weights, say_deciding, say_unregistered
from archscope.metrics import BYTES, METRICS, FigureRow, Metric
from archscope.policy import (
    FAILED,
    PASSED,
    UNPROVEN,
    WARNED,
    Budget,
    BudgetResult,
    CheckedModel,
    CheckResult,
    Share,
)
from archscope.records import Path
from archscope.report import UNASSIGNED, Report, UncountedRow
from archscope.report_queries import describe_shapes

LARGEST = 3  # parts that a result names
MOST_MODULES = 5  # modules that it names for an operator without a formula


def check(
    report: Report,
    budgets: Sequence[Budget],
    *,
    relative: Mapping[str, Report] | None = None,
    same_values: bool = False,
) -> CheckResult:
    """Every budget of ``budgets`` held against ``report``, in their order.

    ``relative`` holds the reports of the models that percentages are relative to, by name. A MACs, FLOPs or memory
    budget on a report with uncounted operators never passes: over the limit it fails, else it is unproven; so does one
    on a figure that depends on values, unless the limits come from the ``same_values``, and one on parameters where
    weights are registered nowhere. Raises ConfigError for a component that the report does not have, NotComparableError
    for a relative budget whose two models ran on different inputs.
    """
    results = tuple(_result(report, budget, relative or {}, same_values=same_values) for budget in budgets)
    name = budgets[0].model if budgets else report.model.name
    return CheckResult(models=(CheckedModel(name=name, inputs=report.inputs),), results=results)


def figure(report: Report, metric: Metric[Any], component: str = "") -> int | None:
    """The value of ``metric`` in the whole or in one component; None when it was not measured.

    A report without the row ``[unassigned]`` leaves nothing unassigned: 0.
    """
    rows: dict[str, FigureRow] = {"": report.totals, **{row.name: row for row in report.components}}
    if component == UNASSIGNED not in rows and report.totals[metric.name] is not None:
        return 0
    return rows[component].figures.get(metric.name) if component in rows else None


def complete(report: Report, metric: Metric[Any]) -> bool:
    """Whether operators without a formula leave nothing out of ``metric``, as they do of MACs, FLOPs and memory."""
    if not (metric.lower_bound or (metric.run and metric.unit == BYTES)):
        return True
    step = report.totals.training
    return step.complete if metric.of_training and step else report.totals.complete


def _result(report: Report, budget: Budget, relative: Mapping[str, Report], *, same_values: bool) -> BudgetResult:
    metric = METRICS[budget.metric]
    _require_component(report, budget)
    value = figure(report, metric, budget.component)
    whole, firm = _whole(report, budget, metric, relative)
    most = budget.max.of(whole)
    missing = missing_weights(report, metric, budget.component)
    deciding = () if same_values else deciding_rows(report, metric, budget.component)
    lower_bound = not complete(report, metric) or bool(missing)
    level = budget.warn.of(whole) if budget.warn else None
    status = _status(value, most, level, proven=firm and not lower_bound and not deciding, firm=firm)
    reservations = [say_unregistered(missing)] if missing else []
    reservations += [say_deciding(row) for row in deciding]
    return BudgetResult(
        name=budget.name,
        model=budget.model,
        metric=metric.name,
        component=budget.component,
        value=value,
        lower_bound=lower_bound,
        max=most,
        status=status,
        excess=None if value is None or most is None else max(0, value - most),
        location=budget.location,
        message=budget.message,
        largest=largest_parts(report, metric, budget.component),
        notes=(*_notes(report, budget, value, most, status), *(reservations if status in {UNPROVEN, FAILED} else ())),
    )


def _status(value: int | None, most: int | None, level: int | None, *, proven: bool, firm: bool) -> str:
    """``firm`` when the limit itself is exact: then a lower bound above it is a failure."""
    if value is None or most is None:
        return UNPROVEN
    if value > most and firm:
        return FAILED
    if not proven:
        return UNPROVEN
    return WARNED if level is not None and value > level else PASSED


def _whole(
    report: Report, budget: Budget, metric: Metric[Any], relative: Mapping[str, Report]
) -> tuple[int | None, bool]:
    """What a percentage is of, and whether that is exact."""
    percentages = [limit for limit in (budget.max, budget.warn) if limit is not None and limit.percent is not None]
    if not percentages:
        return None, True
    if not budget.relative_to:
        return figure(report, metric), complete(report, metric)
    base = relative[budget.relative_to]
    _require_component(base, budget)
    if metric.run and _shapes(base) != _shapes(report):
        raise NotComparableError(
            f"budget {budget.name!r} compares {budget.model} with {budget.relative_to} on different inputs: "
            f"{describe_shapes(report.inputs)} and {describe_shapes(base.inputs)}",
            where=str(budget.location or ""),
            help="give both models the same inputs",
        )
    return figure(base, metric, budget.component), complete(base, metric)


def _shapes(report: Report) -> list[tuple[tuple[int, ...], str]]:
    return [(record.shape, record.dtype) for record in report.inputs]


def _require_component(report: Report, budget: Budget) -> None:
    names = [row.name for row in report.components]
    if budget.component and budget.component not in {*names, UNASSIGNED}:
        raise ConfigError(
            f"{report.model.name} has no component {budget.component!r} for the budget {budget.name!r}",
            where=str(budget.location or ""),
            help=nearest(budget.component, names) or "it has no components",
        )


def largest_parts(report: Report, metric: Metric[Any], component: str = "") -> tuple[Share, ...]:
    """The largest parts of a value: components of the whole, modules of a component."""
    if not metric.additive:
        return ()
    if component:
        values = {row.path: row[metric.name] for row in report.modules}
        parts = [(path, values[path]) for path in _instances(report, component)]
    else:
        parts = [(row.name, row[metric.name]) for row in report.components]
    known = [Share(name=name, value=value) for name, value in parts if value]
    return tuple(sorted(known, key=lambda share: (-share.value, share.name))[:LARGEST])


def _instances(report: Report, component: str) -> tuple[Path, ...]:
    return next((row.modules for row in report.components if row.name == component), ())


def _notes(report: Report, budget: Budget, value: int | None, most: int | None, status: str) -> tuple[str, ...]:
    metric = METRICS[budget.metric]
    notes = []
    if value is None and metric.of_training and report.totals.macs is not None:
        notes.append("not measured: the saved report holds no training step")
    elif value is None and metric.name == "arena_bytes" and report.totals.macs is not None:
        notes.append("not measured: only a TFLite file tells which operators run in which order in an arena")
    elif value is None:
        notes.append("not measured: the model was not run, because it has no inputs")
    elif most is None:
        notes.append(f"no limit: {budget.relative_to} was not run")
    listed = report.training_uncounted if metric.of_training else report.uncounted
    if not complete(report, metric) and status in {UNPROVEN, FAILED}:
        notes += [f"uncounted: {row.op}, {_calls(row)}" for row in listed]
    return tuple(notes)


def _calls(row: UncountedRow) -> str:
    named = [path or "(the model itself)" for path in row.modules[:MOST_MODULES]]
    more = [f"{len(row.modules) - MOST_MODULES} more"] if len(row.modules) > MOST_MODULES else []
    return f"{row.calls} call{'s' if row.calls != 1 else ''} in {', '.join(named + more)}"
