"""The cells that text tables share: a figure, its share of the whole, a bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import SimpleNamespace

from archscope.render.facts import bounded, figure, metrics
from archscope.render.style import Column, Style
from archscope.report import Report
from archscope.units import format_percent

TITLES = {
    "parameters": "parameters",
    "macs": "MACs",
    "flops": "FLOPs",
    "activations": "activations",
    "trainable": "trainable",
    "parameter_bytes": "parameter bytes",
    "conv_activations": "conv activations",
    "bytes_read": "bytes read",
    "bytes_written": "bytes written",
    "backward_macs": "backward MACs",
    "backward_flops": "backward FLOPs",
    "arithmetic_intensity": "FLOPs/byte",
}
#: Figures that tables show on request, without a share.
COLUMNS = tuple(metric for metric in TITLES if metric not in {"parameters", "macs"})
THE_MODEL = "[the model itself]"

PLAIN, SHARE, BAR = range(3)  # how much a table says of a figure: itself, its share too, a bar too


def ranking(sort: str) -> str:
    """The metric that says which rows are large when rows stand in the order ``sort``."""
    return "parameters" if sort in {"order", "name"} else sort


def shown_metrics(
    report: Report, metric: str, columns: Sequence[str] = (), *, all_bars: bool = False
) -> dict[str, int]:
    """The figures of a table, parameters, MACs, ``metric`` and ``columns``, each with how much is said of it."""
    wanted = {"parameters", "macs", metric}
    shown = {name: BAR if all_bars or name == metric else SHARE for name in metrics(report) if name in wanted}
    return shown | {name: PLAIN for name in columns if name not in shown}


def figure_columns(shown: Mapping[str, int]) -> tuple[Column, ...]:
    """The columns of ``figures``."""
    columns: list[Column] = []
    for metric, detail in shown.items():
        columns.append(Column(title=TITLES[metric], right=True))
        columns += [Column(title="share", right=True)] if detail >= SHARE else []
        columns += [Column(title="", optional=True)] if detail >= BAR else []
    return tuple(columns)


def figures(
    row: object, report: Report, shown: Mapping[str, int], style: Style, *, short: bool = False
) -> tuple[str, ...]:
    """The cells of ``row``: value, share of the model and bar, as ``shown`` says."""
    cells: list[str] = []
    model = report.modules[0]
    for metric, detail in shown.items():
        if metric == "arithmetic_intensity":
            cells.append(_intensity(row))
            continue
        value, whole = figure(row, metric), figure(model, metric) or 0
        cells.append(bounded(value, metric, short=short))
        cells += [format_percent(value or 0, whole, 1)] if detail >= SHARE else []
        cells += ["" if row is model else style.bar(value or 0, whole)] if detail >= BAR else []
    return tuple(cells)


def _intensity(row: object) -> str:
    """FLOPs for each byte that is read or written; empty where that is not known apart from the submodules."""
    flops, read, written = (figure(row, name) for name in ("flops", "bytes_read", "bytes_written"))
    if flops is None or read is None or written is None:
        return ""
    return f"{round(Decimal(flops) / (read + written), 2):.2f}" if read + written else "-"


def own_figures(report: Report, shown: Mapping[str, int], style: Style) -> tuple[str, ...]:
    """What the model holds and does itself, outside of its submodules."""
    own = SimpleNamespace(**{metric: figure(report.modules[0], f"own_{metric}") for metric in shown})
    return figures(own, report, shown, style)


def total_cells(report: Report, shown: Mapping[str, int]) -> tuple[str, ...]:
    """The figures of a last row, TOTAL."""
    return figures(report.modules[0], report, shown, Style(), short=not report.totals.complete)
