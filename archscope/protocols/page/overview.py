"""What the page's overview says, ready to be put into its template: every text and every width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from archscope.documents.columns import count
from archscope.documents.document import Count
from archscope.documents.pictures import GREY
from archscope.metrics import BYTES, METRICS, FigureRow, Rows, carried_by
from archscope.policy import CheckResult
from archscope.protocols.page.graph import component_graph
from archscope.render.names import plain, references
from archscope.report import ComponentRow, Report
from archscope.report_queries import describe_inputs, short_components
from archscope.units import format_bytes, format_count, format_integer, format_percent

_MINUS = "\N{MINUS SIGN}"
SHOWN = 60  # components; more make no picture
WIDTH = 1000  # of a bar, in its own units


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A figure as people read it, and exactly."""

    short: str
    exact: str


def tiles(reports: tuple[Report, ...]) -> list[dict[str, Any]]:
    """The totals; with two reports before, after and the change."""
    made = []
    for metric, line in carried_by(Rows.TOTALS).items():
        figures = [report.totals[metric] for report in reports]
        if (line.prominent or not line.additive) and any(value is not None for value in figures):
            values = [_value(value, metric, report) for report, value in zip(reports, figures, strict=True)]
            made.append({"label": line.title, "values": values} | _change(figures))
    return made


def prominent() -> dict[str, str]:
    """The metrics that the page shows first, with their titles."""
    return {name: metric.title for name, metric in carried_by(Rows.COMPONENTS).items() if metric.prominent}


def _value(value: int | None, metric: str, report: Report) -> Value:
    if value is None:
        return Value(short="not measured", exact="")
    sign = "≥ " if count(report.totals, metric, short=not report.totals.complete).least else ""
    text = _rounded(value, metric)
    return Value(short=sign + text, exact=format_integer(value) if text != str(value) else "")


def _rounded(value: int | None, metric: str) -> str:
    return format_bytes(value) if METRICS[metric].unit == BYTES else format_count(value)


def _change(figures: list[int | None]) -> dict[str, str]:
    if len(figures) < 2 or figures[0] is None or figures[1] is None:
        return {"delta": "", "percent": "", "direction": ""}
    delta = figures[1] - figures[0]
    if not delta:
        return {"delta": "unchanged", "percent": "", "direction": ""}
    sign = "+" if delta > 0 else _MINUS
    share = f"({sign}{format_percent(abs(delta), figures[0])})" if figures[0] else ""
    return {"delta": f"{sign}{abs(delta):,}", "percent": share, "direction": "more" if delta > 0 else "less"}


def components_side(report: Report, colors: Mapping[str, str]) -> dict[str, Any]:
    """One model: who it is, what its components cost, its graph and how it was run."""
    from markupsafe import Markup

    model = report.model
    drawn = bool(report.flows) and len(report.components) <= SHOWN
    return {
        "name": plain(model.name),
        "source": plain(model.source),
        "inputs": plain(describe_inputs(report.inputs)) or "no input: parameters alone",
        "mode": model.mode,
        "device": model.device,
        "fallback": plain(model.fallback),
        "description": plain(model.description),
        "options": [{"name": plain(row.name), "value": plain(str(row.value))} for row in model.options],
        "uncounted": [{"op": plain(row.op), "calls": row.calls} for row in report.uncounted],
        "uncalled": len(report.uncalled),
        "modules": len(report.modules),
        "components": _rows(report, colors),
        "totals": _cells((report.totals,), report, short=not report.totals.complete),
        "graph": Markup(component_graph(report, colors)) if drawn else "",  # noqa: S704 - built with escaped names
        "hidden": len(report.components) if report.flows and not drawn else 0,
    }


def _rows(report: Report, colors: Mapping[str, str]) -> list[dict[str, Any]]:
    """The largest components, in their order, and one row for all the others."""
    short = short_components(report)
    shown, rest = _largest(report)
    made: list[dict[str, Any]] = [
        {
            "name": Markup(references(row.name)),  # noqa: S704 - escaped there
            "color": colors[row.name],
            "note": plain(row.description),
            "figures": _cells((row,), report, short=row.name in short),
        }
        for row in shown
    ]
    if rest:
        cells = _cells(rest, report, short=any(row.name in short for row in rest))
        made.append(
            {"name": "", "label": f"{len(rest):,} smaller components", "color": GREY, "note": "", "figures": cells}
        )
    return made


def _largest(report: Report) -> tuple[tuple[ComponentRow, ...], tuple[ComponentRow, ...]]:
    """The components that are shown one by one, and the others."""
    ranked = sorted(report.components, key=lambda row: (-row.parameters, -(row.macs or 0)))
    names = {row.name for row in ranked[:SHOWN]}
    chosen = tuple(row for row in report.components if row.name in names)
    return chosen, tuple(row for row in report.components if row.name not in names)


def _cells(rows: Sequence[FigureRow], report: Report, *, short: bool) -> list[dict[str, str]]:
    """The sums of ``rows``, each with its share of the whole."""
    cells = []
    for metric in prominent():
        whole = report.totals[metric]
        value = None if whole is None else sum(row[metric] or 0 for row in rows)
        share = "-" if value is None or not whole else format_percent(value, whole, 1).removesuffix(" %")
        cells.append(
            {"exact": str(Count(value, least=short and METRICS[metric].lower_bound)).replace(">=", "≥"), "share": share}
        )
    return cells


def bars(reports: tuple[Report, ...], colors: Mapping[str, str]) -> list[dict[str, Any]]:
    """How each total is made up of components; two reports share a scale, so that a saving is seen."""
    made = []
    for metric, label in prominent().items():
        wholes = [report.totals[metric] for report in reports]
        most = max((whole or 0 for whole in wholes), default=0)
        for place, report in enumerate(reports):
            if wholes[place] is None or not most:
                continue
            suffix = "" if len(reports) == 1 else (" before", " after")[place]
            parts = _parts(report, metric, most, colors)
            made.append(
                {
                    "label": label + suffix,
                    "amount": _rounded(wholes[place], metric),
                    "text": f"{label}{suffix}: " + ", ".join(part["text"] for part in parts),
                    "parts": parts,
                }
            )
    return made


def _parts(report: Report, metric: str, most: int, colors: Mapping[str, str]) -> list[dict[str, str]]:
    whole = report.totals[metric] or 0
    shown, rest = _largest(report)
    figures = [(plain(row.name), colors[row.name], row[metric] or 0) for row in shown]
    if rest:
        figures.append((f"{len(rest):,} smaller components", GREY, sum(row[metric] or 0 for row in rest)))
    parts, at = [], Decimal(0)
    for name, color, value in figures:
        width = Decimal(value) * WIDTH / most
        if value:
            text = f"{name} {format_integer(value)} ({format_percent(value, whole)})"
            parts.append({"x": f"{at:.3f}", "width": f"{width:.3f}", "color": color, "text": text})
        at += width
    return parts


def budgets(check: CheckResult | None) -> list[dict[str, Any]]:
    """Each budget: how much of its limit is used, on a scale that leaves room for what goes beyond."""
    made = []
    for result in check.results if check else ():
        share = None if result.value is None or not result.max else Decimal(result.value) / Decimal(result.max)
        scale = max(Decimal(1), share or Decimal(0))
        bound = "≥ " if result.lower_bound else ""
        made.append(
            {
                "name": plain(result.name),
                "what": plain(
                    " · ".join(part for part in (result.model, result.metric, result.component, result.message) if part)
                ),
                "status": result.status,
                "value": bound + format_integer(result.value),
                "limit": format_integer(result.max),
                "share": share,
                "percent": "" if share is None else f"{bound}{share * 100:.2f} %",
                "width": "0" if share is None else f"{share / scale * 100:.2f}",
                "mark": f"{100 / scale - Decimal('0.6'):.2f}",
            }
        )
    return made
