"""A report in full, for a page: the model, each component in detail, the largest modules, how it was counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from archscope.documents.columns import SHARE, figure_cells, figure_columns
from archscope.documents.component_details import component_details, module_cells
from archscope.documents.document import (
    Block,
    Column,
    Count,
    Document,
    Fact,
    Facts,
    Heading,
    Inline,
    Items,
    Name,
    Paragraph,
    Picture,
    Row,
    Table,
    joined,
    sentence,
)
from archscope.documents.report_tables import step_facts, total_facts
from archscope.documents.sentences import conclusion, largest_component, rounding, top_share
from archscope.judge.reservations import reservations
from archscope.metrics import Rows, carried_by
from archscope.report import Report, UncountedRow
from archscope.report_queries import (
    UNDECIDED,
    blocks,
    describe_inputs,
    ranked,
    short_components,
    uncounted_paths,
    unseen,
)

_SHOWN = ("parameters", "macs", "flops")
_RULES: tuple[Inline, ...] = (
    "A parameter counts once, however many paths lead to it. Buffers are no parameters.",
    sentence(
        Name("MACs"),
        " are the multiply-accumulates of convolutions (deformable ones too), matrix products, attention and recurrent "
        "gates. Adding a bias is none.",
    ),
    (
        Name("FLOPs"),
        " are 2 x MACs plus every other arithmetic operation, by the textbook algorithm of each operator; ",
        Name("archscope formulas"),
        " prints all of them.",
    ),
    "Activations are the elements of the tensors that operators newly allocate.",
    "A call belongs to the innermost module that runs; every figure of a module holds those of its submodules.",
)


def full_document(report: Report, figure: str = "") -> Document:
    """Everything that a page says of ``report``; ``figure`` is the address of its picture, empty for none."""
    parts = [
        _summary(report),
        _conventions(report),
        _components(report, figure),
        (Heading(text="Components in detail"), *component_details(report)),
        _largest(report),
        *((_operators(report), _training(report), _uncounted(report)) if _ran(report) else (_reservations(report),)),
        _ending(report),
    ]
    return Document(title=report.model.name, blocks=tuple(block for part in parts for block in part))


def _ran(report: Report) -> bool:
    return report.totals.macs is not None


def _metrics(report: Report, names: Sequence[str] = _SHOWN) -> dict[str, int]:
    return dict.fromkeys(names if _ran(report) else names[:1], SHARE)


def _paragraph(text: Inline) -> Iterator[Paragraph]:
    if text:
        yield Paragraph(text=text)


def _summary(report: Report) -> Iterator[Block]:
    model = report.model
    yield from _paragraph(model.description.strip())
    yield Heading(text="Executive summary")
    facts = [*total_facts(report)]
    if _ran(report):
        facts.append(Fact(label="input", value=describe_inputs(report.inputs) or "none"))
        facts.append(Fact(label="mode", value=model.mode, note=f"on {model.device}"))
    else:
        facts.append(Fact(label="MACs, FLOPs", value="not measured", note="the model was not run"))
    facts += [Fact(label="source", value=Name(model.source))] if model.source else []
    changed = [
        sentence(Name(option.name), f" = {option.value}") for option in model.options if option.value != option.default
    ]
    facts += [Fact(label="options that differ from their defaults", value=joined(changed, ", "))] if changed else []
    yield Facts(facts=tuple(facts))
    yield from _paragraph(largest_component(report))
    if model.fallback:
        yield Paragraph(text=f"The model did not run{' on meta tensors' if _ran(report) else ''}: {model.fallback}")


def _conventions(report: Report) -> Iterator[Block]:
    if report.conventions:
        yield Heading(text="The same run by other rules")
        yield Table(
            columns=(
                Column(title="rule"),
                Column(title="counts", figures=True),
                Column(title="parameters", figures=True),
                Column(title="what it counts"),
            ),
            rows=tuple(
                Row(cells=(row.name, Count(row.counted), Count(row.parameters), row.description))
                for row in report.conventions
            ),
        )


def _components(report: Report, figure: str) -> Iterator[Block]:
    shown, short = _metrics(report), short_components(report)
    yield Heading(text="Component breakdown")
    total = figure_cells(report.totals, report.totals, shown, short=not report.totals.complete, digits=2)
    yield Table(
        columns=(Column(title="component"), *figure_columns(shown), Column(title="what it is")),
        rows=tuple(
            Row(
                cells=(
                    row.name,
                    *figure_cells(row, report.totals, shown, short=row.name in short, digits=2),
                    row.description,
                )
            )
            for row in report.components
        ),
        total=Row(cells=("Total", *total, "")),
    )
    yield Paragraph(text=rounding(report))
    if figure:
        caption = f"Parameters and MACs of {report.model.name} by component, and its largest modules"
        yield Picture(address=figure, words=caption)


def _names(paths: Sequence[str]) -> Inline:
    return joined([Name(path) if path else "(the model itself)" for path in paths], ", ")


def _largest(report: Report) -> Iterator[Block]:
    top = ranked(blocks(report), "parameters")
    yield Heading(text="Largest modules")
    if top:
        text = f"Modules that do not overlap, by parameters. These {len(top)} hold "
        yield Paragraph(text=sentence(text, top_share(report, top), "."))
        shown, short = _metrics(report, ("parameters", "macs")), uncounted_paths(report)
        yield Table(
            columns=(
                Column(title="", figures=True),
                Column(title="module"),
                Column(title="type"),
                Column(title="component"),
                *figure_columns(shown),
            ),
            rows=tuple(
                Row(
                    cells=(
                        Count(place),
                        *module_cells(row),
                        row.component,
                        *figure_cells(row, report.totals, shown, short=row.path in short, digits=2),
                    )
                )
                for place, row in enumerate(top, 1)
            ),
        )
    else:
        yield Paragraph(text="No module inside this model has parameters.")
    shared = [row for row in report.modules if row.aliases]
    if shared:
        yield Paragraph(text="Modules that are reached by several paths count once:")
        yield Items(items=tuple(sentence(module_cells(row)[0], " is also ", _names(row.aliases)) for row in shared))


def _operators(report: Report) -> Iterator[Block]:
    rows = sorted(report.operators, key=lambda row: (-(row.macs or 0), -(row.flops or 0), row.op))
    shown = dict.fromkeys(carried_by(Rows.OPERATORS), SHARE)
    yield Heading(text="Operators")
    total = figure_cells(report.totals, report.totals, shown, short=not report.totals.complete, digits=2)
    yield Table(
        columns=(Column(title="operator"), Column(title="calls", figures=True), *figure_columns(shown)),
        rows=tuple(
            Row(
                cells=(
                    Name(row.op),
                    Count(row.calls),
                    *figure_cells(row, report.totals, shown, short=False, digits=2),
                )
            )
            for row in rows
            if row.kind == "counted"
        ),
        total=Row(cells=("Total", "", *total)),
    )
    free = [row for row in rows if row.kind == "free"]
    if free:
        move = "operators move" if len(free) > 1 else "operator moves"
        text = f"{len(free)} more {move} data without arithmetic ({sum(row.calls for row in free):,} calls): "
        yield Paragraph(text=sentence(text, joined([Name(row.op) for row in free], ", "), "."))


def _training(report: Report) -> Iterator[Block]:
    if report.totals.training:
        yield Heading(text="One training step")
        yield Paragraph(
            text="Forward in train mode, the sum of all floating outputs as the loss, backward, and the state of the "
            "optimizer."
        )
        facts = step_facts(report)
        yield Facts(facts=tuple(replace(fact, label=fact.label.strip()) for fact in facts))


def _uncounted(report: Report) -> Iterator[Block]:
    yield Heading(text="What was not counted")
    if report.uncounted:
        yield Paragraph(
            text="No formula is known for these operators. Their cost is missing above, and the totals marked >= are "
            "lower bounds."
        )
        yield _operators_left_out(report.uncounted)
        yield from _paragraph(f"{said}." if (said := unseen(report)) else "")
    else:
        outside = " outside of the training step" if report.training_uncounted else ""
        yield Paragraph(text=f"Nothing{outside}: every operator that ran has a formula or only moves data.")
    if report.training_uncounted:
        yield Paragraph(
            text="The training step also ran these operators without a formula; its FLOPs are lower bounds."
        )
        yield _operators_left_out(report.training_uncounted)
    for flow in report.undecided:
        yield Paragraph(text=sentence(Name(flow.op), " in ", _names([flow.path]), f": {UNDECIDED[flow.taken]}."))
    yield from _reservations(report)
    if report.uncalled:
        text = "These modules were never called in this run; their parameters are counted, their MACs are none: "
        yield Paragraph(text=sentence(text, _names(report.uncalled), "."))


def _operators_left_out(rows: Sequence[UncountedRow]) -> Table:
    return Table(
        columns=(Column(title="operator"), Column(title="calls", figures=True), Column(title="modules")),
        rows=tuple(Row(cells=(Name(row.op), Count(row.calls), _names(row.modules))) for row in rows),
    )


def _reservations(report: Report) -> Iterator[Block]:
    if lines := reservations(report):
        yield Items(items=lines)


def _ending(report: Report) -> Iterator[Block]:
    yield Heading(text="Conclusion")
    yield Paragraph(text=conclusion(report))
    yield Heading(text="How it was counted")
    kept = report.provenance
    yield Items(
        items=(*_RULES, f"Counting rules version {kept.counting_rules}; components: {kept.components}."),
    )
