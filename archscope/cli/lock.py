"""``archscope lock``: write down what models cost, so that growth is seen."""

from __future__ import annotations

from pathlib import Path

import click

from archscope.cli.failures import GateError
from archscope.cli.measure import measure, model_options
from archscope.cli.output import print_text, write_files
from archscope.config import Config, find_config, repository_root
from archscope.errors import UsageError
from archscope.judge.lock import LOCK_NAME, Lock
from archscope.judge.lock_file import read_lock, render_lock
from archscope.judge.relock import lockable, relock
from archscope.policy import LockPolicy
from archscope.render.check_text import safe
from archscope.units import format_integer


def lock_path(config: Config | None) -> tuple[Path, str]:
    """The lock file, beside the config or in the current folder, and its name in messages."""
    path = (config.root if config else Path.cwd()).resolve() / LOCK_NAME
    return path, path.relative_to(repository_root(path.parent)).as_posix()


def find_lock(config: Config | None) -> Lock | None:
    """The lock that holds here, if there is one; raises ConfigError when it cannot be read."""
    return read_lock(*lock_path(config))


@click.command("lock")
@click.argument("names", nargs=-1, metavar="[MODEL]...")
@model_options
@click.option("--allow-increase", "allowed", multiple=True, metavar="MODEL", help="Let the totals of MODEL rise.")
@click.option("--reason", default="", metavar="TEXT", help="Why they may rise; kept in the lock file.")
def command(
    *, names: tuple[str, ...], inputs: tuple[str, ...], settings: tuple[str, ...], allowed: tuple[str, ...], reason: str
) -> None:
    """Write archscope.lock: the totals of each MODEL and a line for each module that costs.

    Without a MODEL, every one that the config names or that is locked already. Commit the file; `archscope check` then
    holds the models to it. A total that is higher than before is refused unless --allow-increase MODEL --reason TEXT.
    """
    if bool(allowed) != bool(reason.strip()):
        raise UsageError(
            "--allow-increase and --reason belong together", help='archscope lock --allow-increase v2 --reason "why"'
        )
    config = find_config(Path.cwd())
    path, file = lock_path(config)
    lock = read_lock(path, file)
    names = names or lockable(config, lock)
    unknown = [name for name in allowed if name not in names]
    if unknown:
        raise UsageError(f"--allow-increase {unknown[0]}: it is not locked here", help=f"one of {', '.join(names)}")
    policy = config.lock if config else LockPolicy()
    reports = {name: measure(name, inputs=inputs, settings=settings) for name in names}
    entries, refused = relock(reports, lock, policy, allowed=allowed, reason=reason.strip())
    if refused:
        for rise in refused:
            change = f"{format_integer(rise.before)} to {format_integer(rise.after)} (+{rise.after - rise.before:,})"
            click.echo(f"{safe(rise.model)}  {rise.metric} would rise from {change}", err=True)
        names_text = " ".join(dict.fromkeys(f"--allow-increase {safe(rise.model)}" for rise in refused))
        click.echo(f'{file} is as it was. To let them rise: archscope lock {names_text} --reason "..."', err=True)
        raise GateError
    text = render_lock(entries).encode()
    is_same = path.is_file() and path.read_bytes() == text
    if not is_same:
        write_files({path: text})
    for entry in entries:
        totals = ", ".join(f"{metric} {format_integer(value)}" for metric, value in sorted(entry.totals.items()))
        print_text(f"{safe(entry.name)}  {totals}  ({len(entry.modules)} modules)\n")
    print_text(f"{file} is up to date\n" if is_same else f"wrote {file}\n")
