"""A report as compact JSON for the page: the figures of the JSON report, modules as columns, texts and shapes once.

A page of 5,000 modules stays under 1 MB this way. Own figures are not stored: they are a module's figures less those
of its children, and a component's are the sum of the own figures of its modules. Integers beyond 2^53, which JavaScript
would round, are stored as text, the whole column of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from archscope.documents.receptive_field import field_cell, known_columns
from archscope.metrics import Rows, carried_by
from archscope.report import Report
from archscope.serial import to_plain

EXACT = 2**53  # JavaScript's numbers are exact up to here
_KEPT = ("model", "inputs", "totals", "uncounted", "uncalled", "provenance")


def pack(report: Report, formulas: Mapping[str, str]) -> dict[str, Any]:
    """The report for the page; ``formulas`` says for an operator how its cost is counted."""
    packed = {name: exact(to_plain(getattr(report, name))) for name in _KEPT}
    packed["operators"] = [exact(to_plain(row)) | {"formula": formulas.get(row.op, "")} for row in report.operators]
    packed["components"] = len(report.components)  # their names come first among those of the modules
    index = {module.path: place for place, module in enumerate(report.modules)}
    packed["modules"] = _modules(report, index)
    packed["calls"] = None if report.calls is None else _calls(report, index)
    return packed


def _modules(report: Report, index: Mapping[str, int]) -> dict[str, Any]:
    rows = report.modules
    parents = [_parent(row.path, index) for row in rows]
    names, known_names = _pooled(_name(row.path, above, report) for row, above in zip(rows, parents, strict=True))
    types, known_types = _pooled(row.type for row in rows)
    components, known_components = _pooled((row.component for row in rows), (row.name for row in report.components))
    shapes, known_shapes = _pooled([*(row.input_shapes for row in rows), *(row.output_shapes for row in rows)])
    columns: dict[str, Any] = {
        "parent": parents,
        "name": names,
        "type": types,
        "component": components,
        "calls": [row.calls for row in rows],
        "input": shapes[: len(rows)],
        "output": shapes[len(rows) :],
        "aliases": {str(place): row.aliases for place, row in enumerate(rows) if row.aliases},
    }
    columns |= {figure: _column([row[figure] for row in rows]) for figure in carried_by(Rows.MODULES)}
    columns |= {column: [field_cell(row, column) for row in rows] for column in known_columns(report)}
    pools = {"names": known_names, "types": known_types, "components": known_components, "shapes": known_shapes}
    return columns | pools


def _pooled(values: Iterable[Any], known: Iterable[Any] = ()) -> tuple[list[int], list[Any]]:
    """The place of each value among the different ones, and these, ``known`` ones first."""
    places = {value: place for place, value in enumerate(known)}
    return [places.setdefault(value, len(places)) for value in values], [*places]


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
            for place, value in enumerate((row.times, row.macs, row.flops)):
                entry[place] += value
    times, macs, flops = ([entry[place] for entry in sums.values()] for place in range(3))
    modules, ops = ([key[place] for key in sums] for place in range(2))
    return {"module": modules, "op": ops, "times": times, "macs": _column(macs), "flops": _column(flops)}


def _column(values: Sequence[int | None]) -> list[Any] | None:
    """None when nothing was measured."""
    if all(value is None for value in values):
        return None
    return [None if value is None else str(value) for value in values] if _large(values) else [*values]


def _large(values: Iterable[int | None]) -> bool:
    return any(value is not None and abs(value) > EXACT for value in values)


def exact(value: Any) -> Any:
    """``value`` with integers that JavaScript would round as text."""
    if isinstance(value, dict):
        return {name: exact(item) for name, item in value.items()}
    if isinstance(value, list):
        return [exact(item) for item in value]
    return str(value) if isinstance(value, int) and abs(value) > EXACT else value
