"""What the page's overview says: the documents of the report and of its check as HTML, and bars of its components."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from archscope.documents import document as doc
from archscope.documents.check import drawn_blocks
from archscope.documents.columns import rounded
from archscope.documents.comparison import totals_table
from archscope.documents.pictures import GREY
from archscope.documents.report import identity, notes, warnings
from archscope.documents.report_in_full import RULES
from archscope.documents.report_tables import largest_components, largest_table, total_facts
from archscope.documents.sentences import conclusion, rounding
from archscope.judge.comparison import compare
from archscope.metrics import BYTES, Metric, Rows, carried_by
from archscope.policy import CheckResult
from archscope.protocols.page.graph import component_graph
from archscope.render.formats.html_fragment import render_blocks
from archscope.render.names import plain
from archscope.report import Report
from archscope.report_queries import describe_inputs
from archscope.units import format_integer, format_percent

SHOWN = 60  # components; more make no picture
WIDTH = 1000  # of a bar, in its own units


def overview(reports: tuple[Report, ...], check: CheckResult | None, colors: Mapping[str, str]) -> dict[str, Any]:
    """The parts of the overview for its template; of two reports the first is the one before."""
    head = reports[-1]
    totals = totals_table(compare(*reports, different_inputs=True)) if len(reports) > 1 else None
    return {
        "sides": [_side(report, colors, alone=len(reports) == 1) for report in reports],
        "totals": _html(totals or doc.Facts(total_facts(head)), titled=True),
        "conclusion": _html(doc.Paragraph(conclusion(head))),
        "budgets": _html(*drawn_blocks(check)) if check else "",
        "bars": [*_bars(reports, colors)],
        "counting": _html(doc.Items(RULES)),
    }


def _html(*blocks: doc.Block, colors: Mapping[str, str] | None = None, titled: bool = False) -> Markup:
    return Markup(render_blocks(blocks, colors or {}, titled=titled))  # noqa: S704 - its names are escaped


def _side(report: Report, colors: Mapping[str, str], *, alone: bool) -> dict[str, Any]:
    """One model: who it is, how it was run, what its components cost, and its graph."""
    model, prominent = report.model, tuple(_prominent())
    drawn = bool(report.flows) and len(report.components) <= SHOWN
    components = largest_table(report, prominent, SHOWN, caption="" if alone else model.name)
    return {
        "name": plain(model.name),
        "source": plain(model.source),
        "inputs": plain(describe_inputs(report.inputs)) or "no input: parameters alone",
        "mode": model.mode,
        "device": model.device,
        "fallback": plain(model.fallback),
        "warnings": _html(*warnings(report)),
        "notes": _html(*doc.lines(*identity(report)), *notes(report)),
        "components": _html(components, doc.Paragraph(rounding(report)), colors=colors, titled=True),
        "graph": Markup(component_graph(report, colors)) if drawn else "",  # noqa: S704 - built with escaped names
        "hidden": len(report.components) if report.flows and not drawn else 0,
    }


def metrics_of(rows: Rows) -> dict[str, Metric[Any]]:
    """The metrics that such rows carry, as the page shows them: counts before bytes."""
    return dict(sorted(carried_by(rows).items(), key=lambda pair: pair[1].unit == BYTES))


def _prominent() -> dict[str, str]:
    """The metrics that the page shows first, with their titles."""
    return {name: metric.title for name, metric in metrics_of(Rows.COMPONENTS).items() if metric.prominent}


def _bars(reports: tuple[Report, ...], colors: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """How each total is made up of components; two reports share a scale, so that a saving is seen."""
    for metric, title in _prominent().items():
        most = max(report.totals[metric] or 0 for report in reports)
        suffixes = ("",) if len(reports) == 1 else (" before", " after")
        for report, suffix in zip(reports, suffixes, strict=True):
            if report.totals[metric] is not None and most:
                parts = [*_parts(report, metric, most, colors)]
                text = f"{title}{suffix}: {', '.join(part['text'] for part in parts)}"
                amount = rounded(report.totals, metric)
                yield {"label": title + suffix, "amount": amount, "text": text, "parts": parts}


def _parts(report: Report, metric: str, most: int, colors: Mapping[str, str]) -> Iterator[dict[str, str]]:
    at = Decimal(0)
    for name, rows in largest_components(report, SHOWN):
        value = sum(row[metric] or 0 for row in rows)
        width = Decimal(value) * WIDTH / most
        if value:
            text = f"{plain(name)} {format_integer(value)} ({format_percent(value, report.totals[metric] or 0)})"
            yield {"x": f"{at:.3f}", "width": f"{width:.3f}", "color": colors.get(name, GREY), "text": text}
        at += width
