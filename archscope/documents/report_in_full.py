"""A report in full, for a page: the model, each component in detail, the largest modules, how it was counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from archscope.documents import document as doc
from archscope.documents.columns import SHARE, VALUE, FigureColumns, count, path_name, path_names, shapes, was_run
from archscope.documents.receptive_field import field_notes, has_fields, known_columns
from archscope.documents.repeats import largest_groups, rows_of, run_path, whose
from archscope.documents.report_tables import ranked_operators, step_facts, total_facts
from archscope.documents.sentences import conclusion, largest_component, rounding, top_share
from archscope.judge.reservations import reservations
from archscope.metrics import Rows, carried_by
from archscope.records import Shape
from archscope.report import ComponentRow, ModuleRow, Report, UncountedRow
from archscope.report_queries import (
    UNDECIDED,
    changed_options,
    describe_inputs,
    shape,
    short_components,
    unseen,
)
from archscope.spec import Option
from archscope.units import format_percent

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
    yield from _details(report)
    yield from _largest(report)
    if was_run(report):
        yield from _operators(report)
        yield from _training(report)
        yield from _uncounted(report)
    if lines := reservations(report):
        yield doc.Items(lines)
    yield doc.Heading("Conclusion")
    yield doc.Paragraph(conclusion(report))
    yield doc.Heading("How it was counted")
    kept = report.provenance
    yield doc.Items((*RULES, f"Counting rules version {kept.counting_rules}; components: {kept.components}."))


def _figures(report: Report, names: Sequence[str] = _SHOWN, further: Sequence[str] = ()) -> FigureColumns:
    """Values and shares of the figures ``names`` (not run: of the first), and values of ``further`` columns."""
    shown = dict.fromkeys(names if was_run(report) else names[:1], SHARE) | dict.fromkeys(further, VALUE)
    return FigureColumns(report, shown, digits=2)


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
        said = "Note" if model.device == "meta" else f"The model did not run{' on meta tensors' * was_run(report)}"
        yield doc.Paragraph(f"{said}: {model.fallback}")


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
    top, told = largest_groups(report), _figures(report, ("parameters", "macs"), known_columns(report))
    yield doc.Heading("Largest modules")
    if top:
        text = f"Modules that do not overlap, by parameters. These {len(top)} hold "
        yield doc.Paragraph(doc.sentence(text, top_share(report, [*rows_of(top)]), "."))
        columns = (*doc.figures(""), *doc.texts("module", "type", "component"), *told.columns())
        rows = ((doc.Name(run_path(one)), doc.Name(one[0].type), whose(one), *told.cells(*one)) for one in top)
        yield doc.table(columns, ((doc.Count(place), *cells) for place, cells in enumerate(rows, 1)))
        yield from field_notes(report) if has_fields(report) else ()
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
        yield doc.Facts(tuple(replace(fact, label=doc.words(fact.label).strip()) for fact in step_facts(report)))


def _uncounted(report: Report) -> Iterator[doc.Block]:
    yield doc.Heading("What was not counted")
    if report.uncounted:
        yield doc.Paragraph(
            "No formula is known for these operators. Their cost is missing above, and the totals marked >= are "
            "lower bounds."
        )
        yield _left_out(report.uncounted)
        yield from _paragraph(f"{said}." if (said := unseen(report)) else "")
    else:
        outside = " outside of the training step" if report.training_uncounted else ""
        yield doc.Paragraph(f"Nothing{outside}: every operator that ran has a formula or only moves data.")
    if report.training_uncounted:
        yield doc.Paragraph("The training step also ran these operators without a formula; its FLOPs are lower bounds.")
        yield _left_out(report.training_uncounted)
    for flow in report.undecided:
        where = path_names([flow.path], root=_ROOT)
        yield doc.Paragraph(doc.sentence(doc.Name(flow.op), " in ", where, f": {UNDECIDED[flow.taken]}."))
    if report.uncalled:
        text = "These modules were never called in this run; their parameters are counted, their MACs are none: "
        yield doc.Paragraph(doc.sentence(text, path_names(report.uncalled, root=_ROOT), "."))


def _left_out(rows: Sequence[UncountedRow]) -> doc.Table:
    return doc.table(
        doc.texts("operator") + doc.figures("calls") + doc.texts("modules"),
        ((doc.Name(row.op), doc.Count(row.calls), path_names(row.modules, root=_ROOT)) for row in rows),
    )


def _details(report: Report) -> Iterator[doc.Block]:
    """A section for each component that has patterns."""
    for row in report.components:
        if not row.patterns:
            continue
        yield doc.Heading(row.name, level=3)
        if row.description.strip():
            yield doc.Paragraph(row.description.strip())
        yield doc.Items(tuple(_items(report, row)))
        options = [option for option in report.model.options if row.name in option.components]
        if options:
            cells = ((doc.Name(option.name), _value(option), option.help) for option in options)
            yield doc.table(doc.texts("option", "value", "what it sets"), cells)
        if len(row.modules) > 1:
            yield _instances(report, row)


def _module_cells(row: ModuleRow) -> tuple[doc.Inline, doc.Inline]:
    """Where a module is, and its type."""
    return path_name(row.path, _ROOT), doc.Name(row.type)


def _value(option: Option) -> str:
    return f"{option.value}" if option.value == option.default else f"{option.value} (default {option.default})"


def _items(report: Report, row: ComponentRow) -> Iterator[doc.Inline]:
    short, totals = row.name in short_components(report), report.totals
    trainable = f", {row.trainable:,} of them trainable" if row.trainable != row.parameters else ""
    yield f"Parameters: {row.parameters:,} ({doc.Share(row.parameters, totals.parameters)} of the model){trainable}"
    if was_run(report):
        names = ("macs", "flops")
        macs, flops = (f"{count(row, name, short=short)} ({doc.Share(row[name], totals[name])})" for name in names)
        yield f"MACs: {macs}; FLOPs: {flops}"
    yield doc.sentence(f"Instances: {len(row.modules)} (", _kinds(report, row), ")")
    if row.parameters:
        yield doc.sentence("Parameters by the type of module that holds them: ", _holders(report, row))
    if row.parameters and row.macs and totals.macs:
        here, whole = round(row.macs / row.parameters), round(totals.macs / totals.parameters)
        yield f"{here:,} MACs per parameter, against {whole:,} in the whole model."
    for words, end, other_end in (("Reads from ", "target", "source"), ("Read by ", "source", "target")):
        flows = [(getattr(flow, other_end), flow.shape) for flow in report.flows if getattr(flow, end) == row.name]
        if flows:
            yield doc.sentence(words, _flows(flows))


def _kinds(report: Report, row: ComponentRow) -> doc.Inline:
    """The instances of ``row`` that are alike: same type, same parameters."""
    by_path = {module.path: module for module in report.modules}
    alike = Counter((by_path[path].type, by_path[path].parameters) for path in row.modules)
    return doc.joined(
        [
            doc.sentence(f"{count} x " if count > 1 else "", doc.Name(kind), f" of {parameters:,} parameters")
            for (kind, parameters), count in alike.items()
        ]
    )


def _holders(report: Report, row: ComponentRow, most: int = 4) -> doc.Inline:
    """The module types that hold the parameters of ``row`` themselves, the largest ``most`` of them."""
    sums: Counter[str] = Counter()
    for module in report.modules:
        if module.component == row.name:
            sums[module.type] += module.own_parameters
    ordered = sorted(((kind, value) for kind, value in sums.items() if value), key=lambda pair: (-pair[1], pair[0]))
    parts: list[doc.Inline] = [
        doc.sentence(doc.Name(kind), f" {format_percent(value, row.parameters)}") for kind, value in ordered[:most]
    ]
    rest = sum(value for _, value in ordered[most:])
    return doc.joined([*parts, *([f"other types {format_percent(rest, row.parameters)}"] if rest else [])])


def _flows(ends: Sequence[tuple[str, Shape]]) -> doc.Inline:
    written: dict[str, list[str]] = {}
    for name, sizes in ends:
        written.setdefault(name, []).append(shape(sizes))
    parts: list[doc.Inline] = []
    for name, texts in written.items():
        more = f" and {len(texts) - 3} more" if len(texts) > 3 else ""
        parts.append((name, f" ({', '.join(texts[:3])}{more})"))
    return doc.joined(parts)


def _instances(report: Report, row: ComponentRow) -> doc.Table:
    by_path = {module.path: module for module in report.modules}
    ran = was_run(report)
    shown = (*(("parameters", "macs") if ran else ("parameters",)), *known_columns(report))
    told = FigureColumns(report, dict.fromkeys(shown, VALUE))
    found = [by_path[path] for path in row.modules]
    return doc.table(
        (*doc.texts("instance", "type"), *told.columns(), *(doc.texts("in", "out") if ran else ())),
        (
            (
                *_module_cells(module),
                *told.cells(module),
                *((shapes(module.input_shapes), shapes(module.output_shapes)) if ran else ()),
            )
            for module in found
        ),
    )
