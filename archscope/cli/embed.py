"""``archscope embed``: refresh the blocks of READMEs and model cards that say what models cost."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

import click

from archscope.cli.failures import GateError
from archscope.cli.measure import measure
from archscope.cli.output import print_text
from archscope.cli.streams import say
from archscope.errors import UsageError
from archscope.files import write_files
from archscope.protocols.marked_blocks import Mark, refreshed
from archscope.render.names import safe_line
from archscope.report import Report


@click.command("embed")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when a file is not up to date.")
def command(*, files: tuple[Path, ...], check: bool) -> None:
    """Refresh the marked blocks of each FILE, a README or a model card.

    A block stands between <!-- archscope: MODEL table|badge|line [METRIC] [--input 1x3x224x224] [--set KEY=VALUE] -->
    and <!-- /archscope -->. In the metadata of a model card, # archscope: MODEL metadata and # /archscope hold the
    figures as fields. MODEL is built, so its code runs, as in every command.
    """
    measured: dict[tuple[str, tuple[str, ...], tuple[str, ...]], Report] = {}

    def report_of(mark: Mark) -> Report:
        key = (mark.model, mark.inputs, mark.settings)
        if key not in measured:
            measured[key] = measure(mark.model, inputs=mark.inputs, settings=mark.settings)
        return measured[key]

    changed: dict[Path, bytes] = {}
    for file in files:
        if file.exists() and not file.is_file():  # a folder, or a device without an end
            raise UsageError(f"{file} is no regular file", help="name a README or a model card")
        try:
            old = file.read_bytes().decode()
        except UnicodeDecodeError as error:
            raise UsageError(f"{file} is not text", help="a README is UTF-8") from error
        new = refreshed(old, str(file), report_of)
        if new != old:
            changed[file] = new.encode("utf-8", "backslashreplace")
    if not check:
        write_files(changed)
    for file in files:
        state = ("is stale" if check else "refreshed") if file in changed else "is up to date"
        print_text(f"{safe_line(str(file))} {state}\n")
    if check and changed:
        say(f"next: archscope embed {' '.join(quote(str(file)) for file in changed)}")
        raise GateError
