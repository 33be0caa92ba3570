"""The columns that tables of figures share: a metric's value with its bound, its share of the whole, a bar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from archscope.documents.document import Bar, Cell, Column, Count, Share
from archscope.metrics import METRICS, FigureRow, Rows, carried_by

THE_MODEL = "[the model itself]"
INTENSITY = "arithmetic_intensity"  # a ratio of metrics, FLOPs by bytes
VALUE, SHARE, BAR = range(3)  # how much a table says of a figure: itself, its share too, a bar too


def rankings(*, run: bool = True) -> tuple[str, ...]:
    """The metrics that rows of modules and components can be ranked by."""
    return tuple(name for name, metric in carried_by(Rows.COMPONENTS).items() if run or not metric.run)


def further_columns() -> tuple[str, ...]:
    """What ``--columns`` can add: every metric of modules that tables do not show anyway, and FLOPs by bytes."""
    return (*(name for name in carried_by(Rows.MODULES) if name not in {"parameters", "macs"}), INTENSITY)


def count(row: FigureRow, metric: str, *, short: bool) -> Count:
    """A figure of a row; ``short`` when operators without a formula ran there."""
    return Count(row.figures.get(metric), least=short and METRICS[metric].lower_bound)


def shown_metrics(metric: str, columns: Sequence[str] = (), *, run: bool, all_bars: bool = False) -> dict[str, int]:
    """The figures of a table, parameters, MACs, ``metric`` and ``columns``, each with how much is said of it."""
    wanted = [name for name in dict.fromkeys(("parameters", "macs", metric)) if run or not METRICS[name].run]
    shown = {name: BAR if all_bars or name == metric else SHARE for name in METRICS if name in wanted}
    return shown | {name: VALUE for name in columns if name not in shown}


def figure_columns(shown: Mapping[str, int]) -> tuple[Column, ...]:
    """The columns of ``figure_cells``."""
    columns: list[Column] = []
    for metric, detail in shown.items():
        title = "FLOPs/byte" if metric == INTENSITY else METRICS[metric].label
        columns.append(Column(title=title, key=metric, figures=True))
        columns += [Column(title="share", key="share", figures=True)] if detail >= SHARE else []
        columns += [Column(title="", key="bar", optional=True)] if detail >= BAR else []
    return tuple(columns)


def figure_cells(  # noqa: PLR0913 - a row, its whole, and how each figure is said
    row: FigureRow, whole: FigureRow, shown: Mapping[str, int], *, short: bool, digits: int = 1, bars: bool = True
) -> tuple[Cell, ...]:
    """The cells of ``row``: value, share of ``whole`` and bar, as ``shown`` says."""
    cells: list[Cell] = []
    for metric, detail in shown.items():
        if metric == INTENSITY:
            cells.append(_intensity(row))
            continue
        value, most = row.figures.get(metric), whole.figures.get(metric) or 0
        cells.append(count(row, metric, short=short))
        cells += [Share(value or 0, most, digits)] if detail >= SHARE else []
        cells += [Bar(value or 0, most) if bars else ""] if detail >= BAR else []
    return tuple(cells)


def change_columns(names: Iterable[str]) -> tuple[Column, ...]:
    """Before, after, difference and percent of each metric that ``names`` holds; an empty title for a list of them."""
    columns: list[Column] = []
    for name in names:
        title = METRICS[name].label if name in METRICS else name
        columns += [
            Column(title=f"{title} before".strip(), figures=True),
            Column(title="after", figures=True),
            Column(title="delta", figures=True),
            Column(title="%", figures=True, optional=True),
        ]
    return tuple(columns)


def _intensity(row: FigureRow) -> str:
    """FLOPs for each byte that is read or written; empty where that is not known."""
    flops, read, written = (row.figures.get(name) for name in ("flops", "bytes_read", "bytes_written"))
    if flops is None or read is None or written is None:
        return ""
    return f"{round(Decimal(flops) / (read + written), 2):.2f}" if read + written else "-"
