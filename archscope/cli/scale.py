"""``archscope scale``: what a model costs as exact formulas of its sizes, and the largest size that holds a limit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Unpack

import click

from archscope.cli.options import ModelOptions, limit_options, model_argument, model_options
from archscope.cli.output import format_options, print_text, tell
from archscope.cli.page import PAGE_FORMAT
from archscope.cli.scaled import measured_law
from archscope.config.size_ranges import parse_dims, parse_over
from archscope.documents.scaling import SCALING
from archscope.metrics import METRICS
from archscope.policy import Budget
from archscope.report import Report
from archscope.results.scaling import Scaling
from archscope.results.sweep import Limit

if TYPE_CHECKING:
    from archscope.protocols.page import Shown


@click.command("scale")
@model_argument
@model_options
@click.option(
    "--over",
    multiple=True,
    required=True,
    metavar="NAME=SIZES",
    help="What varies, and how far: size=320:1280:32 (the end included), batch=1,2,4, num_hidden_layers=2:48.",
)
@click.option(
    "--dim",
    "dims",
    multiple=True,
    metavar="NAME=PLACES",
    help="Which axes of the inputs a name stands for: sequence=input_ids[1],attention_mask[1].",
)
@limit_options
@click.option(
    "--schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda context, _parameter, wanted: _print_schema(context, wanted=wanted),
    help="Print the JSON Schema of --json instead.",
)
@format_options(SCALING)
def command(
    *,
    model: str,
    over: tuple[str, ...],
    dims: tuple[str, ...],
    limits: list[Budget],
    wanted: Mapping[str, str],
    **asked: Unpack[ModelOptions],
) -> None:
    """Give what MODEL costs as exact formulas of its sizes, found from a few runs and verified at others.

    NAME is batch, height, width, size (height and width alike), sequence, an axis of an input such as x[0], or an
    option of the model, which is built anew for each. What no polynomial goes through is shown as points.

    With --max-macs and the like: the largest size of the first NAME that holds the limit, verified by runs.

    --html F is the page of the report with a tab in which sliders evaluate the formulas.
    """
    most = [Limit(metric=budget.metric, max=budget.max.count) for budget in limits if budget.max.count is not None]
    trains = any(METRICS[limit.metric].of_training for limit in most)
    law, report = measured_law(
        *(model, parse_over(over)),
        dims=parse_dims(dims),
        trains=trains,
        limits=most,
        page=PAGE_FORMAT in wanted,
        asked=asked,
    )
    tell(law, SCALING, wanted, special={PAGE_FORMAT: _page(law, report)} if report else None)


def _print_schema(context: click.Context, *, wanted: bool) -> None:
    if wanted:
        from archscope.documents.scaling_schema import scaling_schema

        print_text(json.dumps(scaling_schema(), indent=2) + "\n")
        context.exit()


def _page(law: Scaling, report: Report) -> Shown:
    from archscope.protocols.page import Shown

    return Shown(report=report, scaling=law)
