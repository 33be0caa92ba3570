"""``archscope scale``: what a model costs as exact formulas of its sizes, and the largest size that holds a limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

import click

from archscope.cli.options import ModelOptions, limit_options, model_argument, model_options
from archscope.cli.output import format_options, tell
from archscope.cli.scaled import measured_law
from archscope.config.size_ranges import parse_dims, parse_over
from archscope.documents.scaling import SCALING
from archscope.metrics import METRICS
from archscope.policy import Budget
from archscope.results.sweep import Limit


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
    """
    most = [Limit(metric=budget.metric, max=budget.max.count) for budget in limits if budget.max.count is not None]
    trains = any(METRICS[limit.metric].of_training for limit in most)
    law = measured_law(model, parse_over(over), dims=parse_dims(dims), trains=trains, limits=most, asked=asked)
    tell(law, SCALING, wanted)
