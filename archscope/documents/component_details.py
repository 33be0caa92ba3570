"""What a page says of each component of a report: its figures, its instances, what it reads and who reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from archscope.documents import document as doc
from archscope.documents.columns import VALUE, FigureColumns, count, path_name, shapes, was_run
from archscope.records import Shape
from archscope.report import ComponentRow, ModuleRow, Report
from archscope.report_queries import shape, short_components
from archscope.spec import Option
from archscope.units import format_percent


def component_details(report: Report) -> Iterator[doc.Block]:
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


def module_cells(row: ModuleRow) -> tuple[doc.Inline, doc.Inline]:
    """Where a module is, and its type."""
    return path_name(row.path, "(the model itself)"), doc.Name(row.type)


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
    told = FigureColumns(report, dict.fromkeys(("parameters", "macs") if ran else ("parameters",), VALUE))
    found = [by_path[path] for path in row.modules]
    return doc.table(
        (*doc.texts("instance", "type"), *told.columns(), *(doc.texts("in", "out") if ran else ())),
        (
            (
                *module_cells(module),
                *told.cells(module),
                *((shapes(module.input_shapes), shapes(module.output_shapes)) if ran else ()),
            )
            for module in found
        ),
    )
