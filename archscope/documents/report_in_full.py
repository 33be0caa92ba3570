"""A report in full, for a page: the model, each component in detail, the largest modules, how it was counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from archscope.documents import document as doc
from archscope.documents.columns import SHARE, FigureColumns, path_name, path_names, was_run
from archscope.documents.component_details import component_details, module_cells
from archscope.documents.report_tables import ranked_operators, step_facts, total_facts
from archscope.documents.sentences import conclusion, largest_component, rounding, top_share
from archscope.metrics import Rows, carried_by
from archscope.report import Report
from archscope.report_queries import blocks, changed_options, describe_inputs, ranked, unseen

_SHOWN = ("parameters", "macs", "flops")
_ROOT = "(the model itself)"
RULES: tuple[doc.Inline, ...] = (
    "A parameter counts once, however many paths lead to it. Buffers are no parameters.",
    doc.sentence(
        doc.Name("MACs"),
        " are the multiply-accumulates of convolutions (deformable ones too), matrix products, attention and recurrent "
        "gates. Adding a bias is none.",
    ),
    (
        doc.Name("FLOPs"),
        " are 2 x MACs plus every other arithmetic operation, by the textbook algorithm of each operator; ",
        doc.Name("archscope formulas"),
        " prints all of them.",
    ),
    "Activations are the elements of the tensors that operators newly allocate.",
    "A call belongs to the innermost module that runs; every figure of a module holds those of its submodules.",
)


def full_document(report: Report, figure: str = "") -> doc.Document:
    """Everything that a page says of ``report``; ``figure`` is the address of its picture, empty for none."""
    return doc.Document(title=report.model.name, blocks=tuple(_sections(report, figure)))


def _sections(report: Report, figure: str) -> Iterator[doc.Block]:
    yield from _summary(report)
    if report.conventions:
        yield doc.Heading("The same run by other rules")
        columns = doc.texts("rule") + doc.figures("counts", "parameters") + doc.texts("what it counts")
        rules = report.conventions
        rows = ((row.name, doc.Count(row.counted), doc.Count(row.parameters), row.description) for row in rules)
        yield doc.table(columns, rows)
    yield from _components(report, figure)
    yield doc.Heading("Components in detail")
    yield from component_details(report)
    yield from _largest(report)
    if was_run(report):
        yield from _operators(report)
        yield from _training(report)
        yield from _uncounted(report)
    yield doc.Heading("Conclusion")
    yield doc.Paragraph(conclusion(report))
    yield doc.Heading("How it was counted")
    kept = report.provenance
    yield doc.Items((*RULES, f"Counting rules version {kept.counting_rules}; components: {kept.components}."))


def _figures(report: Report, names: Sequence[str] = _SHOWN) -> FigureColumns:
    """Values and shares of the figures ``names``; of a model that was not run, only of the first."""
    return FigureColumns(report, dict.fromkeys(names if was_run(report) else names[:1], SHARE), digits=2)


def _paragraph(text: doc.Inline) -> Iterator[doc.Paragraph]:
    if text:
        yield doc.Paragraph(text)


def _summary(report: Report) -> Iterator[doc.Block]:
    model = report.model
    yield from _paragraph(model.description.strip())
    yield doc.Heading("Executive summary")
    facts = [*total_facts(report)]
    if was_run(report):
        facts.append(doc.Fact("input", describe_inputs(report.inputs) or "none"))
        facts.append(doc.Fact("mode", model.mode, f"on {model.device}"))
    else:
        facts.append(doc.Fact("MACs, FLOPs", "not measured", "the model was not run"))
    facts += [doc.Fact("source", doc.Name(model.source))] if model.source else []
    changed = [doc.sentence(doc.Name(option.name), f" = {option.value}") for option in changed_options(model)]
    facts += [doc.Fact("options that differ from their defaults", doc.joined(changed, ", "))] if changed else []
    yield doc.Facts(tuple(facts))
    yield from _paragraph(largest_component(report))
    if model.fallback:
        yield doc.Paragraph(f"The model did not run{' on meta tensors' if was_run(report) else ''}: {model.fallback}")


def _components(report: Report, figure: str) -> Iterator[doc.Block]:
    told = _figures(report)
    yield doc.Heading("Component breakdown")
    yield doc.table(
        (*doc.texts("component"), *told.columns(), *doc.texts("what it is")),
        ((row.name, *told.cells(row), row.description) for row in report.components),
        ("Total", *told.total(), ""),
    )
    yield doc.Paragraph(rounding(report))
    if figure:
        caption = f"Parameters and MACs of {report.model.name} by component, and its largest modules"
        yield doc.Picture(address=figure, words=caption)


def _largest(report: Report) -> Iterator[doc.Block]:
    top, told = ranked(blocks(report), "parameters"), _figures(report, ("parameters", "macs"))
    yield doc.Heading("Largest modules")
    if top:
        text = f"Modules that do not overlap, by parameters. These {len(top)} hold "
        yield doc.Paragraph(doc.sentence(text, top_share(report, top), "."))
        columns = (*doc.figures(""), *doc.texts("module", "type", "component"), *told.columns())
        rows = ((*module_cells(row), row.component, *told.cells(row)) for row in top)
        yield doc.table(columns, ((doc.Count(place), *cells) for place, cells in enumerate(rows, 1)))
    else:
        yield doc.Paragraph("No module inside this model has parameters.")
    shared = [row for row in report.modules if row.aliases]
    if shared:
        yield doc.Paragraph("Modules that are reached by several paths count once:")
        pairs = ((path_name(row.path, _ROOT), path_names(row.aliases, root=_ROOT)) for row in shared)
        yield doc.Items(tuple(doc.sentence(path, " is also ", aliases) for path, aliases in pairs))


def _operators(report: Report) -> Iterator[doc.Block]:
    told, rows = _figures(report, [*carried_by(Rows.OPERATORS)]), ranked_operators(report)
    yield doc.Heading("Operators")
    yield doc.table(
        (*doc.texts("operator"), *doc.figures("calls"), *told.columns()),
        ((doc.Name(row.op), doc.Count(row.calls), *told.cells(row)) for row in rows if row.kind == "counted"),
        ("Total", "", *told.total()),
    )
    free = [row for row in rows if row.kind == "free"]
    if free:
        move = "operators move" if len(free) > 1 else "operator moves"
        text = f"{len(free)} more {move} data without arithmetic ({sum(row.calls for row in free):,} calls): "
        yield doc.Paragraph(doc.sentence(text, path_names([row.op for row in free]), "."))


def _training(report: Report) -> Iterator[doc.Block]:
    if report.totals.training:
        yield doc.Heading("One training step")
        yield doc.Paragraph(
            "Forward in train mode, the sum of all floating outputs as the loss, backward, and the state of the "
            "optimizer."
        )
        yield doc.Facts(tuple(replace(fact, label=fact.label.strip()) for fact in step_facts(report)))


def _uncounted(report: Report) -> Iterator[doc.Block]:
    yield doc.Heading("What was not counted")
    if report.uncounted:
        yield doc.Paragraph(
            "No formula is known for these operators. Their cost is missing above, and the totals marked >= are "
            "lower bounds."
        )
        yield doc.table(
            doc.texts("operator") + doc.figures("calls") + doc.texts("modules"),
            ((doc.Name(row.op), doc.Count(row.calls), path_names(row.modules, root=_ROOT)) for row in report.uncounted),
        )
        yield from _paragraph(f"{said}." if (said := unseen(report)) else "")
    else:
        yield doc.Paragraph("Nothing: every operator that ran has a formula or only moves data.")
    if report.uncalled:
        text = "These modules were never called in this run; their parameters are counted, their MACs are none: "
        yield doc.Paragraph(doc.sentence(text, path_names(report.uncalled, root=_ROOT), "."))
