"""``archscope compare``: show what differs between two models."""

from __future__ import annotations

from collections.abc import Mapping

import click

from archscope.cli.failures import GateError
from archscope.cli.measure import Extras, measure_and_trace
from archscope.cli.options import (
    ModelArgument,
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
from archscope.errors import UsageError


@click.command("compare")
@click.argument("base", cls=ModelArgument)
@click.argument("head", cls=ModelArgument)
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
    archscope compare baseline baseline --set bifpn_channels=32 shows what one option changes.
    """
    from archscope.judge.comparison import compare

    paged = PAGE_FORMAT in wanted
    besides = Extras(optimizer=optimizer_of(training=training, optimizer=optimizer))
    old, run = measure_and_trace(base, usual=inputs, keep_calls=paged, besides=besides)
    new, again = measure_and_trace(head, usual=inputs, settings=settings, keep_calls=paged, besides=besides)
    if inputs and run is None and again is None:
        raise UsageError(f"{base} and {head} are saved reports: they cannot be run", help="leave out --input")
    comparison = compare(old, new, different_inputs=different_inputs)
    brief = brief_document(comparison, ComparisonView(metric=sort, depth=depth, limit=limit))
    special = {PAGE_FORMAT: shown_page(head, new, base=(base, old))} if paged else {}
    tell(comparison, COMPARISON, wanted, brief=brief, special=special)
    if exit_code and comparison.differs:
        raise GateError
