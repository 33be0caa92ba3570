"""Where one number comes from, in a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from archscope.judge.explanation import CallLine, Explanation
from archscope.records import ParameterRecord, Shape
from archscope.render.check_text import safe
from archscope.render.facts import bounded, uncounted_paths
from archscope.render.style import PLAIN, Style
from archscope.report import ModuleRow
from archscope.units import format_integer, format_percent

MOST_CHILDREN = 12


def render_why(found: Explanation, style: Style = PLAIN) -> str:
    """The module and its place, its parameters with their shapes, its calls with their formulas."""
    return "\n".join([*_head(found, style), *_parameters(found), *_calls(found, style), *_place(found)]) + "\n"


def _head(found: Explanation, style: Style) -> Iterator[str]:
    row = found.module
    yield style.bold(f"{_name(row)}  {safe(row.type)}") + f"  of {safe(found.report.model.name)}"
    yield f"component   {safe(row.component)}"
    if row.aliases:
        yield f"also at     {', '.join(map(safe, row.aliases))}  (one module, counted once)"
    if row.calls is not None:
        yield f"called      {row.calls} time{'s' if row.calls != 1 else ''} in one forward"
        yield f"input       {_shapes(row.input_shapes)}"
        yield f"output      {_shapes(row.output_shapes)}"


def _parameters(found: Explanation) -> Iterator[str]:
    row = found.module
    yield ""
    yield f"parameters  {format_integer(row.parameters)}, of them its own {format_integer(row.own_parameters)}"
    for record in found.parameters:
        yield f"  {_parameter(record)}"


def _parameter(record: ParameterRecord) -> str:
    product = " x ".join(map(str, record.shape)) or "1"
    words = f"{safe(record.path.rpartition('.')[2])}  {product} = {format_integer(record.numel)}  {safe(record.dtype)}"
    if not record.trainable:
        words += "  frozen"
    return f"{words}  shared with {', '.join(map(safe, record.aliases))}" if record.aliases else words


def _calls(found: Explanation, style: Style) -> Iterator[str]:
    row = found.module
    yield ""
    if row.macs is None:
        yield "MACs        not measured: the model was not run"
        return
    whole = row.path in uncounted_paths(found.report)
    own = any(row.path in unknown.modules for unknown in found.report.uncounted)
    for label, metric in (("MACs ", "macs"), ("FLOPs", "flops")):
        all_, part = getattr(row, metric), bounded(getattr(row, f"own_{metric}"), metric, short=own)
        yield f"{label}       {bounded(all_, metric, short=whole)}, of them its own {part}"
    if found.calls is None:
        yield "  the saved report holds no calls: name the model itself to see them"
    for line in found.calls or ():
        yield from _call(line, style)


def _call(line: CallLine, style: Style) -> Iterator[str]:
    row = line.row
    times = f" x {row.times}" if row.times > 1 else ""
    if line.kind == "uncounted":
        yield f"  {style.bold(safe(row.op))}{times}  uncounted: no formula, its cost is missing"
        if row.arguments:
            yield f"    {safe(row.arguments)}"
        return
    yield f"  {style.bold(safe(row.op))}{times}  {format_integer(row.macs)} MACs, {format_integer(row.flops)} FLOPs"
    yield f"    {safe(row.arguments)}"
    if row.macs:
        each = f"    MACs   {line.equation or format_integer(row.macs // row.times)}"
        yield f"{each}, {row.times} times: {format_integer(row.macs)}" if row.times > 1 else each
        rest = row.flops - 2 * row.macs
        yield f"    FLOPs  2 x {format_integer(row.macs)} + {format_integer(rest)} = {format_integer(row.flops)}"
    for words in line.rule.splitlines():
        yield style.paint(f"    | {safe(words)}".rstrip(), "dim")


def _place(found: Explanation) -> Iterator[str]:
    if found.children:
        yield ""
        yield "inside"
        for row in found.children[:MOST_CHILDREN]:
            yield f"  {_name(row)}  {safe(row.type)}  {_figures(row, found)}"
        if len(found.children) > MOST_CHILDREN:
            yield f"  +{len(found.children) - MOST_CHILDREN} more"
    if found.parents:
        yield ""
        yield "part of"
    for parent in found.parents:
        share = format_percent(found.module.parameters, parent.parameters)
        macs = format_percent(found.module.macs or 0, parent.macs or 0)
        yield f"  {_name(parent)}  {safe(parent.type)}  {_figures(parent, found)}  of which here {share} and {macs}"


def _figures(row: ModuleRow, found: Explanation) -> str:
    macs = bounded(row.macs, "macs", short=row.path in uncounted_paths(found.report))
    return f"{format_integer(row.parameters)} parameters, {macs} MACs"


def _name(row: ModuleRow) -> str:
    return safe(row.path) or "[the model itself]"


def _shapes(shapes: tuple[Shape, ...]) -> str:
    return ", ".join("x".join(map(str, shape)) or "scalar" for shape in shapes) or "-"
