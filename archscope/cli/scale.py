"""``archscope scale``: what a model costs as exact formulas of its sizes, and the largest size that holds a limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Unpack

import click

from archscope import sources
from archscope.cli.measure import load_spec
from archscope.cli.options import ModelOptions, limit_options, model_argument, model_options
from archscope.cli.output import format_options, quiet_stdout, tell
from archscope.cli.progress import progress
from archscope.documents.scaling import SCALING
from archscope.judge.scaling.inverse import answers
from archscope.judge.scaling.over import parse_dims, parse_over
from archscope.metrics import METRICS
from archscope.policy import Budget
from archscope.results.scaling import Scaling
from archscope.results.sweep import Limit
from archscope.sources import parse_inputs, parse_settings
from archscope.spec import ModelSpec, OptionValue


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
    tell(_law(model, over, dims, limits, asked), SCALING, wanted)


def _law(
    model: str, over: tuple[str, ...], dims: tuple[str, ...], limits: list[Budget], asked: ModelOptions
) -> Scaling:
    ranges, places = parse_over(over), parse_dims(dims)
    settings = parse_settings(asked["settings"])
    with progress() as shown, quiet_stdout():
        shown.phase("import")
        spec = load_spec(model, asked["settings"])
        from archscope.judge.scaling.scale import Scaler

        def rebuild(changed: Mapping[str, OptionValue]) -> ModelSpec:
            loaded = sources.load(model, **{**settings, **changed})
            if not isinstance(loaded, ModelSpec):
                raise TypeError(model)  # it was a model a moment ago
            return loaded

        scaler = Scaler(
            spec,
            parse_inputs(asked["inputs"]) or None,
            over=ranges,
            dims=places,
            training="adamw" if any(METRICS[budget.metric].of_training for budget in limits) else "",
            rebuild=rebuild,
            ran=lambda runs: shown.phase(f"run {runs:,}"),
        )
        law = scaler.law()
        most = [Limit(metric=budget.metric, max=budget.max.count) for budget in limits if budget.max.count is not None]
        return replace(law, answers=answers(law, most, scaler.measured))
