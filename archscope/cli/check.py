"""``archscope check``: hold models to their budgets and to archscope.lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Unpack

import click

from archscope.cli.actions import in_actions, write_step_summary
from archscope.cli.child import Apart, can_fork
from archscope.cli.failures import GATE, tell_failure
from archscope.cli.measure import Extras, measure
from archscope.cli.options import ModelArgument, ModelOptions, limit_options, model_options
from archscope.cli.output import STDOUT, format_options, print_document, print_text, write_wanted
from archscope.cli.scaled import measured_law
from archscope.cli.streams import say, silence
from archscope.config import Config, find_config
from archscope.config.size_ranges import parse_budget_sizes
from archscope.documents.check import CHECK, LOCK_PREFIX
from archscope.errors import ConfigError, UsageError
from archscope.judge.check_models import Demand, Locked, check_all, demands
from archscope.judge.lock.file import lock_path, read_lock
from archscope.metrics import METRICS
from archscope.policy import Budget, CheckResult, LockPolicy
from archscope.protocols.annotations import render_annotations
from archscope.results.scaling import Scaling


@click.command("check")
@click.argument("names", nargs=-1, cls=ModelArgument, metavar="[NAME]...")
@model_options
@limit_options
@click.option("--locked", "exact", is_flag=True, help="Fail too when archscope.lock is missing or not up to date.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "total"]),
    default="text",
    show_default=True,
    help="What stdout says; total is the checked value alone.",
)
@format_options(CHECK)
def command(
    *,
    names: tuple[str, ...],
    limits: list[Budget],
    exact: bool,
    form: str,
    wanted: Mapping[str, str],
    **asked: Unpack[ModelOptions],
) -> None:
    """Hold models to their budgets, those of archscope.toml or the limits given here, and to archscope.lock.

    NAME is a model, a budget of the config or a saved report; without one, every budget of the config is checked.
    A limit reads 249_999, 0.25M, 1.2G or "<0.25M"; a value that is equal to it passes.

    In GitHub Actions findings become annotations too, and the summary of the step has them as a table.
    """
    config = find_config(Path.cwd())
    locked = _locked(config, hold=exact or not limits, exact=exact)
    wanted_checks = demands(config, names, limits, locked.lock if locked else None)
    measured = partial(measure, besides=_besides(wanted_checks), **asked)
    ranged = {budget.name: budget for demand in wanted_checks for budget in demand.budgets if budget.sizes}

    def scaled(name: str) -> Scaling:
        budget = ranged[name]
        law, _ = measured_law(
            budget.model, parse_budget_sizes(budget.sizes), trains=METRICS[budget.metric].of_training, asked=asked
        )
        return law

    if can_fork():
        with closing(Apart(measured)) as apart, closing(Apart(scaled)) as laws:
            result, errors = check_all(wanted_checks, config, apart, locked, laws)
    else:  # inside a program of somebody's own, who sees it end
        result, errors = check_all(wanted_checks, config, measured, locked, scaled)
    is_free = STDOUT not in wanted.values()
    try:
        if is_free:
            print_text(_total(result, names)) if form == "total" else print_document(CHECK.brief(result))
        write_wanted(result, wanted, CHECK)
    except BrokenPipeError:
        if not errors:
            raise
        silence(1)  # nobody reads on; that a model failed is still the news
    try:
        write_step_summary(result)
    except UsageError as error:  # a summary that cannot be written changes no verdict
        say(f"warning: {error.what}")
    if in_actions():
        _annotate(render_annotations(result), aside=not is_free or form == "total")
    codes = [tell_failure(error) for error in errors]
    if codes or not result.passed:
        raise click.exceptions.Exit(max(codes, default=GATE))


def _besides(wanted: Sequence[Demand]) -> Extras:
    """A training step where a budget needs one."""
    needed = any(METRICS[budget.metric].of_training for demand in wanted for budget in demand.budgets)
    return Extras(optimizer="adamw" if needed else "", if_possible=True)


def _locked(config: Config | None, *, hold: bool, exact: bool) -> Locked | None:
    path, file = lock_path(config, Path.cwd())
    lock = read_lock(path, file)
    if lock is None and exact:
        raise ConfigError("there is no lock", where=file, help="write one: archscope lock")
    return Locked(lock=lock, policy=config.lock if config else LockPolicy(), hold=hold, exact=exact) if lock else None


def _annotate(commands: str, *, aside: bool) -> None:
    """GitHub reads both streams; on stdout only where people read it too."""
    if aside:
        say(commands, newline=False)
    else:
        print_text(commands)


def _total(result: CheckResult, names: Sequence[str]) -> str:
    """The one value that was checked: of the budgets that were named, else of all but the lock."""
    rows = [row for row in result.results if row.name in names]
    rows = rows or [row for row in result.results if not row.name.startswith(LOCK_PREFIX)] or [*result.results]
    values = {(row.model, row.metric, row.component): row.value for row in rows}
    if len(values) != 1:
        raise UsageError(
            f"--format total is one integer, and {len(values)} different values were checked",
            help=f"name one of the budgets: {', '.join(row.name for row in rows)}",
        )
    (value,) = values.values()
    if value is None:
        raise UsageError(
            "the value was not measured: the model was not run", help="give it an input: --input 1x3x640x640"
        )
    return f"{value}\n"
