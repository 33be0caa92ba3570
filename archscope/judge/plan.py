"""Judging reduction targets: whether they add up, and what each proposed change really saves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from archscope.config import nearest
from archscope.errors import ConfigError
from archscope.judge.budgets import complete
from archscope.judge.reservations import missing_weights
from archscope.judge.sweep import measure_setting
from archscope.metrics import METRICS
from archscope.report import Report
from archscope.results.plan import PLAN_VERSION, Plan, Proposal, Step, TargetRow, TargetSheet
from archscope.results.sweep import Point, Setting


def make_plan(  # noqa: PLR0913 - a plan is all of these
    sheet: TargetSheet,
    report: Report,
    model: str,
    *,
    options: Mapping[str, Any],
    inputs: Any,
    against: Report | None = None,
    measured: Callable[[int, int], None] | None = None,
) -> Plan:
    """The targets of ``sheet`` beside ``report``, and every proposal built on meta and measured.

    ``model`` and ``options`` are what ``report`` was loaded from, to build it anew; ``measured`` hears how many
    proposals of how many are. Raises ConfigError, with file and line, for a component or option that the model does not
    have, and for a metric that ``report`` did not measure.
    """
    total = report.totals[sheet.metric]
    if total is None:
        raise ConfigError(f"{sheet.metric} was not measured", where=sheet.file, help="give the model an --input")
    _require_options(sheet, report)
    return Plan(
        plan_version=PLAN_VERSION,
        document=sheet.document,
        model=report.model,
        inputs=report.inputs,
        metric=sheet.metric,
        goal=sheet.goal,
        total=total,
        macs=report.totals.macs,
        complete=complete(report, METRICS[sheet.metric]) and not missing_weights(report, METRICS[sheet.metric]),
        rows=_rows(sheet, report, against),
        steps=_steps(sheet, model, dict(options), inputs, measured),
        against=against.model.name if against else "",
        against_total=against.totals[sheet.metric] if against else None,
    )


def _require_options(sheet: TargetSheet, report: Report) -> None:
    known = [option.name for option in report.model.options]
    for proposal in sheet.proposals:
        for setting in proposal.settings:
            if known and setting.name not in known:
                raise ConfigError(
                    f"{report.model.name} has no option {setting.name!r}",
                    where=str(proposal.location),
                    help=nearest(setting.name, known),
                )


def _rows(sheet: TargetSheet, report: Report, against: Report | None) -> tuple[TargetRow, ...]:
    targets = {target.component: target for target in sheet.targets}
    components = {row.name: row[sheet.metric] or 0 for row in report.components}
    for name, target in targets.items():
        if name not in components:
            raise ConfigError(
                f"{report.model.name} has no component {name!r}",
                where=str(target.location),
                help=nearest(name, components),
            )
    others = {row.name: row[sheet.metric] or 0 for row in against.components} if against else {}
    rows = []
    for name in dict.fromkeys([*components, *others]):
        current, wanted = components.get(name, 0), targets.get(name)
        rows.append(
            TargetRow(
                component=name,
                published=wanted.current if wanted else None,
                current=current,
                target=wanted.target if wanted else current,
                corrected=_corrected(wanted.target, wanted.current, current) if wanted else current,
                has_target=wanted is not None,
                against=others.get(name, 0) if against else None,
            )
        )
    return tuple(row for row in rows if row.has_target or row.current or row.against)


def _corrected(target: int, published: int | None, current: int) -> int:
    """The share of the true size that ``target`` is of the published one."""
    return round(Fraction(target * current, published)) if published else target


def _steps(
    sheet: TargetSheet, model: str, options: dict[str, Any], inputs: Any, measured: Callable[[int, int], None] | None
) -> tuple[Step, ...]:
    steps: list[Step] = []
    so_far: dict[str, Any] = dict(options)
    for done, proposal in enumerate(sheet.proposals):
        if measured is not None:
            measured(done, len(sheet.proposals))
        changed = {setting.name: setting.value for setting in proposal.settings}
        alone = measure_setting(model, options, inputs, proposal.settings)
        in_sequence = measure_setting(model, so_far, inputs, proposal.settings)
        if not in_sequence.reason:
            so_far |= changed
        steps.append(_step(sheet, proposal, alone, in_sequence))
    return tuple(steps)


def _step(sheet: TargetSheet, proposal: Proposal, alone: Point, in_sequence: Point) -> Step:
    settings: tuple[Setting, ...] = proposal.settings
    return Step(
        name=proposal.name,
        settings=settings,
        assumed=proposal.saves,
        alone=alone[sheet.metric],
        alone_macs=alone.macs,
        alone_reason=alone.reason,
        sequence=in_sequence[sheet.metric],
        sequence_macs=in_sequence.macs,
        sequence_reason=in_sequence.reason,
    )
