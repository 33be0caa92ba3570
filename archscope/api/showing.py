"""How results show themselves: a line, text, HTML, files by their ending, data frames, the page."""

from __future__ import annotations

import sys
import tempfile
import webbrowser
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archscope.api import notebook
from archscope.documents import document as doc
from archscope.documents.check import CHECK
from archscope.documents.claims import CLAIMS
from archscope.documents.columns import THE_MODEL, rounded, shapes
from archscope.documents.comparison import COMPARISON
from archscope.documents.crosscheck import CROSSCHECK
from archscope.documents.plan import PLAN
from archscope.documents.report import REPORT
from archscope.documents.report_tables import modules_table
from archscope.documents.scaling import SCALING
from archscope.documents.side_by_side import SIDE_BY_SIDE, column_names
from archscope.documents.sweep import SWEEP
from archscope.documents.why import WHY
from archscope.errors import SpecError, UsageError, did_you_mean
from archscope.files import write_files
from archscope.judge.explanation import Explanation
from archscope.metrics import METRICS, FigureRow, Rows, carried_by
from archscope.policy import CheckResult
from archscope.render import writers
from archscope.render.formats.csv import to_frame
from archscope.render.names import plain
from archscope.render.text import render_text
from archscope.report import ComponentRow, ModuleRow, Report, Totals
from archscope.report_queries import shape
from archscope.results.claims import ClaimsResult
from archscope.results.comparison import Comparison
from archscope.results.crosscheck import Crosscheck
from archscope.results.plan import Plan
from archscope.results.scaling import Scaling
from archscope.results.side_by_side import SideBySide
from archscope.results.sweep import Sweep

if TYPE_CHECKING:
    import pandas as pd

TELLINGS: Mapping[type, doc.Telling[Any]] = {
    Report: REPORT,
    Comparison: COMPARISON,
    SideBySide: SIDE_BY_SIDE,
    CheckResult: CHECK,
    Plan: PLAN,
    ClaimsResult: CLAIMS,
    Crosscheck: CROSSCHECK,
    Scaling: SCALING,
    Sweep: SWEEP,
    Explanation: WHY,
}
_TABLES = ("modules", "components", "operators", "parameters")
_SUFFIXES = {"markdown": "md", "htm": "html", "tex": "latex"}  # what some endings stand for


class UnknownNameError(SpecError, KeyError):
    """A module or component that a report does not have."""


def line(result: Any) -> str:
    """What ``repr`` says."""
    subject, told = _told(result)
    return f"<{subject}: {told}>" if told else f"<{subject}>"


def _told(result: Any) -> tuple[str, str]:  # noqa: PLR0911 - one for each kind of result
    """Whose line it is, and what it says."""
    match result:
        case Report():
            return f"Report of {plain(result.model.name)}", _figures(result.totals)
        case Totals():
            return "Totals", _figures(result)
        case ModuleRow():
            return f"{plain(result.type)} at {plain(result.path) or THE_MODEL}", _figures(result)
        case ComponentRow():
            return f"Component {plain(result.name)}", _figures(result)
        case Comparison():
            return f"Comparison of {plain(result.head.model.name)} with {plain(result.base.model.name)}", _change(
                result
            )
        case SideBySide():
            names = ", ".join(map(plain, column_names(result.reports)))
            return f"SideBySide of {names}", "; ".join(_figures(one.totals) for one in result.reports)
        case CheckResult():
            counts = ", ".join(f"{result.count(status)} {status}" for status in _statuses(result))
            return f"CheckResult {'passed' if result.passed else 'failed'}", counts or "nothing was checked"
        case Explanation():
            return f"Explanation of {plain(result.module.path) or THE_MODEL}", _figures(result.module)
    model = result.model
    return f"{type(result).__name__} of {plain(model if isinstance(model, str) else model.name)}", ""


def _figures(row: FigureRow) -> str:
    told = [f"{rounded(row, name)} {METRICS[name].label}" for name in ("parameters", "macs") if row[name] is not None]
    short = isinstance(row, Totals) and not row.complete
    return ", ".join(told[:1] + [f">= {text}" if short else text for text in told[1:]])


def _change(result: Comparison) -> str:
    delta = result.totals.delta
    return ", ".join(
        f"{delta[name]:+,} {METRICS[name].label}" for name in ("parameters", "macs") if delta[name] is not None
    )


def _statuses(result: CheckResult) -> list[str]:
    return list(dict.fromkeys(row.status for row in result.results))


def document(result: Any) -> doc.Document:
    """What the text view shows."""
    if isinstance(result, (Totals, ComponentRow, ModuleRow)):
        return doc.Document(title=_title(result), blocks=(doc.Facts(tuple(_facts(result))),))
    return TELLINGS[type(result)].brief(result)


def _title(row: FigureRow) -> doc.Inline:
    if isinstance(row, ModuleRow):
        return doc.sentence(doc.Name(row.path or THE_MODEL), "  ", doc.Name(row.type))
    return row.name if isinstance(row, ComponentRow) else ""


def _facts(row: FigureRow) -> Iterable[doc.Fact]:
    if isinstance(row, ModuleRow) and row.calls is not None:
        yield doc.Fact("component", row.component)
        yield doc.Fact("input", shapes(row.input_shapes))
        yield doc.Fact("output", shapes(row.output_shapes))
    short = isinstance(row, Totals) and not row.complete
    for name, metric in METRICS.items():
        if row.figures.get(name) is not None:
            yield doc.Fact(metric.label, doc.Count(row[name], least=short and metric.lower_bound), rounded(row, name))


def text(result: Any) -> str:
    """What ``print`` says: the view of the command line, nothing cut."""
    return render_text(document(result)).rstrip("\n")


def fragment(result: Any) -> str:
    """What a notebook shows."""
    return notebook.fragment(result, document(result))


def save(result: Any, path: str | Path) -> Path:
    """``result`` in the format that the ending of ``path`` names."""
    target = Path(path)
    telling = TELLINGS.get(type(result))
    if telling is None:
        raise UsageError(f"{type(result).__name__} is a row of a report", help="save the report")
    formats = writers(telling)
    ending = target.suffix.removeprefix(".").lower()
    key = _SUFFIXES.get(ending, ending)
    if key not in formats:
        known = ", ".join(f".{'tex' if name == 'latex' else name}" for name in formats if name != "graph")
        raise UsageError(f"{target.name!r} has no ending that names a format", help=f"end it with one of {known}")
    write_files({target: formats[key].render(result)})
    return target


def module(report: Report, path: str) -> ModuleRow:
    """The module of ``report`` at ``path``."""
    named = {alias: row for row in report.modules for alias in (row.path, *row.aliases)}
    if path not in named:
        inside = [name for name in named if name.endswith(f".{path}")][:3]
        hint = did_you_mean(path, named) or (f"did you mean {' or '.join(inside)}?" if inside else "")
        raise UnknownNameError(
            f"{report.model.name} has no module {path!r}", help=hint or 'report.to_frame("modules") lists them'
        )
    return named[path]


def component(report: Report, name: str) -> ComponentRow:
    """The component of ``report`` called ``name``."""
    named = {row.name: row for row in report.components}
    if name not in named:
        raise UnknownNameError(
            f"{report.model.name} has no component {name!r}",
            help=f"{did_you_mean(name, named)}it has {', '.join(named) or 'none'}",
        )
    return named[name]


def frame(report: Report, rows: str) -> pd.DataFrame:
    """The rows of that kind as a table of raw figures."""
    if rows not in _TABLES:
        raise UsageError(
            f"a report has no table of {rows!r}", help=f"{did_you_mean(rows, _TABLES)}one of {', '.join(_TABLES)}"
        )
    return to_frame(modules_table(report) if rows == "modules" else _table(report, rows))


def _table(report: Report, rows: str) -> doc.Table:
    if rows == "parameters":
        columns = (*_named("path", "shape", "dtype", "trainable"), *_counted("numel", "nbytes"))
        cells: Iterable[tuple[doc.Cell, ...]] = (
            (r.path, shape(r.shape), r.dtype, str(r.trainable).lower(), doc.Count(r.numel), doc.Count(r.nbytes))
            for r in report.parameters
        )
        return doc.table(columns, cells)
    if rows == "operators":
        metrics = [*carried_by(Rows.OPERATORS)]
        columns = (*_named("op", "kind"), *_counted("calls", *metrics))
        return doc.table(
            columns,
            (
                (row.op, row.kind, doc.Count(row.calls), *(doc.Count(row.figures.get(name)) for name in metrics))
                for row in report.operators
            ),
        )
    metrics = [*carried_by(Rows.COMPONENTS)]
    return doc.table(
        (*_named("name", "description"), *_counted(*metrics)),
        (
            (row.name, row.description, *(doc.Count(row.figures.get(name)) for name in metrics))
            for row in report.components
        ),
    )


def _named(*keys: str) -> tuple[doc.Column, ...]:
    return tuple(doc.Column(key, key=key) for key in keys)


def _counted(*keys: str) -> tuple[doc.Column, ...]:
    return tuple(doc.Column(key, key=key, figures=True) for key in keys)


def show(report: Report, path: str | Path | None) -> Any:
    """The page of ``report``, in the notebook or in the browser; its path where there is neither."""
    page = writers(REPORT)["html"].render(report)
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell is not None else None
    if path is not None:
        write_files({Path(path): page})
    if running is not None and running.__class__.__name__ == "ZMQInteractiveShell":
        return notebook.Page(page.decode())
    target = Path(path) if path is not None else Path(tempfile.mkdtemp(prefix="archscope-")) / "report.html"
    if path is None:
        write_files({target: page})
    webbrowser.open(target.resolve().as_uri())
    return target
