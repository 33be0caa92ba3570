"""report.md: ``templates/report.md.j2`` filled from data alone."""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

import jinja2

from archscope.render import prose
from archscope.render.facts import bounded, describe_inputs, shape, short_components, uncounted_paths, unseen
from archscope.render.measures import model_measures, run_measures, training_measures
from archscope.render.names import Safe, code, markdown
from archscope.report import Report
from archscope.units import format_bytes, format_count, format_integer, format_percent


def render_markdown(report: Report, figure: str = "") -> str:
    """``report`` as Markdown; ``figure`` is the address of the picture, empty for none."""
    return template("report.md.j2").render(report=report, totals=report.totals, figure=figure, **_facts(report))


@functools.cache
def template(name: str) -> jinja2.Template:
    """A Markdown template of ours. Whatever it prints is escaped unless it is ``Safe`` or a number."""
    environment = jinja2.Environment(
        autoescape=False,  # noqa: S701 - this is no HTML: `finalize` escapes for Markdown
        finalize=_escaped,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        integer=lambda value: Safe(format_integer(value)),
        count=lambda value: Safe(format_count(value)),
        bytes=lambda value: Safe(format_bytes(value)),
        share=lambda part, whole: Safe(format_percent(part or 0, whole or 0)),
        code=code,
        names=lambda paths: Safe(", ".join(map(module_name, paths))),
        module=module_name,
        shapes=_shapes,
        raw=Safe,
        sentence=lambda text: text[:1].upper() + text[1:],
    )
    source = resources.files("archscope.templates").joinpath(name).read_text("utf-8")
    return environment.from_string(source)


def _escaped(value: Any) -> Any:
    return markdown(value) if type(value) is str else value


def module_name(path: str) -> Safe:
    """A module's path in Markdown; the root has a name here."""
    return code(path) if path else Safe("(the model itself)")


def _shapes(shapes: tuple[tuple[int, ...], ...]) -> Safe:
    return Safe(", ".join(map(shape, shapes)) or "-")


def _facts(report: Report) -> dict[str, Any]:
    """What the template prints besides the report's own fields."""
    shorts, paths = short_components(report), uncounted_paths(report)
    by_path = {row.path: row for row in report.modules}

    def least(row: Any, metric: str) -> Safe:
        name = getattr(row, "path", None)
        short = (row is report.totals and not report.totals.complete) or (
            name in paths if name is not None else getattr(row, "name", "") in shorts
        )
        return Safe(bounded(getattr(row, metric), metric, short=short))

    operators = sorted(report.operators, key=lambda row: (-row.macs, -row.flops, row.op))
    return {
        "prose": prose,
        "model_measures": model_measures,
        "unseen": unseen,
        "run_measures": run_measures,
        "training_measures": training_measures,
        "ran": report.totals.macs is not None,
        "inputs": describe_inputs(report.inputs),
        "least": least,
        "changed": [option for option in report.model.options if option.value != option.default],
        "parts": [row for row in report.components if row.patterns],
        "instances": lambda row: [by_path[path] for path in row.modules],
        "options": lambda row: [option for option in report.model.options if row.name in option.components],
        "top": prose.top_modules(report),
        "counted": [row for row in operators if row.kind == "counted"],
        "free": [row for row in operators if row.kind == "free"],
        "shared": [row for row in report.modules if row.aliases],
    }
