"""The columns that tables of figures share: a metric's value with its bound, its share of the whole, a bar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from archscope.documents.document import Bar, Cell, Column, Count, Inline, Name, Share, figures, joined, sentence
from archscope.documents.receptive_field import FIELD_COLUMNS, field_cell
from archscope.metrics import BYTES, METRICS, FigureRow, Figures, Rows, carried_by
from archscope.records import Shape
from archscope.report import ComponentRow, ModuleRow, Report
from archscope.report_queries import shape, short_components, uncounted_paths
from archscope.units import format_bytes, format_count

THE_MODEL = "[the model itself]"
SHOWN_ANYWAY = ("parameters", "macs")
INTENSITY = "arithmetic_intensity"  # a ratio of metrics, FLOPs by bytes
_TITLES = {INTENSITY: "FLOPs/byte", **FIELD_COLUMNS}
VALUE, SHARE, BAR = range(3)  # how much a table says of a figure: itself, its share too, a bar too


def rankings(*, run: bool = True) -> tuple[str, ...]:
    """The metrics that rows of modules and components can be ranked by."""
    return tuple(name for name, metric in carried_by(Rows.COMPONENTS).items() if run or not metric.run)


def further_columns() -> tuple[str, ...]:
    """What ``--columns`` can add: every metric of modules that tables do not show anyway, and FLOPs by bytes."""
    metrics = (name for name in carried_by(Rows.MODULES) if name not in SHOWN_ANYWAY)
    return (*metrics, INTENSITY, *FIELD_COLUMNS)


def count(row: FigureRow, metric: str, *, short: bool) -> Count:
    """A figure of a row; ``short`` when operators without a formula ran there."""
    return Count(row.figures.get(metric), least=short and METRICS[metric].lower_bound)


def rounded(row: FigureRow, metric: str) -> str:
    """A figure of a row as people say it: ``1.244 G``, ``2.37 MB``."""
    value = row.figures.get(metric)
    return format_bytes(value) if METRICS[metric].unit == BYTES else format_count(value)


def shown_metrics(
    report: Report, metric: str, columns: Sequence[str] = (), *, all_bars: bool = False
) -> dict[str, int]:
    """The figures of a table, parameters, MACs, ``metric`` and ``columns``, each with how much is said of it."""
    wanted = [name for name in (*SHOWN_ANYWAY, metric) if was_run(report) or not METRICS[name].run]
    shown = {name: BAR if all_bars or name == metric else SHARE for name in METRICS if name in wanted}
    return shown | {name: VALUE for name in columns if name not in shown}


def added(rows: Sequence[FigureRow]) -> Figures:
    """The figures of one or more rows together; None where the first does not know them."""
    first, *others = (row.figures for row in rows)
    if not others:
        return first
    sums = {name: first[name] if first[name] is None else sum(row.figures[name] or 0 for row in rows) for name in first}
    return Figures(sums)


def was_run(report: Report) -> bool:
    """Whether there are figures of a run."""
    return report.totals.macs is not None


class FigureColumns:
    """The columns of figures of a table about ``report``, and their cells; ``shown`` says how much is said of each.

    Lower bounds are marked wherever an operator without a formula ran. Shares have ``digits`` behind the point.
    """

    def __init__(self, report: Report, shown: Mapping[str, int], digits: int = 1) -> None:
        self._shown, self._whole, self._digits = shown, report.modules[0], digits
        self._paths, self._components = uncounted_paths(report), short_components(report)
        self._complete = report.totals.complete

    def columns(self) -> Iterator[Column]:
        """A column for each value, share and bar."""
        for metric, detail in self._shown.items():
            title = _TITLES[metric] if metric in _TITLES else METRICS[metric].label
            yield Column(title, key=metric, figures=True, begins=True)
            yield from [Column("share", key="share", figures=True)] if detail >= SHARE else []
            yield from [Column("", key="bar", optional=True)] if detail >= BAR else []

    def cells(self, *rows: FigureRow, bars: bool = True) -> Iterator[Cell]:
        """The cells of a row, or of several taken together: value, share of the whole and bar, as ``shown`` says."""
        short, row = any(map(self._is_short, rows)), added(rows)
        for metric, detail in self._shown.items():
            if metric in _TITLES:
                yield _intensity(row) if metric == INTENSITY else field_cell(rows[0], metric)
                continue
            value, most = row.figures.get(metric) or 0, self._whole.figures.get(metric) or 0
            yield count(row, metric, short=short)
            yield from [Share(value, most, self._digits)] if detail >= SHARE else []
            yield from [Bar(value, most) if bars else ""] if detail >= BAR else []

    def total(self) -> Iterator[Cell]:
        """The cells of the whole."""
        return self.cells(self._whole, bars=False)

    def nothing(self) -> Iterator[Cell]:
        """The cells of a row without figures."""
        return ("" for _ in self.columns())

    def _is_short(self, row: FigureRow) -> bool:
        if row is self._whole:
            return not self._complete
        if isinstance(row, ModuleRow):
            return row.path in self._paths
        return isinstance(row, ComponentRow) and row.name in self._components


def change_columns(metrics: Iterable[str]) -> Iterator[Column]:
    """Before, after, difference and percent of each of ``metrics``; an empty title for a list of them."""
    for name in metrics:
        title = METRICS[name].label if name in METRICS else name
        yield Column(f"{title} before".strip(), figures=True, begins=True)
        yield from (*figures("after", "delta"), *figures("%", optional=True))


def path_name(path: str, root: str = THE_MODEL) -> Inline:
    """A path as a name; the root's, which is empty, in words."""
    return Name(path) if path else root


def path_names(paths: Sequence[str], most: int | None = None, root: str = THE_MODEL) -> Inline:
    """Paths with commas, ``most`` of them at most and then how many more there are."""
    shown = paths[:most]
    more = f" and {len(paths) - len(shown)} more" if len(shown) < len(paths) else ""
    return sentence(joined([path_name(path, root) for path in shown], ", "), more)


def shapes(found: Sequence[Shape]) -> str:
    """Shapes with commas; ``-`` for none."""
    return ", ".join(map(shape, found)) or "-"


def _intensity(row: FigureRow) -> str:
    """FLOPs for each byte that is read or written; empty where that is not known."""
    flops, read, written = (row.figures.get(name) for name in ("flops", "bytes_read", "bytes_written"))
    if flops is None or read is None or written is None:
        return ""
    return f"{Decimal(flops) / (read + written):.2f}" if read + written else "-"
