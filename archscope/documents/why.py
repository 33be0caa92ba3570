"""Where one number comes from: the module and its place, its parameters with their shapes, its calls with formulas."""

from __future__ import annotations

from collections.abc import Iterator

from archscope.documents import document as doc
from archscope.documents.columns import count, path_name, path_names, shapes
from archscope.judge.explanation import CallLine, Explanation
from archscope.metrics import METRICS
from archscope.records import ParameterRecord
from archscope.report import ModuleRow, SharedRow
from archscope.report_queries import uncounted_paths
from archscope.units import format_percent

_CHILDREN = 12


def brief_document(found: Explanation) -> doc.Document:
    """What a terminal shows of one module."""
    row = found.module
    return doc.Document(
        title=doc.sentence(path_name(row.path), "  ", doc.Name(row.type)),
        beside=f"of {found.report.model.name}",
        blocks=(
            doc.Facts(tuple(_head(row)), close=True),
            *_parameters(found),
            *_calls(found),
            *_shared(found),
            *_place(found),
        ),
    )


def _head(row: ModuleRow) -> Iterator[doc.Fact]:
    yield doc.Fact("component ", row.component)
    if row.aliases:
        yield doc.Fact("also at", doc.sentence(path_names(row.aliases), "  (one module, counted once)"))
    if row.calls is not None:
        yield doc.Fact("called", f"{row.calls} time{'s' if row.calls != 1 else ''} in one forward")
        yield doc.Fact("input", shapes(row.input_shapes))
        yield doc.Fact("output", shapes(row.output_shapes))


def _parameters(found: Explanation) -> Iterator[doc.Block]:
    row = found.module
    yield doc.Paragraph(f"parameters  {row.parameters:,}, of them its own {row.own_parameters:,}")
    yield from doc.lines(*map(_parameter, found.parameters))


def _parameter(record: ParameterRecord) -> doc.Inline:
    product = " x ".join(map(str, record.shape)) or "1"
    text = f"  {product} = {record.numel:,}  {record.dtype}{'' if record.trainable else '  frozen'}"
    shared = doc.sentence("  shared with ", path_names(record.aliases)) if record.aliases else ""
    return doc.sentence("  ", doc.Name(record.path.rpartition(".")[2]), text, shared)


def _calls(found: Explanation) -> Iterator[doc.Block]:
    row = found.module
    if row.macs is None:
        yield doc.Paragraph("MACs        not measured: the model was not run")
        return
    whole = row.path in uncounted_paths(found.report)
    own = any(row.path in unknown.modules for unknown in found.report.uncounted)
    for name in ("macs", "flops"):
        part = count(row.own, name, short=own)
        text = f"{METRICS[name].label:10}  {count(row, name, short=whole)}, of them its own {part}"
        yield doc.Paragraph(text, close=name != "macs")
    if found.calls is None:
        yield from doc.lines("  the saved report holds no calls: name the model itself to see them")
    if found.calls:
        yield doc.Findings(tuple(map(_call, found.calls)), close=True)


def _call(line: CallLine) -> doc.Finding:
    row = line.row
    times = f" x {row.times}" if row.times > 1 else ""
    if line.kind == "uncounted":
        text = f"{times}  uncounted: no formula, its cost is missing"
        return doc.Finding(title=doc.Name(row.op), text=text, details=(row.arguments,) if row.arguments else ())
    details = [row.arguments]
    if row.macs:
        each = f"MACs   {line.equation or f'{row.macs // row.times:,}'}"
        details.append(f"{each}, {row.times} times: {row.macs:,}" if row.times > 1 else each)
        details.append(f"FLOPs  2 x {row.macs:,} + {row.flops - 2 * row.macs:,} = {row.flops:,}")
    return doc.Finding(
        title=doc.Name(row.op),
        text=f"{times}  {row.macs:,} MACs, {row.flops:,} FLOPs",
        details=tuple(details),
        fine=tuple(line.rule.splitlines()),
    )


def _shared(found: Explanation) -> Iterator[doc.Block]:
    """What it runs of modules whose cost is counted elsewhere, and who runs it where it has several paths."""
    told: list[doc.Inline] = []
    for row in found.runs:
        by = doc.sentence(" from ", doc.Name(row.caller)) if row.caller != found.module.path else ""
        told.append(doc.sentence(f"shared      runs {_ran(row)} of ", doc.Name(row.owner), by, ", counted there"))
    told += [doc.sentence("run by      ", path_name(row.caller), f": {_ran(row)}") for row in found.run_by]
    yield from doc.together(map(doc.Paragraph, told))


def _ran(row: SharedRow) -> str:
    times = "1 call" if row.calls == 1 else f"{row.calls:,} calls"
    return f"{row.macs:,} MACs and {row.flops:,} FLOPs ({times})"


def _place(found: Explanation) -> Iterator[doc.Block]:
    short = uncounted_paths(found.report)

    def told(row: ModuleRow) -> doc.Inline:
        cost = f"  {row.parameters:,} parameters, {count(row, 'macs', short=row.path in short)} MACs"
        return doc.sentence("  ", path_name(row.path), "  ", doc.Name(row.type), cost)

    if found.children:
        yield doc.Heading("inside")
    yield from doc.lines(*map(told, found.children[:_CHILDREN]))
    if len(found.children) > _CHILDREN:
        yield from doc.lines(f"  +{len(found.children) - _CHILDREN} more")
    if found.parents:
        yield doc.Heading("part of")
    for parent in found.parents:
        share = format_percent(found.module.parameters, parent.parameters)
        macs = format_percent(found.module.macs or 0, parent.macs or 0)
        yield from doc.lines(doc.sentence(told(parent), f"  of which here {share} and {macs}"))


WHY: doc.Telling[Explanation] = doc.Telling(brief=brief_document)
