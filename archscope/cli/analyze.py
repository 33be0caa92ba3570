"""``archscope analyze``: measure one model, print what it costs and where, and write its report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Unpack

import click

from archscope.cli.failures import GateError
from archscope.cli.measure import Extras, measure
from archscope.cli.options import (
    ModelOptions,
    choosing_options,
    depth_option,
    model_argument,
    model_options,
    optimizer_of,
    rows_option,
    rule_options,
    sort_option,
    training_options,
)
from archscope.cli.output import STDOUT, format_options, print_document, print_text, write_wanted
from archscope.cli.page import PAGE_FORMAT, shown_page
from archscope.cli.progress import progress
from archscope.cli.report_folder import PAGE, free_folder, report_files
from archscope.cli.streams import say
from archscope.documents.columns import SHOWN_ANYWAY, further_columns
from archscope.documents.receptive_field import FIELD_COLUMNS
from archscope.documents.report import REPORT, brief_document
from archscope.documents.report_tables import View
from archscope.documents.where import parse_where
from archscope.errors import UsageError, did_you_mean
from archscope.files import write_files
from archscope.metrics import Rows, carried_by
from archscope.render import writers
from archscope.report import Report

#: What conditions know of the rows of each view besides their figures: names and counts.
_NAMES = {
    "modules": ("path", "type", "component"),
    "components": ("path", "type", "component"),
    "operators": ("op", "kind"),
}
_COUNTS = {"modules": ("depth", "calls"), "components": (), "operators": ("calls",)}
_WIDE = tuple(name for name in further_columns() if name in carried_by(Rows.COMPONENTS))


@click.command("analyze")
@model_argument
@model_options
@click.option("--by", type=click.Choice(["modules", "components", "operators"]), default="modules", show_default=True)
@depth_option(2)
@sort_option("order", "name", default="order", help="The order of rows; a metric puts the largest first.")
@rows_option
@click.option("--flat", is_flag=True, help="List modules by their whole paths, without submodules, the largest first.")
@click.option(
    "--filter",
    "patterns",
    multiple=True,
    metavar="GLOB",
    help="Only modules that match, as 'dec.**'; implies --flat.",
)
@choosing_options
@click.option(
    "--columns",
    callback=lambda _context, _parameter, value: _columns(value),
    metavar="NAME,...",
    help=f"Further figures in the tables: {', '.join(further_columns())}.",
)
@training_options
@rule_options
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write the report's files to DIR.")
@click.option("--no-files", is_flag=True, help="Write no files.")
@click.option(
    "--strict", is_flag=True, help="Exit 1 when an operator is not counted, or a weight is registered nowhere."
)
@format_options(REPORT)
def command(  # noqa: PLR0913 - one argument for each option
    *,
    model: str,
    by: str,
    depth: int,
    sort: str,
    limit: int,
    flat: bool,
    top: int | None,
    patterns: tuple[str, ...],
    where: str | None,
    wide: bool,
    columns: tuple[str, ...],
    training: bool,
    optimizer: str | None,
    sparsity: bool,
    conventions: tuple[str, ...],
    out: Path | None,
    no_files: bool,
    strict: bool,
    wanted: Mapping[str, str],
    **asked: Unpack[ModelOptions],
) -> None:
    """Measure MODEL and print what it costs and where.

    MODEL is a model of the config, a name of the zoo (archscope models), package.module:attr, path/to/file.py:attr,
    timm:NAME, torchvision:NAME, hf:CLASS (or a config.json, or its folder), a .pt2, .onnx, .tflite or TorchScript file
    (.pt, .ts), weights alone (.safetensors, .pth, .gguf) or a saved report (.json).

    Writes report.md, report.json, report.html and the figure to reports/NAME/; with a format flag only what is asked
    for is written.
    """
    if out and no_files:
        raise click.UsageError("--out and --no-files contradict each other")
    condition = (
        parse_where(where, [*carried_by(Rows.COMPONENTS), *_COUNTS[by]], _NAMES[by]) if where is not None else None
    )
    folder = bool(out) or not (wanted or no_files)
    keep_calls = folder or PAGE_FORMAT in wanted
    besides = Extras(
        optimizer=optimizer_of(training=training, optimizer=optimizer),
        sparsity=sparsity,
        conventions=tuple(dict.fromkeys(conventions)),
        receptive_fields=not {*columns}.isdisjoint(FIELD_COLUMNS),
    )
    report = measure(model, keep_calls=keep_calls, besides=besides, **asked)
    target = out or free_folder(report, Path("reports"))
    if folder and not out:
        say(f"writing {target}/ (--no-files: the terminal alone, --out DIR: another folder)")
    view = View(
        by=by,
        depth=depth,
        sort=sort,
        limit=top or limit,
        columns=columns or (_WIDE if wide else ()),
        flat=flat or top is not None,
        patterns=patterns,
        where=condition,
    )
    if STDOUT not in wanted.values():
        print_document(brief_document(report, view))
    with progress() as shown:
        shown.phase("render")
        if wanted:
            special = {PAGE_FORMAT: shown_page(model, report)} if PAGE_FORMAT in wanted else {}
            write_wanted(report, wanted, REPORT, special)
        if folder:
            written = _write_folder(model, report, target)
            print_text(f"\nwrote {written}\n")
    if strict:
        _require_all(report)


def _require_all(report: Report) -> None:
    from archscope.judge.reservations import say_unregistered

    missing = {row.op for row in (*report.uncounted, *report.training_uncounted)}
    if missing or not report.totals.complete:
        say(f"{len(missing)} operators are not counted (--strict)")
    if report.unregistered:
        say(f"{say_unregistered(report.unregistered)} (--strict)")
    if missing or report.unregistered or not report.totals.complete:
        raise GateError


def _columns(text: str | None) -> tuple[str, ...]:
    known = further_columns()
    names = tuple(name.strip() for name in (text or "").split(",") if name.strip())
    for name in names:
        if name in SHOWN_ANYWAY:
            raise UsageError(f"the column {name!r} is shown anyway", help=f"the columns to add are {', '.join(known)}")
        if name not in known:
            hint = did_you_mean(name, known, 1)
            raise UsageError(f"there is no column {name!r}", help=f"{hint}the columns are {', '.join(known)}")
    return names


def _write_folder(model: str, report: Report, folder: Path) -> str:
    files = report_files(report) | {PAGE: writers(REPORT)[PAGE_FORMAT].render(shown_page(model, report))}
    write_files({folder / name: content for name, content in files.items()})
    return f"{folder}/: {', '.join(files)}"
