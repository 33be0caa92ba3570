"""The tables of a report that its documents share: key figures, operators, all modules, components for a paper."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from archscope.documents.columns import SHARE, count, figure_cells, figure_columns
from archscope.documents.document import Block, Cell, Column, Count, Document, Fact, Name, Paragraph, Row, Share, Table
from archscope.judge.reservations import reservation
from archscope.metrics import BYTES, METRICS, Rows, carried_by
from archscope.report import Report
from archscope.report_queries import describe_inputs, shape, short_components
from archscope.units import format_bytes, format_count, format_percent

_PAPER = ("parameters", "macs", "flops", "activations")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What to show: ``by`` modules, components or operators; ``sort`` a metric, or ``order`` for the model's own.

    ``depth`` levels of modules and ``limit`` rows at most, 0 for all of them. ``columns`` are further figures.
    """

    by: str = "modules"
    depth: int = 2
    sort: str = "order"
    limit: int = 30
    columns: tuple[str, ...] = ()

    @property
    def ranking(self) -> str:
        """The metric that says which rows are large."""
        return "parameters" if self.sort in {"order", "name"} else self.sort


def total_facts(report: Report) -> tuple[Fact, ...]:
    """The figures of the whole model, each exactly and as people say it; what was not measured is left out."""
    totals = report.totals
    told = [
        (name, metric)
        for name, metric in carried_by(Rows.TOTALS).items()
        if totals[name] is not None and name != "buffer_bytes" and not metric.of_training
    ]
    facts: list[Fact] = []
    for name, metric in told:
        value = totals[name] or 0
        plain = format_bytes(value) if metric.unit == BYTES else format_count(value)
        note = (_NOTES[name](report, plain) if name in _NOTES else plain) + reservation(report, name)
        facts.append(Fact(label=metric.label, value=count(totals, name, short=not totals.complete), note=note))
        if name == "parameter_bytes" and len(report.dtypes) > 1:
            facts += [
                Fact(label=f"  {row.dtype}", value=Count(row.nbytes), note=f"{row.parameters:,} parameters")
                for row in report.dtypes
            ]
    return tuple(facts)


def _trainable(report: Report, _plain: str) -> str:
    frozen = report.totals.parameters - report.totals.trainable
    return f"{frozen:,} frozen" if frozen else "all"


def _active(report: Report, plain: str) -> str:
    picks = dict.fromkeys(f"{row.picked} of {row.experts}" for row in report.mixtures)
    return f"{plain}, a token uses {', '.join(picks)} experts"


def _written(report: Report, plain: str) -> str:
    moved = (report.totals.bytes_read or 0) + (report.totals.bytes_written or 0)
    return f"{plain}, {Decimal(report.totals.flops or 0) / moved:.1f} FLOPs per byte moved" if moved else plain


#: What is said of a total instead of its rounded value.
_NOTES = {
    "active_parameters": _active,
    "trainable": _trainable,
    "buffers": lambda report, _plain: format_bytes(report.totals.buffer_bytes),
    "zero_parameters": lambda r, _plain: format_percent(r.totals.zero_parameters or 0, r.totals.parameters),
    "bytes_written": _written,
}


def step_facts(report: Report) -> tuple[Fact, ...]:
    """The figures of one training step; none when none was run."""
    step = report.totals.training
    if step is None:
        return ()
    ratio = f"{Decimal(step.backward_flops or 0) / step.forward_flops:.2f} x forward" if step.forward_flops else ""
    caused = format_percent(step.unassigned_flops, step.backward_flops or 0)
    notes = {
        "backward_flops": ratio,
        "unassigned_flops": f"{caused} of backward, caused by no module's forward",
        "optimizer_bytes": f"{format_bytes(step.optimizer_bytes)}, {step.optimizer}",
    }
    facts = []
    for name, metric in carried_by(Rows.TRAINING).items():
        if name in {"forward_macs", "backward_macs"} or (name == "unassigned_flops" and not step.unassigned_flops):
            continue
        if name == "gradient_bytes":
            whole = Count(step.flops, least=not step.complete)
            facts.append(Fact(label="step FLOPs", value=whole, note=format_count(step.flops)))
        value = step[name] or 0
        plain = format_bytes(value) if metric.unit == BYTES else format_count(value)
        label = "  [unassigned]" if name == "unassigned_flops" else metric.label
        facts.append(Fact(label=label, value=count(step, name, short=not step.complete), note=notes.get(name, plain)))
    return tuple(facts)


def operators_table(report: Report, view: View) -> Iterator[Block]:
    """What ran, by operator."""
    if report.totals.macs is None:
        yield Paragraph(text="operators are known after a run: give --input")
        return
    rows = sorted(report.operators, key=lambda row: (-(row.macs or 0), -(row.flops or 0), row.op))
    if view.sort == "name":
        rows.sort(key=lambda row: row.op)
    elif view.sort == "flops":
        rows.sort(key=lambda row: -(row.flops or 0))
    kept = rows[: view.limit] if view.limit else rows
    hidden = rows[len(kept) :]
    share = format_percent(sum(row.flops or 0 for row in hidden), report.totals.flops or 0, 1)
    titles = ("calls", *(part for name in carried_by(Rows.OPERATORS) for part in (METRICS[name].label, "share")))
    sums = [part for name in carried_by(Rows.OPERATORS) for part in (_whole(report, name), "")]
    yield Table(
        columns=(
            Column(title="operator", names=True),
            Column(title="kind"),
            *(Column(title=title, figures=True) for title in titles),
        ),
        rows=tuple(
            Row(cells=(Name(row.op), row.kind, Count(row.calls), *_operator_cells(row, report))) for row in kept
        ),
        total=Row(cells=("TOTAL", "", Count(sum(row.calls for row in rows)), *sums)),
        left_out=f"+{len(hidden)} smaller rows, {share} of FLOPs (-n 0 shows them)" if hidden else "",
    )


def _whole(report: Report, metric: str) -> Count:
    return count(report.totals, metric, short=not report.totals.complete)


def _operator_cells(row: Any, report: Report) -> Iterator[Cell]:
    for name in carried_by(Rows.OPERATORS):
        if row.kind == "uncounted":
            yield from ("?", "")
        else:
            yield from (Count(row[name]), Share(row[name], report.totals[name], 1))


def modules_table(report: Report) -> Table:
    """A row per module, the root first with the empty path; several shapes or aliases stand in one cell."""
    fields = ("path", "type", "depth", "component", "aliases", "calls", "input_shapes", "output_shapes")
    own = [f"own_{name}" for name in carried_by(Rows.COMPONENTS)]
    return Table(
        columns=tuple(Column(title=key, key=key) for key in (*fields, *carried_by(Rows.MODULES), *own)),
        rows=tuple(
            Row(
                cells=(
                    *(_data(getattr(row, name)) for name in fields),
                    *(Count(row.figures.get(name)) for name in carried_by(Rows.MODULES)),
                    *(Count(row.own.get(name)) for name in carried_by(Rows.COMPONENTS)),
                )
            )
            for row in report.modules
        ),
    )


def _data(value: Any) -> Cell:
    if isinstance(value, tuple):
        return " ".join(item if isinstance(item, str) else shape(item) for item in value)
    return value if isinstance(value, str) else Count(value)


def components_for_paper(report: Report) -> Document:
    """The components and their total, every metric with its percentage."""
    short = short_components(report)
    shown = dict.fromkeys(_PAPER if report.totals.macs is not None else _PAPER[:1], SHARE)
    columns = [
        Column(key=column.key, figures=True, title="%" if column.key == "share" else METRICS[column.key].title)
        for column in figure_columns(shown)
    ]
    inputs = describe_inputs(report.inputs) or "none"
    table = Table(
        columns=(Column(title="Component"), *columns),
        rows=tuple(
            Row(cells=(row.name, *figure_cells(row, report.totals, shown, short=row.name in short, digits=2)))
            for row in report.components
        ),
        total=Row(
            cells=(
                "Total",
                *figure_cells(report.totals, report.totals, shown, short=not report.totals.complete, digits=2),
            )
        ),
        caption=f"{report.model.name}, input {inputs}",
    )
    return Document(title=report.model.name, blocks=(table,))
