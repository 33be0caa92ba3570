"""Explaining the figures of one module: its shapes, calls, formulas with numbers put in, weights and parents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from archscope.errors import SpecError, did_you_mean
from archscope.formulas import FormulaTable
from archscope.formulas.table import COUNTED, UNCOUNTED
from archscope.records import ParameterRecord, Path, Shape
from archscope.report import CallRow, ModuleRow, Report, SharedRow
from archscope.views import View

_TENSOR = re.compile(r"(?<!\w)(\w+)=\w+\[([0-9,]*)\]")
_LEFT = ("mat1", "batch1", "input", "self")  # what a matrix product calls its left side


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLine:
    """Calls of one operator on the same shapes. ``equation`` works out the MACs of one call; empty without any."""

    row: CallRow
    kind: str
    equation: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Explanation(View):
    """A module of ``report``: its own parameters and calls, what lies below it and what it is part of, root last."""

    report: Report
    module: ModuleRow
    parameters: tuple[ParameterRecord, ...]
    calls: tuple[CallLine, ...] | None
    children: tuple[ModuleRow, ...]
    parents: tuple[ModuleRow, ...]
    runs: tuple[SharedRow, ...] = ()
    run_by: tuple[SharedRow, ...] = ()


def explain(report: Report, path: Path, formulas: FormulaTable) -> Explanation:
    """The module at ``path``, by any of its paths or that of one of its parameters; "" is the model itself.

    Raises SpecError naming the nearest paths when there is none.
    """
    module = _find(report, path)
    own = tuple(record for record in report.parameters if record.path.rpartition(".")[0] == module.path)
    above = {row.path: row for row in report.modules}
    parents = []
    at = module.path
    while at:
        at = at.rpartition(".")[0]
        parents.append(above[at])
    return Explanation(
        report=report,
        module=module,
        parameters=own,
        calls=None
        if report.calls is None
        else tuple(_line(row, formulas) for row in report.calls if row.path == module.path and _matters(row, formulas)),
        children=tuple(row for row in report.modules if row.path and row.path.rpartition(".")[0] == module.path),
        parents=tuple(parents),
        runs=tuple(
            row for row in report.shared if _within(row.caller, module.path) and not _within(row.owner, module.path)
        ),
        run_by=tuple(row for row in report.shared if row.owner == module.path),
    )


def _within(path: Path, scope: Path) -> bool:
    return not scope or path == scope or path.startswith(f"{scope}.")


def _find(report: Report, path: Path) -> ModuleRow:
    named = {alias: row for row in report.modules for alias in (row.path, *row.aliases)}
    owners = {alias: record.path for record in report.parameters for alias in (record.path, *record.aliases)}
    if path not in named and path in owners:
        path = owners[path].rpartition(".")[0]
    if path in named:
        return named[path]
    inside = [name for name in named if name.endswith(f".{path}")][:3]
    hint = did_you_mean(path, named) or (f"did you mean {' or '.join(inside)}?" if inside else "")
    raise SpecError(
        f"{report.model.name} has no module {path!r}",
        help=hint or "`archscope analyze MODEL --depth 0 -n 0` lists them all",
    )


def _matters(row: CallRow, formulas: FormulaTable) -> bool:
    rule = formulas.find(row.op)
    return rule is None or rule.kind == COUNTED


def _line(row: CallRow, formulas: FormulaTable) -> CallLine:
    rule = formulas.find(row.op)
    return CallLine(
        row=row,
        kind=rule.kind if rule else UNCOUNTED,
        equation=equation(row),
        rule=rule.derivation if rule else "",
    )


def equation(row: CallRow) -> str:
    """``1 x 8 x 320 x 320 outputs x (3 x 3 x 3) = 22,118,400``: only an equation that holds is shown."""
    if not row.macs or not row.outputs:
        return ""
    each = row.macs // row.times
    for words, shape, factor in _candidates(row):
        if each * row.times == row.macs and prod(shape) * prod(factor) == each:
            return f"{_times(shape)} {words} x ({_times(factor)}) = {each:,}"
    size = prod(row.outputs[0])
    if size and each % size == 0:
        return f"{_times(row.outputs[0])} outputs x {each // size:,} = {each:,}"
    return ""


def _candidates(row: CallRow) -> Iterator[tuple[str, Shape, Shape]]:
    tensors = {name: _sizes(sizes) for name, sizes in _TENSOR.findall(row.arguments)}
    weight = tensors.get("weight", ())
    if len(weight) > 2:
        yield "outputs", row.outputs[0], weight[1:]
        if "input" in tensors:
            yield "inputs", tensors["input"], weight[1:]
    left = next((tensors[name] for name in _LEFT if tensors.get(name)), ())
    yield "outputs", row.outputs[0], left[-1:]


def _sizes(text: str) -> Shape:
    return tuple(int(size) for size in text.split(",") if size)


def _times(shape: Shape) -> str:
    return " x ".join(map(str, shape)) or "1"
