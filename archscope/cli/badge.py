"""``archscope badge``: one figure of a model as a small SVG."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import click

from archscope.cli.measure import Extras, measure
from archscope.cli.options import ModelOptions, model_argument, model_options
from archscope.cli.output import STDOUT, print_text
from archscope.cli.streams import say
from archscope.files import write_files
from archscope.metrics import METRICS, Rows, carried_by


@click.command("badge")
@model_argument
@model_options
@click.option(
    "--metric",
    type=click.Choice([*carried_by(Rows.TOTALS)]),
    default="parameters",
    show_default=True,
    metavar="NAME",
    help="The figure: parameters, macs, flops, ...",
)
@click.option("--svg", "file", default=STDOUT, metavar="FILE", help="Write it to FILE.  [default: - is stdout]")
def command(*, model: str, metric: str, file: str, **asked: Unpack[ModelOptions]) -> None:
    """Draw a badge with one figure of MODEL, for a README; a lower bound says so."""
    besides = Extras(optimizer="adamw" if METRICS[metric].of_training else "", if_possible=True)
    report = measure(model, besides=besides, **asked)
    from archscope.protocols.badge import render_badge

    text = render_badge(report, metric)
    if file == STDOUT:
        print_text(text)
    else:
        write_files({Path(file): text.encode()})
        say(f"wrote {file}")
