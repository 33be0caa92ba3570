"""A report as compact JSON for the page: the figures of the JSON report, modules as columns, texts and shapes once.

A page of 5,000 modules stays under 1 MB this way. Own figures are not stored: they are a module's figures less those
of its children, and a component's are the sum of the own figures of its modules. Integers beyond 2^53, which JavaScript
would round, are stored as text, the whole column of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from archscope.metrics import Rows, carried_by
from archscope.report import Report
from archscope.serial import to_plain

EXACT = 2**53  # JavaScript's numbers are exact up to here
_KEPT = ("model", "inputs", "totals", "uncounted", "uncalled", "provenance")


def pack(report: Report, formulas: Mapping[str, str]) -> dict[str, Any]:
    """The report for the page; ``formulas`` says for an operator how its cost is counted."""
    packed = {name: _exact(to_plain(getattr(report, name))) for name in _KEPT}
    packed["operators"] = [_exact(to_plain(row)) | {"formula": formulas.get(row.op, "")} for row in report.operators]
    packed["components"] = len(report.components)  # their names come first among those of the modules
    index = {module.path: place for place, module in enumerate(report.modules)}
    packed["modules"] = _modules(report, index)
    packed["calls"] = None if report.calls is None else _calls(report, index)
    return packed


def _modules(report: Report, index: Mapping[str, int]) -> dict[str, Any]:
    names, types, shapes, components = _Pool(), _Pool(), _Pool(), _Pool()
    for row in report.components:
        components.place(row.name)
    parents = [_parent(module.path, index) for module in report.modules]
    columns: dict[str, Any] = {
        "parent": parents,
        "name": [
            names.place(_name(module.path, parent, report))
            for module, parent in zip(report.modules, parents, strict=True)
        ],
        "type": [types.place(module.type) for module in report.modules],
        "component": [components.place(module.component) for module in report.modules],
        "calls": [module.calls for module in report.modules],
        "input": [shapes.place(module.input_shapes) for module in report.modules],
        "output": [shapes.place(module.output_shapes) for module in report.modules],
        "aliases": {str(place): module.aliases for place, module in enumerate(report.modules) if module.aliases},
    }
    for figure in carried_by(Rows.MODULES):
        columns[figure] = _column([module[figure] for module in report.modules])
    pools = {"names": names, "types": types, "components": components, "shapes": shapes}
    return columns | {name: list(pool.places) for name, pool in pools.items()}


def _parent(path: str, index: Mapping[str, int]) -> int:
    """The place of the nearest ancestor that has a row; -1 for the root."""
    while path:
        path = path.rpartition(".")[0]
        if path in index:
            return index[path]
    return -1


def _name(path: str, parent: int, report: Report) -> str:
    above = report.modules[parent].path if parent >= 0 else ""
    return path[len(above) + 1 :] if above else path


def _calls(report: Report, index: Mapping[str, int]) -> dict[str, list[Any] | None]:
    """What ran in each module, by operator: place of the module, place of the operator, times and MACs."""
    operators = {row.op: place for place, row in enumerate(report.operators)}
    sums: dict[tuple[int, int], list[int]] = {}
    for row in report.calls or ():
        if row.path in index and row.op in operators:
            entry = sums.setdefault((index[row.path], operators[row.op]), [0, 0, 0])
            entry[0] += row.times
            entry[1] += row.macs
            entry[2] += row.flops
    keys = list(sums)
    return {
        "module": [module for module, _ in keys],
        "op": [op for _, op in keys],
        "times": [sums[key][0] for key in keys],
        "macs": _column([sums[key][1] for key in keys]),
        "flops": _column([sums[key][2] for key in keys]),
    }


def _column(values: list[int | None]) -> list[Any] | None:
    """None when nothing was measured."""
    if all(value is None for value in values):
        return None
    return [None if value is None else str(value) for value in values] if _large(values) else values


def _large(values: Iterable[int | None]) -> bool:
    return any(value is not None and abs(value) > EXACT for value in values)


def _exact(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _exact(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_exact(item) for item in value]
    return str(value) if isinstance(value, int) and abs(value) > EXACT else value


class _Pool:
    """Equal values get one place."""

    def __init__(self) -> None:
        self.places: dict[Any, int] = {}

    def place(self, value: Any) -> int:
        return self.places.setdefault(value, len(self.places))
