"""What a page says of each component of a report: its figures, its instances, what it reads and who reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from archscope.documents.columns import VALUE, count, figure_cells, figure_columns
from archscope.documents.document import (
    Block,
    Column,
    Heading,
    Inline,
    Items,
    Name,
    Paragraph,
    Row,
    Share,
    Table,
    joined,
    sentence,
)
from archscope.records import Shape
from archscope.report import ComponentRow, ModuleRow, Report
from archscope.report_queries import shape, short_components, uncounted_paths
from archscope.units import format_percent


def component_details(report: Report) -> Iterator[Block]:
    """A section for each component that has patterns."""
    for row in report.components:
        if not row.patterns:
            continue
        yield Heading(text=row.name, level=3)
        if row.description.strip():
            yield Paragraph(text=row.description.strip())
        yield Items(items=tuple(_items(report, row)))
        options = [option for option in report.model.options if row.name in option.components]
        if options:
            cells = [
                (
                    Name(option.name),
                    f"{option.value} (default {option.default})"
                    if option.value != option.default
                    else f"{option.value}",
                    option.help,
                )
                for option in options
            ]
            columns = (Column(title="option"), Column(title="value"), Column(title="what it sets"))
            yield Table(columns=columns, rows=tuple(Row(cells=row) for row in cells))
        if len(row.modules) > 1:
            yield _instances(report, row)


def module_cells(row: ModuleRow) -> tuple[Inline, Inline]:
    """Where a module is, and its type."""
    return Name(row.path) if row.path else "(the model itself)", Name(row.type)


def _items(report: Report, row: ComponentRow) -> Iterator[Inline]:
    short, totals = row.name in short_components(report), report.totals
    trainable = f", {row.trainable:,} of them trainable" if row.trainable != row.parameters else ""
    yield f"Parameters: {row.parameters:,} ({Share(row.parameters, totals.parameters)} of the model){trainable}"
    if totals.macs is not None:
        parts = [(name, count(row, name, short=short), Share(row[name], totals[name])) for name in ("macs", "flops")]
        (_, macs, part), (_, flops, other) = parts
        yield f"MACs: {macs} ({part}); FLOPs: {flops} ({other})"
    yield sentence(f"Instances: {len(row.modules)} (", _kinds(report, row), ")")
    if row.parameters:
        yield sentence("Parameters by the type of module that holds them: ", _holders(report, row))
    if row.parameters and row.macs and totals.macs:
        here, whole = round(row.macs / row.parameters), round(totals.macs / totals.parameters)
        yield f"{here:,} MACs per parameter, against {whole:,} in the whole model."
    for words, end, other_end in (("Reads from ", "target", "source"), ("Read by ", "source", "target")):
        flows = [(getattr(flow, other_end), flow.shape) for flow in report.flows if getattr(flow, end) == row.name]
        if flows:
            yield sentence(words, _flows(flows))


def _kinds(report: Report, row: ComponentRow) -> Inline:
    """The instances of ``row`` that are alike: same type, same parameters."""
    by_path = {module.path: module for module in report.modules}
    alike = Counter((by_path[path].type, by_path[path].parameters) for path in row.modules)
    return joined(
        [
            sentence(f"{count} x " if count > 1 else "", Name(kind), f" of {parameters:,} parameters")
            for (kind, parameters), count in alike.items()
        ]
    )


def _holders(report: Report, row: ComponentRow, most: int = 4) -> Inline:
    """The module types that hold the parameters of ``row`` themselves, the largest ``most`` of them."""
    sums: Counter[str] = Counter()
    for module in report.modules:
        if module.component == row.name:
            sums[module.type] += module.own_parameters
    ordered = sorted(((kind, value) for kind, value in sums.items() if value), key=lambda pair: (-pair[1], pair[0]))
    parts: list[Inline] = [
        sentence(Name(kind), f" {format_percent(value, row.parameters)}") for kind, value in ordered[:most]
    ]
    rest = sum(value for _, value in ordered[most:])
    return joined([*parts, *([f"other types {format_percent(rest, row.parameters)}"] if rest else [])])


def _flows(ends: Sequence[tuple[str, Shape]]) -> Inline:
    shapes: dict[str, list[str]] = {}
    for name, sizes in ends:
        shapes.setdefault(name, []).append(shape(sizes))
    parts: list[Inline] = []
    for name, written in shapes.items():
        more = f" and {len(written) - 3} more" if len(written) > 3 else ""
        parts.append((name, f" ({', '.join(written[:3])}{more})"))
    return joined(parts)


def _instances(report: Report, row: ComponentRow) -> Table:
    by_path = {module.path: module for module in report.modules}
    ran, short = report.totals.macs is not None, uncounted_paths(report)
    shown = dict.fromkeys(("parameters", "macs") if ran else ("parameters",), VALUE)
    return Table(
        columns=(
            Column(title="instance"),
            Column(title="type"),
            *figure_columns(shown),
            *((Column(title="in"), Column(title="out")) if ran else ()),
        ),
        rows=tuple(
            Row(
                cells=(
                    *module_cells(module),
                    *figure_cells(module, report.totals, shown, short=module.path in short),
                    *((_shapes(module.input_shapes), _shapes(module.output_shapes)) if ran else ()),
                )
            )
            for module in map(by_path.__getitem__, row.modules)
        ),
    )


def _shapes(shapes: tuple[Shape, ...]) -> str:
    return ", ".join(map(shape, shapes)) or "-"
