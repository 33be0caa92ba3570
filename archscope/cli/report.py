"""``archscope report``: render the zoo's reports into a folder, or check that those on disk are up to date."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import click

from archscope.cli.failures import GateError
from archscope.cli.measure import measure_and_trace
from archscope.cli.output import print_text
from archscope.cli.streams import say
from archscope.files import write_files
from archscope.records import Trace
from archscope.report import Report

Measured: TypeAlias = Callable[[str], tuple[Report, Trace | None]]


@click.command("report")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("reports"),
    show_default=True,
    metavar="DIR",
    help="The folder of the reports.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when a file on disk is not what would be written.")
def command(*, names: tuple[str, ...], out: Path, check: bool) -> None:
    """Render the report of each model into DIR/NAME/: all models of the zoo and its comparisons, or those named.

    Where claims or reduction targets stand beside a model, the folder holds what came of them.

    Figures are compared by the data that they were drawn from, other files to the byte.
    """
    from archscope.cli.report_folder import stale

    wrong: list[str] = []
    for name, files in _kept(names):
        folder = out / name
        if check:
            found = stale(folder, files)
            wrong += found
            print_text("".join(f"{line}\n" for line in found) or f"{folder} is up to date\n")
        else:
            write_files({folder / file: content for file, content in files.items()})
            print_text(f"wrote {folder}/: {', '.join(files)}\n")
    if wrong:
        say("help: archscope report renders them anew; look at the change, then commit it")
        raise GateError


def _kept(names: tuple[str, ...]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """The name and the files of every folder to keep; without ``names`` comparisons of the zoo follow its models."""
    from archscope.cli.report_folder import comparison_files, comparison_folder, folder_name, report_files
    from archscope.judge.comparison import compare
    from archscope.models import COMPARED, zoo_models

    measured = functools.cache(measure_and_trace)
    for name in names or [model.name for model in zoo_models()]:
        report, trace = measured(name)
        yield folder_name(report.model.name), report_files(report) | _published(report, trace, measured)
    for base, head in () if names else COMPARED:
        comparison = compare(measured(base)[0], measured(head)[0])
        yield comparison_folder(comparison), comparison_files(comparison)


def _published(report: Report, trace: Trace | None, measured: Measured) -> dict[str, bytes]:
    """The claims and the plan beside a model of the zoo, as files of its folder; the plan against its successor."""
    from archscope.models import COMPARED

    if trace is None or not report.model.source.startswith("zoo:"):
        return {}
    from archscope.cli.report_folder import published_files
    from archscope.judge.zoo_verdicts import published_claims, published_plan

    heads = dict(COMPARED)

    def successor() -> Report | None:
        head = heads.get(report.model.source.removeprefix("zoo:"))
        return measured(head)[0] if head else None

    return published_files(published_claims(report, trace), published_plan(report, successor))
