"""Tables for a paper: booktabs, exact integers, and every name escaped."""

from __future__ import annotations

from collections.abc import Sequence

from archscope.render.facts import bounded, describe_inputs, figure, metrics, short_components
from archscope.render.names import plain
from archscope.report import Report
from archscope.results.comparison import Change, Comparison, ComponentChange
from archscope.units import format_integer, format_percent

_LABELS = {"parameters": "Parameters", "macs": "MACs", "flops": "FLOPs", "activations": "Activations"}
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "[": "{[}",  # after \\ it would open the optional argument of that
    "]": "{]}",
    "*": "{*}",  # the same, for its starred form
} | {char: f"\\{char}" for char in "{}$&#_%"}


def render_latex(report: Report) -> str:
    r"""Components and total of one report; needs ``\usepackage{booktabs}``."""
    columns = metrics(report)
    short = short_components(report)
    head = ["Component", *(part for metric in columns for part in (_LABELS[metric], r"\%"))]
    rows = [[latex(row.name), *_figures(row, report, columns, short=row.name in short)] for row in report.components]
    total = ["Total", *_figures(report.totals, report, columns, short=not report.totals.complete)]
    caption = f"{latex(report.model.name)}, input {latex(describe_inputs(report.inputs) or 'none')}"
    return _table(head, rows, total, caption)


def _figures(row: object, report: Report, columns: Sequence[str], *, short: bool) -> list[str]:
    cells = []
    for metric in columns:
        value, whole = figure(row, metric), figure(report.totals, metric)
        cells.append(bounded(value, metric, short=short).replace(">= ", r"$\geq$ "))
        cells.append(_share(value, whole))
    return cells


def _share(value: int | None, whole: int | None) -> str:
    return "--" if value is None or not whole else format_percent(value, whole).removesuffix(" %")


def render_latex_comparison(comparison: Comparison) -> str:
    """Components and total before, after, and the difference, in parameters and MACs."""
    ran = comparison.totals.base.macs is not None and comparison.totals.head.macs is not None
    columns = ("parameters", "macs") if ran else ("parameters",)
    head = ["Component"]
    for metric in columns:
        head += [f"{_LABELS[metric]} before", "after", r"$\Delta$", r"\%"]
    changes: list[tuple[str, ComponentChange | Change]] = [
        *((latex(row.name), row) for row in comparison.components),
        ("Total", comparison.totals),
    ]
    rows = []
    for name, row in changes:
        cells = [name]
        for metric in columns:
            base, delta = figure(row.base, metric), figure(row.delta, metric)
            cells += [format_integer(base), format_integer(figure(row.head, metric)), _signed(delta)]
            cells.append("--" if delta is None or not base else _signed_share(delta, base))
        rows.append(cells)
    caption = f"{latex(comparison.base.model.name)} and {latex(comparison.head.model.name)}"
    return _table(head, rows[:-1], rows[-1], caption)


def _signed(value: int | None) -> str:
    return "--" if value is None else f"${'+' if value > 0 else ''}{value:,}$".replace(",", "{,}")


def _signed_share(delta: int, base: int) -> str:
    return f"${'+' if delta > 0 else ''}{format_percent(delta, base).removesuffix(' %')}$"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], total: Sequence[str], caption: str) -> str:
    def line(cells: Sequence[str]) -> str:
        return f"    {' & '.join(cells)} \\\\"

    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            f"  \\caption{{{caption}}}",
            f"  \\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}",
            r"    \toprule",
            line(head),
            r"    \midrule",
            *(line(row) for row in rows),
            r"    \midrule",
            line(total),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def latex(text: str) -> str:
    """``text`` as LaTeX shows it: no character of it is a command."""
    return "".join(_SPECIAL.get(char, char) for char in plain(text))
