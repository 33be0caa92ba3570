"""Where one number comes from: the module and its place, its parameters with their shapes, its calls with formulas."""

from __future__ import annotations

from collections.abc import Iterator

from archscope.documents.columns import THE_MODEL, count
from archscope.documents.document import (
    Block,
    Document,
    Fact,
    Facts,
    Finding,
    Findings,
    Heading,
    Inline,
    Name,
    Paragraph,
    joined,
    sentence,
)
from archscope.judge.explanation import CallLine, Explanation
from archscope.metrics import METRICS
from archscope.records import ParameterRecord, Shape
from archscope.report import ModuleRow, SharedRow
from archscope.report_queries import shape, uncounted_paths
from archscope.units import format_percent

_CHILDREN = 12


def brief_document(found: Explanation) -> Document:
    """What a terminal shows of one module."""
    row = found.module
    return Document(
        title=sentence(_name(row), "  ", Name(row.type)),
        beside=f"of {found.report.model.name}",
        blocks=(
            Facts(facts=tuple(_head(row)), close=True),
            *_parameters(found),
            *_calls(found),
            *_shared(found),
            *_place(found),
        ),
    )


def _head(row: ModuleRow) -> Iterator[Fact]:
    yield Fact(label="component ", value=row.component)
    if row.aliases:
        names = joined([Name(alias) for alias in row.aliases], ", ")
        yield Fact(label="also at", value=sentence(names, "  (one module, counted once)"))
    if row.calls is not None:
        yield Fact(label="called", value=f"{row.calls} time{'s' if row.calls != 1 else ''} in one forward")
        yield Fact(label="input", value=_shapes(row.input_shapes))
        yield Fact(label="output", value=_shapes(row.output_shapes))


def _parameters(found: Explanation) -> Iterator[Block]:
    row = found.module
    yield Paragraph(text=f"parameters  {row.parameters:,}, of them its own {row.own_parameters:,}")
    for record in found.parameters:
        yield Paragraph(text=sentence("  ", _parameter(record)), close=True)


def _parameter(record: ParameterRecord) -> Inline:
    product = " x ".join(map(str, record.shape)) or "1"
    text = f"  {product} = {record.numel:,}  {record.dtype}{'' if record.trainable else '  frozen'}"
    named = sentence(Name(record.path.rpartition(".")[2]), text)
    if not record.aliases:
        return named
    return sentence(named, "  shared with ", joined([Name(alias) for alias in record.aliases], ", "))


def _calls(found: Explanation) -> Iterator[Block]:
    row = found.module
    if row.macs is None:
        yield Paragraph(text="MACs        not measured: the model was not run")
        return
    whole = row.path in uncounted_paths(found.report)
    own = any(row.path in unknown.modules for unknown in found.report.uncounted)
    for name in ("macs", "flops"):
        part = count(row.own, name, short=own)
        text = f"{METRICS[name].label:10}  {count(row, name, short=whole)}, of them its own {part}"
        yield Paragraph(text=text, close=name != "macs")
    if found.calls is None:
        text = "  the saved report holds no calls: name the model itself to see them"
        yield Paragraph(text=text, close=True)
    if found.calls:
        yield Findings(findings=tuple(map(_call, found.calls)), close=True)


def _call(line: CallLine) -> Finding:
    row = line.row
    times = f" x {row.times}" if row.times > 1 else ""
    if line.kind == "uncounted":
        return Finding(
            title=Name(row.op),
            text=f"{times}  uncounted: no formula, its cost is missing",
            details=(row.arguments,) if row.arguments else (),
        )
    details = [row.arguments]
    if row.macs:
        each = f"MACs   {line.equation or f'{row.macs // row.times:,}'}"
        details.append(f"{each}, {row.times} times: {row.macs:,}" if row.times > 1 else each)
        details.append(f"FLOPs  2 x {row.macs:,} + {row.flops - 2 * row.macs:,} = {row.flops:,}")
    return Finding(
        title=Name(row.op),
        text=f"{times}  {row.macs:,} MACs, {row.flops:,} FLOPs",
        details=tuple(details),
        fine=tuple(line.rule.splitlines()),
    )


def _shared(found: Explanation) -> Iterator[Block]:
    """What it runs of modules whose cost is counted elsewhere, and who runs it where it has several paths."""
    runs = []
    for row in found.runs:
        by = sentence(" from ", Name(row.caller)) if row.caller != found.module.path else ""
        runs.append(sentence(f"shared      runs {_ran(row)} of ", Name(row.owner), by, ", counted there"))
    run_by = [
        sentence("run by      ", Name(row.caller) if row.caller else THE_MODEL, f": {_ran(row)}")
        for row in found.run_by
    ]
    for index, text in enumerate((*runs, *run_by)):
        yield Paragraph(text=text, close=index > 0)


def _ran(row: SharedRow) -> str:
    times = "1 call" if row.calls == 1 else f"{row.calls:,} calls"
    return f"{row.macs:,} MACs and {row.flops:,} FLOPs ({times})"


def _place(found: Explanation) -> Iterator[Block]:
    short = uncounted_paths(found.report)

    def figures(row: ModuleRow) -> str:
        return f"{row.parameters:,} parameters, {count(row, 'macs', short=row.path in short)} MACs"

    if found.children:
        yield Heading(text="inside")
    for row in found.children[:_CHILDREN]:
        yield Paragraph(text=sentence("  ", _name(row), "  ", Name(row.type), f"  {figures(row)}"), close=True)
    if len(found.children) > _CHILDREN:
        yield Paragraph(text=f"  +{len(found.children) - _CHILDREN} more", close=True)
    if found.parents:
        yield Heading(text="part of")
    for parent in found.parents:
        share = format_percent(found.module.parameters, parent.parameters)
        macs = format_percent(found.module.macs or 0, parent.macs or 0)
        text = f"  {figures(parent)}  of which here {share} and {macs}"
        yield Paragraph(text=sentence("  ", _name(parent), "  ", Name(parent.type), text), close=True)


def _name(row: ModuleRow) -> Inline:
    return Name(row.path) if row.path else THE_MODEL


def _shapes(shapes: tuple[Shape, ...]) -> str:
    return ", ".join(map(shape, shapes)) or "-"
