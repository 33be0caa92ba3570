"""``archscope plan``: reduction targets, the proposals behind them, and sweeps over options."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from archscope.cli.failures import INTERRUPTED
from archscope.cli.measure import load_spec, measure, measure_and_trace, source_of
from archscope.cli.options import call_of, file_argument, limit_options, model_argument, model_options, rows_option
from archscope.cli.output import format_options, quiet_stdout, tell
from archscope.cli.progress import progress
from archscope.documents.plan import PLAN
from archscope.documents.sweep import SWEEP, brief_document
from archscope.errors import UsageError
from archscope.judge.plan import make_plan
from archscope.judge.plan_file import read_targets
from archscope.judge.sweep import run_sweep
from archscope.judge.sweep_options import DEFAULT_AXES, parse_axes, parse_vary
from archscope.judge.zoo_files import targets_beside
from archscope.metrics import Rows, carried_by
from archscope.policy import Budget
from archscope.results.plan import Plan, TargetSheet
from archscope.results.sweep import Limit, Sweep
from archscope.sources import parse_settings


@click.command("plan")
@model_argument
@file_argument
@model_options
@click.option("--against", metavar="MODEL", help="Add a column with what MODEL really has.")
@click.option(
    "--vary",
    multiple=True,
    metavar="KEY=VALUES",
    help="Sweep an option: 16:64:8 (the end included) or a,b,c; several span a grid.",
)
@click.option(
    "--axes",
    default=DEFAULT_AXES,
    show_default=True,
    metavar="METRIC:min|max,...",
    help="What the Pareto front of a sweep is about.",
)
@click.option("-j", "--jobs", type=click.IntRange(0), default=0, metavar="N", help="Processes; 0 is one per core.")
@click.option(
    "--time-limit",
    type=click.FloatRange(0, min_open=True),
    default=120,
    show_default=True,
    metavar="SECONDS",
    help="The longest that one setting of a sweep may take.",
)
@rows_option
@limit_options
@format_options(PLAN)
def command(  # noqa: PLR0913 - one argument for each option
    *,
    model: str,
    file: Path | None,
    inputs: tuple[str, ...],
    settings: tuple[str, ...],
    against: str | None,
    vary: tuple[str, ...],
    axes: str,
    jobs: int,
    time_limit: float,
    limit: int,
    limits: list[Budget],
    wanted: Mapping[str, str],
) -> None:
    """Tell whether the reduction targets of FILE add up, and measure what each proposal saves.

    FILE is TOML; models of the zoo may have one beside them. Every proposal is a change of options: it is built on meta
    and measured, alone and after those before it.

    With --vary MODEL is measured at every setting instead; --max-params and the like, or else the goal of FILE, say
    which settings will do. Ctrl-C ends a sweep early and keeps what is finished.
    """
    sheet = read_targets(file, file=str(file)) if file else targets_beside(source_of(model))
    given = inputs or (sheet.inputs if sheet else ())
    if vary:
        if against:
            raise UsageError("--against has no meaning beside --vary", help="leave one of the two out")
        sweep = _sweep(model, given, settings, vary, axes, jobs, time_limit, _limits(limits, sheet))
        tell(sweep, SWEEP, wanted, brief=brief_document(sweep, limit))
        if sweep.interrupted:
            raise click.exceptions.Exit(INTERRUPTED)
        return
    if limits or jobs:
        raise UsageError("limits and jobs are for sweeps", help="add --vary KEY=VALUES")
    if sheet is None:
        raise UsageError(
            f"there are no reduction targets beside {model!r}",
            help="name a targets file: archscope plan MODEL FILE (docs/plan.md shows how to write one)",
        )
    tell(_plan(sheet, model, given, settings, against), PLAN, wanted)


def _plan(
    sheet: TargetSheet, model: str, inputs: tuple[str, ...], settings: tuple[str, ...], against: str | None
) -> Plan:
    report = measure(model, inputs=inputs, settings=settings)
    other = measure_and_trace(against, inputs=inputs, for_models=True)[0] if against else None
    with progress() as shown, quiet_stdout():
        return make_plan(
            sheet,
            report,
            model,
            options=parse_settings(settings),
            inputs=call_of(inputs) or (),
            against=other,
            measured=lambda done, planned: shown.step(done, planned, "proposals"),
        )


def _sweep(  # noqa: PLR0913, PLR0917 - what a sweep takes, as words
    model: str,
    inputs: tuple[str, ...],
    settings: tuple[str, ...],
    vary: tuple[str, ...],
    axes: str,
    jobs: int,
    time_limit: float,
    limits: tuple[Limit, ...],
) -> Sweep:
    front = parse_axes(axes)
    with progress() as shown, quiet_stdout():
        shown.phase("import")
        return run_sweep(
            model,
            parse_vary(vary, load_spec(model, settings)),
            options=parse_settings(settings),
            inputs=call_of(inputs) or (),
            limits=limits,
            axes=front,
            jobs=jobs,
            seconds=time_limit,
            finished=lambda done, planned: shown.step(done, planned, "settings"),
        )


def _limits(budgets: list[Budget], sheet: TargetSheet | None) -> tuple[Limit, ...]:
    """The limits on the line, and the goal of the targets file for a metric that has none there."""
    limits = {}
    if sheet is not None:
        limits[sheet.metric] = sheet.goal
    for budget in budgets:
        if budget.metric not in carried_by(Rows.SWEEP):
            raise UsageError(
                f"a sweep does not measure {budget.metric}",
                help=f"limit one of {', '.join(carried_by(Rows.SWEEP))}",
            )
        if budget.max.count is not None:
            limits[budget.metric] = budget.max.count
    return tuple(Limit(metric=metric, max=most) for metric, most in limits.items())
