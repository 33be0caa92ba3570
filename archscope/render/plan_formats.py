"""The formats of a plan: what ``archscope plan --<key> FILE`` writes."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from types import MappingProxyType

from archscope.render import Format
from archscope.render.names import cell
from archscope.render.plan_text import options_of
from archscope.results.plan import Plan

PLAN_FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "json": Format(title="JSON", renderer="archscope.render.plan_formats:render_plan_json"),
        "md": Format(title="Markdown", renderer="archscope.render.plan_markdown:render_plan_markdown"),
        "csv": Format(title="CSV", renderer="archscope.render.plan_formats:render_plan_csv"),
        "png": Format(title="a PNG figure", renderer="archscope.render.plan_figure:render_plan_png"),
    }
)


def render_plan_json(plan: Plan) -> str:
    """``plan`` as JSON."""
    return plan.to_json()


def render_plan_csv(plan: Plan) -> str:
    """A row per proposal: raw integers; an empty cell is unknown or refused."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    columns = ("assumed", "alone", "alone_macs", "alone_reason", "sequence", "sequence_macs", "sequence_reason")
    writer.writerow(("proposal", "options", *columns))
    for step in plan.steps:
        values = [getattr(step, name) for name in columns]
        texts = [cell(value) if isinstance(value, str) else value for value in values]
        writer.writerow([cell(step.name), cell(options_of(step)), *texts])
    return out.getvalue()
