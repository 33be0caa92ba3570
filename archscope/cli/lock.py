"""``archscope lock``: write what models cost now into archscope.lock."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Unpack

import click

from archscope.cli.failures import GateError
from archscope.cli.measure import measure
from archscope.cli.options import ModelArgument, ModelOptions, model_options
from archscope.cli.output import print_text
from archscope.cli.streams import say
from archscope.config import Config, find_config, load_config
from archscope.config.raising import with_limits
from archscope.errors import UsageError
from archscope.files import write_files
from archscope.judge.lock.exceeded import exceeded
from archscope.judge.lock.file import lock_path, read_lock, write_lock
from archscope.judge.lock.update import lockable, relock
from archscope.policy import LockPolicy
from archscope.render.names import safe_line as safe
from archscope.report import Report
from archscope.units import format_integer


@click.command("lock")
@click.argument("names", nargs=-1, cls=ModelArgument, metavar="[MODEL]...")
@model_options
@click.option("--allow-increase", "allowed", multiple=True, metavar="MODEL", help="Let the totals of MODEL rise.")
@click.option("--reason", default="", metavar="TEXT", help="Why they may rise; kept in the lock file.")
@click.option("--raise-budgets", is_flag=True, help="Raise budgets of archscope.toml that such a growth exceeds, too.")
def command(
    *,
    names: tuple[str, ...],
    allowed: tuple[str, ...],
    reason: str,
    raise_budgets: bool,
    **asked: Unpack[ModelOptions],
) -> None:
    """Write archscope.lock: the totals of each MODEL and a line for each module that costs.

    Without a MODEL, every one that the config names or that is locked already. Commit the file; `archscope check` then
    holds the models to it. A total that is higher than before is refused unless --allow-increase MODEL --reason TEXT;
    with --raise-budgets the limits of archscope.toml follow, so that one command accepts a growth in both files.
    """
    if bool(allowed) != bool(reason.strip()):
        raise UsageError(
            "--allow-increase and --reason belong together", help='archscope lock --allow-increase v2 --reason "why"'
        )
    if raise_budgets and not allowed:
        raise UsageError(
            "--raise-budgets is for a growth that is allowed", help="add --allow-increase MODEL --reason TEXT"
        )
    config = find_config(Path.cwd())
    path, file = lock_path(config, Path.cwd())
    lock = read_lock(path, file)
    names = names or lockable(config, lock)
    unknown = [name for name in allowed if name not in names]
    if unknown:
        raise UsageError(f"--allow-increase {unknown[0]}: it is not locked here", help=f"one of {', '.join(names)}")
    policy = config.lock if config else LockPolicy()
    reports = {name: measure(name, **asked) for name in names}
    entries, refused = relock(reports, lock, policy, allowed=allowed, reason=reason.strip())
    if refused:
        for rise in refused:
            change = f"{format_integer(rise.before)} to {format_integer(rise.after)} (+{rise.after - rise.before:,})"
            say(f"{safe(rise.model)}  {rise.metric} would rise from {change}")
        names_text = " ".join(dict.fromkeys(f"--allow-increase {quote(safe(rise.model))}" for rise in refused))
        risen = {rise.model: reports[rise.model] for rise in refused}
        further = " --raise-budgets" if config and exceeded(config.budgets, risen) else ""
        say(f'{file} is as it was. To let them rise: archscope lock {names_text}{further} --reason "..."')
        raise GateError
    is_new = write_lock(path, entries)
    for entry in entries:
        totals = ", ".join(f"{metric} {format_integer(value)}" for metric, value in sorted(entry.totals.items()))
        print_text(f"{safe(entry.name)}  {totals}  ({len(entry.modules)} modules)\n")
    print_text(f"wrote {file}\n" if is_new else f"{file} is up to date\n")
    if config and allowed:
        _follow(config, {name: reports[name] for name in allowed}, raise_budgets=raise_budgets)


def _follow(config: Config, reports: Mapping[str, Report], *, raise_budgets: bool) -> None:
    """Raise the budgets that the models of ``reports`` exceed, or say that they are in the way."""
    over = exceeded(config.budgets, reports)
    for budget, value in over.items():
        said = f"{safe(budget.name)}: max {budget.max.count:,}, and {budget.metric} is {value:,} now"
        print_text(f"{budget.location}  {said}{'' if raise_budgets else ' (--raise-budgets raises it)'}\n")
    if over and raise_budgets:
        text = config.path.read_text(encoding="utf-8")
        lines = {budget.location.line: value for budget, value in over.items() if budget.location}
        write_files({config.path: with_limits(text, lines).encode()})
        load_config(config.path)
        print_text(f"wrote {config.path.name}\n")
