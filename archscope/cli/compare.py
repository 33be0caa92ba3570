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
    choosing_options,
    depth_option,
    model_options,
    optimizer_of,
    rows_option,
    sort_option,
    training_options,
)
from archscope.cli.output import format_options, tell
from archscope.cli.page import PAGE_FORMAT, shown_page
from archscope.documents.comparison import COMPARISON, brief_document
from archscope.documents.comparison_view import ComparisonView
from archscope.documents.side_by_side import SIDE_BY_SIDE, Columns
from archscope.documents.side_by_side import brief_document as side_by_side
from archscope.documents.where import Where, parse_where
from archscope.errors import UsageError
from archscope.metrics import Rows, carried_by
from archscope.render import writers
from archscope.results.side_by_side import SideBySide


@click.command("compare")
@click.argument("base", cls=ModelArgument)
@click.argument("head", cls=ModelArgument)
@click.argument("others", nargs=-1, cls=ModelArgument, metavar="[MODEL]...")
@model_options
@training_options
@depth_option(1)
@sort_option(default="parameters", help="The metric whose largest changes stand first.")
@rows_option
@choosing_options
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
    where: str | None,
    top: int | None,
    wide: bool,
    different_inputs: bool,
    exit_code: bool,
    wanted: Mapping[str, str],
) -> None:
    """Compare HEAD with BASE: components by name, modules by path, before, after and the difference.

    Each is anything that archscope analyze takes, saved reports too. --input goes to both (to the model, where the
    other is a saved report), --set to HEAD alone: so
    archscope compare baseline baseline --set bifpn_channels=32 shows what one option changes. Three and more models
    stand side by side, a column each, with the figures of --sort. In --where a metric is the larger of both sides, or
    before.METRIC, after.METRIC, delta.METRIC; of several models it is the largest, delta.METRIC less the least.
    """
    from archscope.judge.comparison import compare

    limit = top or limit
    condition = _condition(where, several=bool(others)) if where is not None else None
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
        view = Columns(metric=sort, depth=depth, limit=limit, where=condition, wide=wide)
        tell(SideBySide(reports=tuple(reports)), SIDE_BY_SIDE, wanted, brief=side_by_side(reports, view))
        if exit_code and any(differs):
            raise GateError
        return
    if run is None and again is None and call_of(inputs) is not None:
        raise UsageError(f"{base} and {head} are saved reports: they cannot be run", help="leave out --input")
    comparison = compare(old, new, different_inputs=different_inputs)
    shown = ComparisonView(metric=sort, depth=depth, limit=limit, where=condition, wide=wide)
    brief = brief_document(comparison, shown)
    special = {PAGE_FORMAT: shown_page(head, new, base=(base, old))} if paged else {}
    tell(comparison, COMPARISON, wanted, brief=brief, special=special)
    if exit_code and comparison.differs:
        raise GateError


def _condition(text: str, *, several: bool) -> Where:
    """The condition ``text`` on the rows of two models, or of ``several``."""
    metrics = [*carried_by(Rows.COMPONENTS)]
    sides = ("delta",) if several else ("before", "after", "delta")
    figures = [*metrics, "depth", *(f"{side}.{name}" for side in sides for name in metrics)]
    return parse_where(text, figures, ("path", "type", "component", *(() if several else ("status",))))
