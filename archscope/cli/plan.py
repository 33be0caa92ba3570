"""``archscope plan``: reduction targets, the proposals behind them, and sweeps over options."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from archscope.cli.check import limit_options
from archscope.cli.completion import ModelArgument
from archscope.cli.failures import INTERRUPTED
from archscope.cli.measure import measure, model_options, source_of
from archscope.cli.output import format_options, quiet_stdout, tell
from archscope.cli.progress import progress
from archscope.documents.plan import PLAN
from archscope.documents.sweep import SWEEP, brief_document
from archscope.errors import UsageError
from archscope.judge.plan_file import read_targets
from archscope.judge.zoo_files import TARGETS, file_beside
from archscope.metrics import Rows, carried_by
from archscope.policy import Budget
from archscope.report import Report
from archscope.results.plan import Plan, TargetSheet
from archscope.results.sweep import Limit, Sweep


@click.command("plan")
@click.argument("model", cls=ModelArgument)
@click.argument("file", type=click.Path(path_type=Path), required=False)
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
    default="parameters:min,macs:max",
    show_default=True,
    metavar="METRIC:min|max,...",
    help="What the Pareto front of a sweep is about.",
)
@click.option("-j", "--jobs", type=click.IntRange(0), default=0, metavar="N", help="Processes; 0 is one per core.")
@click.option("-n", "limit", type=click.IntRange(0), default=30, show_default=True, help="Rows at most; 0 is all.")
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
    sheet = _sheet(model, file)
    if not vary:
        if limits or jobs:
            raise UsageError("limits and jobs are for sweeps", help="add --vary KEY=VALUES")
        if sheet is None:
            raise UsageError(
                f"there are no reduction targets beside {model!r}",
                help="name a targets file: archscope plan MODEL FILE (docs/plan.md shows how to write one)",
            )
        tell(_plan(sheet, model, inputs, settings, against), PLAN, wanted)
        return
    if against:
        raise UsageError("--against has no meaning beside --vary", help="leave one of the two out")
    sweep = _sweep(model, inputs or (sheet.inputs if sheet else ()), settings, vary, axes, jobs, _limits(limits, sheet))
    tell(sweep, SWEEP, wanted, brief=brief_document(sweep, limit))
    if sweep.interrupted:
        raise click.exceptions.Exit(INTERRUPTED)


def _sheet(model: str, file: Path | None) -> TargetSheet | None:
    """The targets in ``file``, else those beside the model; None when there are none."""
    path = file or file_beside(source_of(model).removeprefix("zoo:"), TARGETS)
    if path is None:
        return None
    return read_targets(path, file=str(file) if file else f"{path.parent.name}/{path.name}")


def _plan(
    sheet: TargetSheet, model: str, inputs: tuple[str, ...], settings: tuple[str, ...], against: str | None
) -> Plan:
    from archscope.judge.plan import make_plan
    from archscope.sources.inputs import parse_inputs
    from archscope.sources.settings import parse_settings

    given = inputs or sheet.inputs
    report = measure(model, inputs=given, settings=settings)
    other = measure(against, inputs=given) if against else None
    with progress() as shown, quiet_stdout():
        shown.phase("build and trace the proposals")
        return make_plan(
            sheet, report, model, options=parse_settings(settings), inputs=parse_inputs(given), against=other
        )


def _sweep(  # noqa: PLR0913, PLR0917 - what a sweep takes, as words
    model: str,
    inputs: tuple[str, ...],
    settings: tuple[str, ...],
    vary: tuple[str, ...],
    axes: str,
    jobs: int,
    limits: tuple[Limit, ...],
) -> Sweep:
    from archscope.judge.sweep import run_sweep
    from archscope.judge.sweep_options import parse_axes, parse_vary
    from archscope.sources import load
    from archscope.sources.inputs import parse_inputs
    from archscope.sources.settings import parse_settings

    front = parse_axes(axes)
    with progress() as shown, quiet_stdout():
        options = parse_settings(settings)
        spec = load(model, **options)
        if isinstance(spec, Report):
            raise UsageError(f"{model} is a saved report: it cannot be built anew", help="name the model itself")
        return run_sweep(
            model,
            parse_vary(vary, spec),
            options=options,
            inputs=parse_inputs(inputs),
            limits=limits,
            axes=front,
            jobs=jobs,
            finished=lambda done, planned: shown.phase(bar(done, planned)),
        )


def bar(done: int, planned: int) -> str:
    """``[#####-----] 512/1,024 settings``."""
    full = 20 * done // planned
    return f"[{'#' * full}{'-' * (20 - full)}] {done:,}/{planned:,} settings"


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
