"""The formats of a sweep: what ``archscope plan --vary ... --<key> FILE`` writes."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from types import MappingProxyType

from archscope.render import Format
from archscope.render.markdown_table import markdown_table
from archscope.render.names import Safe, cell, markdown
from archscope.render.sweep_text import describe, figures, notes, ranked, settings, status, verdict
from archscope.results.sweep import METRICS, Sweep

SWEEP_FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "json": Format(title="JSON", renderer="archscope.render.sweep_formats:render_sweep_json"),
        "md": Format(title="Markdown", renderer="archscope.render.sweep_formats:render_sweep_markdown"),
        "csv": Format(title="CSV", renderer="archscope.render.sweep_formats:render_sweep_csv"),
        "png": Format(title="a PNG figure", renderer="archscope.render.sweep_figure:render_sweep_png"),
    }
)


def render_sweep_json(sweep: Sweep) -> str:
    """``sweep`` as JSON."""
    return sweep.to_json()


def render_sweep_csv(sweep: Sweep) -> str:
    """A row per setting in the grid's order: raw integers; an empty cell is not measured."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*(cell(vary.name) for vary in sweep.varied), *METRICS, "complete", "status", "reason"])
    for index, point in enumerate(sweep.points):
        values = [cell(value) if not _is_number(value) else value for value in settings(point)]
        measured = [getattr(point, metric) for metric in METRICS]
        writer.writerow([*values, *measured, point.complete, status(sweep, index), cell(point.reason)])
    return out.getvalue()


def _is_number(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).isdecimal()


def render_sweep_markdown(sweep: Sweep) -> str:
    """Every setting: the front first, then what meets the limits, is over them, was refused."""
    titles = (*(vary.name for vary in sweep.varied), "status", "reason", "parameters", "MACs", "FLOPs")
    rows = []
    for index in ranked(sweep):
        point = sweep.points[index]
        rows.append((*settings(point), *verdict(sweep, index), *map(Safe, figures(point))))
    parts = [
        f"# {markdown(sweep.model)}: {markdown(describe(sweep))}",
        "\n".join(f"- {markdown(note)}" for note in notes(sweep)),
        markdown_table(titles, rows, left=len(sweep.varied) + 2),
    ]
    return "\n\n".join(parts) + "\n"
