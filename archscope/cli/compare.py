"""``archscope compare``: show what differs between two models."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import click

from archscope.cli.failures import GateError
from archscope.cli.measure import Extras, measure_and_trace
from archscope.cli.options import (
    ModelArgument,
    call_of,
    depth_option,
    model_options,
    optimizer_of,
    rows_option,
    sort_option,
    training_options,
)
from archscope.cli.output import format_options, tell
from archscope.cli.page import PAGE_FORMAT, shown_page
from archscope.documents.comparison import COMPARISON, ComparisonView, brief_document
from archscope.documents.side_by_side import SIDE_BY_SIDE, Columns
from archscope.documents.side_by_side import brief_document as side_by_side
from archscope.errors import UsageError
from archscope.render import writers


@click.command("compare")
@click.argument("base", cls=ModelArgument)
@click.argument("head", cls=ModelArgument)
@click.argument("others", nargs=-1, cls=ModelArgument, metavar="[MODEL]...")
@model_options
@training_options
@depth_option(1)
@sort_option(default="parameters", help="The metric whose largest changes stand first.")
@rows_option
@click.option("--different-inputs", is_flag=True, help="Compare even if the two ran on different inputs.")
@click.option("--exit-code", is_flag=True, help="Exit 1 when parameters, MACs or FLOPs of a module differ.")
@format_options(COMPARISON)
def command(  # noqa: PLR0913 - one argument for each option
    *,
    base: str,
    head: str,
    others: tuple[str, ...],
    inputs: tuple[str, ...],
    settings: tuple[str, ...],
    training: bool,
    optimizer: str | None,
    depth: int,
    sort: str,
    limit: int,
    different_inputs: bool,
    exit_code: bool,
    wanted: Mapping[str, str],
) -> None:
    """Compare HEAD with BASE: components by name, modules by path, before, after and the difference.

    Each is anything that archscope analyze takes, saved reports too. --input goes to both (to the model, where the
    other is a saved report), --set to HEAD alone: so
    archscope compare baseline baseline --set bifpn_channels=32 shows what one option changes. Three and more models
    stand side by side, a column each, with the figures of --sort.
    """
    from archscope.judge.comparison import compare

    paged = PAGE_FORMAT in wanted
    besides = Extras(optimizer=optimizer_of(training=training, optimizer=optimizer))
    old, run = measure_and_trace(base, inputs=inputs, for_models=True, keep_calls=paged, besides=besides)
    new, again = measure_and_trace(
        head, inputs=inputs, for_models=True, settings=settings, keep_calls=paged, besides=besides
    )
    if others:
        more = partial(measure_and_trace, inputs=inputs, for_models=True, settings=settings, besides=besides)
        reports = [old, new, *(more(name)[0] for name in others)]
        differs = [compare(old, report, different_inputs=different_inputs).differs for report in reports[1:]]
        refused = [key for key in wanted if key not in writers(SIDE_BY_SIDE)]
        if refused:
            raise UsageError(f"--{refused[0]} is for two models", help="compare the first with each of the others")
        view = Columns(metric=sort, depth=depth, limit=limit)
        tell(reports, SIDE_BY_SIDE, wanted, brief=side_by_side(reports, view))
        if exit_code and any(differs):
            raise GateError
        return
    if run is None and again is None and call_of(inputs) is not None:
        raise UsageError(f"{base} and {head} are saved reports: they cannot be run", help="leave out --input")
    comparison = compare(old, new, different_inputs=different_inputs)
    brief = brief_document(comparison, ComparisonView(metric=sort, depth=depth, limit=limit))
    special = {PAGE_FORMAT: shown_page(head, new, base=(base, old))} if paged else {}
    tell(comparison, COMPARISON, wanted, brief=brief, special=special)
    if exit_code and comparison.differs:
        raise GateError
