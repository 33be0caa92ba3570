"""The tables of a report that its documents share: key figures, operators, all modules, components for a paper."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from archscope.documents import document as doc
from archscope.documents.columns import SHARE, FigureColumns, count, rounded, was_run
from archscope.documents.document import Count, Fact, Name, figures, names, table, texts
from archscope.documents.receptive_field import field_cell, known_columns
from archscope.documents.where import Where
from archscope.judge.reservations import reservation
from archscope.metrics import METRICS, FigureRow, Rows, carried_by
from archscope.report import ComponentRow, OperatorRow, Report
from archscope.report_queries import describe_inputs, shape
from archscope.units import format_count, format_percent

_PAPER = ("parameters", "macs", "flops", "activations")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What to show: ``by`` modules, components or operators; ``sort`` a metric, or ``order`` for the model's own.

    ``depth`` levels of modules and ``limit`` rows at most, 0 for all of them. ``columns`` are further figures. ``flat``
    lists modules without submodules by their whole paths; ``patterns`` those that one of these globs matches. ``where``
    says which rows are wanted, by the figures that they show.
    """

    by: str = "modules"
    depth: int = 2
    sort: str = "order"
    limit: int = 30
    columns: tuple[str, ...] = ()
    flat: bool = False
    patterns: tuple[str, ...] = ()
    where: Where | None = None

    @property
    def ranking(self) -> str:
        """The metric that says which rows are large."""
        return "parameters" if self.sort in {"order", "name"} else self.sort

    @property
    def lists(self) -> bool:
        """Whether modules are a list of rows that were chosen, not a tree."""
        return bool(self.flat or self.patterns or self.where)

    def wants(self, row: FigureRow, report: Report, **names: str | int) -> bool:
        """Whether a row of ``report`` with its ``names`` is one of those that ``where`` describes."""
        return self.where is None or self.where.holds({**row.figures, **names}, report.totals.figures)


def total_facts(report: Report) -> tuple[Fact, ...]:
    """The figures of the whole model, each exactly and as people say it; what was not measured is left out."""
    totals, sums = report.totals, report.totals.figures
    frozen = totals.parameters - totals.trainable
    picks = ", ".join(dict.fromkeys(f"{row.picked} of {row.experts}" for row in report.mixtures))
    notes = {
        "active_parameters": f"{rounded(totals, 'active_parameters')}, a token uses {picks} experts",
        "trainable": f"{frozen:,} frozen" if frozen else "all",
        "buffers": rounded(totals, "buffer_bytes"),
        "zero_parameters": format_percent(sums.get("zero_parameters") or 0, totals.parameters),
    }
    if moved := (sums.get("bytes_read") or 0) + (sums.get("bytes_written") or 0):
        each = f"{Decimal(totals.flops or 0) / moved:.1f} FLOPs per byte moved"
        notes["bytes_written"] = f"{rounded(totals, 'bytes_written')}, {each}"
    told = [
        name
        for name, metric in carried_by(Rows.TOTALS).items()
        if totals[name] is not None and name != "buffer_bytes" and not metric.of_training
    ]
    facts = [*_facts(totals, told, notes, short=not totals.complete)]
    subject = zip(facts, [reservation(report, name) for name in told], strict=True)
    facts = [replace(fact, note=f"{fact.note}{said}") if said else fact for fact, said in subject]
    if len(report.dtypes) > 1:
        after = told.index("parameter_bytes") + 1
        kinds = [Fact(f"  {row.dtype}", Count(row.nbytes), f"{row.parameters:,} parameters") for row in report.dtypes]
        facts[after:after] = kinds
    return tuple(facts)


def step_facts(report: Report) -> tuple[Fact, ...]:
    """The figures of one training step; none when none was run."""
    step = report.totals.training
    if step is None:
        return ()
    caused = format_percent(step.unassigned_flops, step.backward_flops or 0)
    notes = {
        "unassigned_flops": f"{caused} of backward, caused by no module's forward",
        "optimizer_bytes": f"{rounded(step, 'optimizer_bytes')}, {step.optimizer}",
        "backward_flops": "",
    }
    if step.forward_flops:
        notes["backward_flops"] = f"{Decimal(step.backward_flops or 0) / step.forward_flops:.2f} x forward"
    hidden = {"forward_macs", "backward_macs", *(() if step.unassigned_flops else ("unassigned_flops",))}
    told = [name for name in carried_by(Rows.TRAINING) if name not in hidden]
    facts = dict(zip(told, _facts(step, told, notes, short=not step.complete), strict=True))
    if step.unassigned_flops:
        facts["unassigned_flops"] = replace(facts["unassigned_flops"], label="  [unassigned]")
    whole = Fact("step FLOPs", Count(step.flops, least=not step.complete), format_count(step.flops))
    return tuple(fact for name, one in facts.items() for fact in ([whole, one] if name == "gradient_bytes" else [one]))


def _facts(row: FigureRow, told: Iterable[str], notes: Mapping[str, str], *, short: bool) -> Iterator[Fact]:
    """The figures ``told`` of ``row``, each with what ``notes`` says of it or else its rounded value."""
    for name in told:
        yield Fact(METRICS[name].label, count(row, name, short=short), notes.get(name, rounded(row, name)))


def operators_table(report: Report, view: View) -> Iterator[doc.Block]:
    """What ran, by operator."""
    if not was_run(report):
        yield doc.Paragraph("operators are known after a run: give --input")
        return
    rows = [
        row for row in ranked_operators(report) if view.wants(row, report, op=row.op, kind=row.kind, calls=row.calls)
    ]
    if view.sort == "name":
        rows.sort(key=lambda row: row.op)
    elif view.sort == "flops":
        rows.sort(key=lambda row: -(row.flops or 0))
    kept = rows[: view.limit] if view.limit else rows
    hidden = rows[len(kept) :]
    share = format_percent(sum(row.flops or 0 for row in hidden), report.totals.flops or 0, 1)
    told = FigureColumns(report, dict.fromkeys(carried_by(Rows.OPERATORS), SHARE))
    unknown = ("?", "") * len(carried_by(Rows.OPERATORS))
    yield table(
        (*names("operator"), *texts("kind"), *figures("calls"), *told.columns()),
        (
            (Name(row.op), row.kind, Count(row.calls), *(unknown if row.kind == "uncounted" else told.cells(row)))
            for row in kept
        ),
        _operators_total(rows, told, chosen=view.where is not None),
        left_out=f"+{smaller_rows(len(hidden))}, {share} of FLOPs (-n 0 shows them)" if hidden else "",
    )


def smaller_rows(number: int) -> str:
    """So many rows that a table leaves out."""
    return f"{number} smaller row{'s' if number > 1 else ''}"


def _operators_total(rows: Sequence[OperatorRow], told: FigureColumns, *, chosen: bool) -> tuple[doc.Cell, ...]:
    calls = Count(sum(row.calls for row in rows))
    if not chosen:
        return ("TOTAL", "", calls, *told.total())
    counted = [row for row in rows if row.kind != "uncounted"]
    return ("MATCHED", "", calls, *(told.cells(*counted) if counted else told.nothing()))


def ranked_operators(report: Report) -> list[OperatorRow]:
    """The operators that ran, by MACs, then by FLOPs, then by name."""
    return sorted(report.operators, key=lambda row: (-(row.macs or 0), -(row.flops or 0), row.op))


def largest_components(report: Report, most: int) -> list[tuple[str, list[ComponentRow]]]:
    """The ``most`` largest components, by name and in their order, then all the others together."""
    ranked = sorted(report.components, key=lambda row: (-row.parameters, -(row.macs or 0)))
    names = {row.name for row in ranked[:most]}
    rest = [row for row in report.components if row.name not in names]
    shown = [(row.name, [row]) for row in report.components if row.name in names]
    return [*shown, (f"{len(rest):,} smaller components", rest)] if rest else shown


def largest_table(report: Report, metrics: Sequence[str], most: int, caption: str) -> doc.Table:
    """The figures ``metrics`` of the ``most`` largest components and of the others, with their shares."""
    told = FigureColumns(report, dict.fromkeys(metrics, SHARE), digits=2)
    about = {row.name: row.description for row in report.components}
    largest = largest_components(report, most)
    return table(
        (*texts("component"), *told.columns(), *texts("what it is")),
        ((name, *told.cells(*rows), about.get(name, "")) for name, rows in largest),
        ("Total", *told.total(), ""),
        caption=caption,
    )


def modules_table(report: Report) -> doc.Table:
    """A row per module, the root first with the empty path; several shapes or aliases stand in one cell."""
    fields = ("path", "type", "depth", "component", "aliases", "calls", "input_shapes", "output_shapes")
    whole, own, known = carried_by(Rows.MODULES), carried_by(Rows.COMPONENTS), known_columns(report)
    return table(
        texts(*fields, *whole, *(f"own_{name}" for name in own), *known),
        (
            (
                *(_data(getattr(row, name)) for name in fields),
                *(Count(row.figures.get(name)) for name in whole),
                *(Count(row.own.get(name)) for name in own),
                *(field_cell(row, name) for name in known),
            )
            for row in report.modules
        ),
    )


def _data(value: Any) -> doc.Cell:
    if isinstance(value, tuple):
        return " ".join(item if isinstance(item, str) else shape(item) for item in value)
    return value if isinstance(value, str) else Count(value)


def components_for_paper(report: Report) -> doc.Document:
    """The components and their total, every metric with its percentage."""
    told = FigureColumns(report, dict.fromkeys(_PAPER if was_run(report) else _PAPER[:1], SHARE), digits=2)
    columns = (
        replace(column, title="%" if column.key == "share" else METRICS[column.key].title) for column in told.columns()
    )
    paper = table(
        (*texts("Component"), *columns),
        ((row.name, *told.cells(row)) for row in report.components),
        ("Total", *told.total()),
        caption=f"{report.model.name}, input {describe_inputs(report.inputs) or 'none'}",
    )
    return doc.Document(title=report.model.name, blocks=(paper,))
