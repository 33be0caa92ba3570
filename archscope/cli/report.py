"""``archscope report``: the reports of the zoo that a repository keeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from archscope.cli.failures import GateError
from archscope.cli.measure import measure
from archscope.cli.output import print_text, write_files
from archscope.report import Report


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

    Figures are compared by the data that they were drawn from, other files to the byte.
    """
    from archscope.render.folder import stale

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
        click.echo("help: archscope report renders them anew; look at the change, then commit it", err=True)
        raise GateError


def _kept(names: tuple[str, ...]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """The name and the files of every folder to keep; without ``names`` comparisons of the zoo follow its models."""
    from archscope.judge.comparison import compare
    from archscope.models import COMPARED, zoo_models
    from archscope.render.comparison_formats import comparison_files, comparison_folder
    from archscope.render.folder import folder_name, report_files

    reports: dict[str, Report] = {}
    for name in names or [model.name for model in zoo_models()]:
        reports[name] = measure(name)
        yield folder_name(reports[name].model.name), report_files(reports[name])
    for base, head in () if names else COMPARED:
        comparison = compare(reports[base], reports[head])
        yield comparison_folder(comparison), comparison_files(comparison)
