"""The laws that every report keeps: what is read from a file is held to them before anybody believes it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from archscope.errors import UsageError
from archscope.metrics import Rows, Value, carried_by
from archscope.records import Path, Shape
from archscope.report import UNASSIGNED, ModuleRow, Report

_COUNTS = {  # the counts of rows that are no metrics
    "modules": ("calls",),
    "components": (),
    "operators": ("calls",),
    "calls": ("times", "macs", "flops"),
    "parameters": ("nbytes",),
    "dtypes": ("parameters", "nbytes"),
    "mixtures": ("parameters", "active_parameters"),
    "conventions": ("counted", "parameters"),
}
_SHAPES = {  # the fields that hold several; without any the row has one
    "modules": ("input_shapes", "output_shapes"),
    "calls": ("outputs",),
    "parameters": (),
    "inputs": (),
    "flows": (),
}
_KINDS = ("counted", "free", "uncounted")
_INPUT = "[input]"
_HALF = "either all figures of a run are there or none"


def require_laws(report: Report, where: str) -> None:
    """Raise UsageError when ``report`` contradicts itself, naming the first law that it breaks and the place.

    Parts add to the whole, in modules, components, operators and parameters; nothing is counted below zero or twice;
    every module has its parent before it, and what a row names is there.
    """
    for place, law in _broken(report):
        raise UsageError(
            f"not a report that archscope wrote: {law}",
            where=f"{where}.{place}",
            help="it was changed or damaged after it was written: measure the model again",
        )


def _broken(report: Report) -> Iterator[tuple[str, str]]:
    """Each place with the law that is broken there. Later laws rely on the earlier ones."""
    yield from _tree(report.modules)
    yield from _signs(report)
    yield from _ran(report)
    yield from _components(report)
    yield from _operators(report)
    yield from _module_sums(report)
    yield from _component_sums(report)
    yield from _parameters(report)
    yield from _step(report)
    yield from _calls(report)


def _tree(modules: Sequence[ModuleRow]) -> Iterator[tuple[str, str]]:
    if not modules or modules[0].path:
        yield "modules", "the first module is the model itself, whose path is empty"
    seen: set[Path] = set()
    for index, row in enumerate(modules):
        if row.path in seen:
            yield f"modules[{index}]", f"the module {row.path!r} stands twice"
        if row.path and row.path.rpartition(".")[0] not in seen:
            yield f"modules[{index}]", f"the module {row.path!r} has no parent before it"
        if row.depth != (row.path.count(".") + 1 if row.path else 0):
            yield f"modules[{index}].depth", f"the module {row.path!r} does not lie at depth {row.depth}"
        seen.add(row.path)


def _signs(report: Report) -> Iterator[tuple[str, str]]:
    yield from _counts("totals", report.totals.figures)
    if report.totals.training is not None:
        yield from _counts("totals.training", report.totals.training.figures)
    for table, names in _COUNTS.items():
        for index, row in enumerate(getattr(report, table) or ()):
            counts = {name: getattr(row, name) for name in names}
            yield from _counts(f"{table}[{index}]", {**counts, **_figures(row)})
    for table, names in _SHAPES.items():
        for index, row in enumerate(getattr(report, table) or ()):
            shapes: Iterable[Shape] = (shape for name in names for shape in getattr(row, name))
            yield from _sizes(f"{table}[{index}]", (row.shape,) if not names else shapes)
    for index, mixture in enumerate(report.mixtures):
        if not 0 < mixture.picked <= mixture.experts or mixture.active_parameters > mixture.parameters:
            yield f"mixtures[{index}]", f"of {mixture.experts} experts {mixture.picked} cannot be picked"


def _ran(report: Report) -> Iterator[tuple[str, str]]:
    """A figure of a run is on every row or on none; without a run there is none, and a file may be older than one."""
    ran = report.totals.macs is not None
    tables = (("modules", report.modules), ("components", report.components), ("operators", report.operators))
    rows = [(f"{table}[{index}]", _figures(row)) for table, found in tables for index, row in enumerate(found)]
    rows.append(("totals", report.totals.figures))
    for name, metric in carried_by(Rows.TOTALS).items():
        if not metric.run or metric.of_training:
            continue
        there = ran and report.totals[name] is not None
        for place, figures in rows:
            for key in (name, f"own_{name}"):
                if key in figures and (figures[key] is not None) != there:
                    yield f"{place}.{key}", _HALF
    for index, row in enumerate(report.modules):
        if (row.calls is not None) != ran:
            yield f"modules[{index}].calls", _HALF


def _figures(row: Any) -> Mapping[str, Value]:
    """The figures of a row, those without submodules as own_*; none for a row that carries none."""
    own = {f"own_{name}": value for name, value in getattr(row, "own", {}).items()}
    return {**getattr(row, "figures", {}), **own}


def _counts(place: str, counts: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
    for name, value in counts.items():
        if value is not None and value < 0:
            yield f"{place}.{name}", f"{value} is below 0"


def _sizes(place: str, shapes: Iterable[Shape]) -> Iterator[tuple[str, str]]:
    if any(size < 0 for shape in shapes for size in shape):
        yield place, "a size is below 0"


def _components(report: Report) -> Iterator[tuple[str, str]]:
    owners = {row.path: row.component for row in report.modules}
    known = {*(row.name for row in report.components), UNASSIGNED}
    yield from _once("components", [row.name for row in report.components])
    for index, row in enumerate(report.modules):
        if row.component not in known:
            yield f"modules[{index}].component", f"there is no component {row.component!r}"
    for index, component in enumerate(report.components):
        yield from _once(f"components[{index}].modules", component.modules)
        for path in component.modules:
            if owners.get(path) != component.name:
                yield f"components[{index}].modules", f"the module {path!r} does not belong to {component.name!r}"
    for index, flow in enumerate(report.flows):
        for name in (flow.source, flow.target):
            if name not in known and name != _INPUT:
                yield f"flows[{index}]", f"there is no component {name!r}"


def _operators(report: Report) -> Iterator[tuple[str, str]]:
    modules = {row.path for row in report.modules}
    kinds = {row.op: row.kind for row in report.operators}
    yield from _once("operators", [row.op for row in report.operators])
    yield from _once("uncounted", [row.op for row in report.uncounted])
    for index, operator in enumerate(report.operators):
        if operator.kind not in _KINDS:
            yield f"operators[{index}].kind", f"{operator.kind!r} is none of {', '.join(_KINDS)}"
    for index, uncounted in enumerate(report.uncounted):
        if kinds.get(uncounted.op) != "uncounted":
            yield f"uncounted[{index}]", f"{uncounted.op!r} is no uncounted operator of this report"
        yield from _known(f"uncounted[{index}].modules", uncounted.modules, modules)
    if report.totals.complete and "uncounted" in kinds.values():
        yield "totals.complete", "figures without the cost of an operator are lower bounds"
    yield from _once("uncalled", report.uncalled)
    yield from _known("uncalled", report.uncalled, modules)
    yield from _known("mixtures", [row.path for row in report.mixtures], modules)
    yield from _known("calls", [row.path for row in report.calls or ()], modules)


def _once(place: str, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield place, f"{name!r} stands twice"
        seen.add(name)


def _known(place: str, paths: Iterable[Path], modules: Collection[Path]) -> Iterator[tuple[str, str]]:
    for path in paths:
        if path not in modules:
            yield place, f"there is no module {path!r}"


def _module_sums(report: Report) -> Iterator[tuple[str, str]]:
    root, below = report.modules[0], defaultdict[Path, list[ModuleRow]](list)
    for row in report.modules[1:]:
        below[row.path.rpartition(".")[0]].append(row)
    for name in carried_by(Rows.COMPONENTS):
        for index, row in enumerate(report.modules):
            parts = sum(child[name] or 0 for child in below[row.path])
            if parts + (row.own[name] or 0) != (row[name] or 0):
                yield f"modules[{index}].{name}", f"the parts of {row.path!r} do not add to its {name}"
        if root[name] != report.totals[name]:
            yield f"totals.{name}", f"the {name} of the model itself are others"


def _component_sums(report: Report) -> Iterator[tuple[str, str]]:
    owned: dict[str, list[ModuleRow]] = defaultdict(list)
    for row in report.modules:
        owned[row.component].append(row)
    for name in carried_by(Rows.COMPONENTS):
        if sum(component[name] or 0 for component in report.components) != (report.totals[name] or 0):
            yield f"totals.{name}", f"the components do not add to the {name}"
        for index, component in enumerate(report.components):
            if sum(row.own[name] or 0 for row in owned[component.name]) != (component[name] or 0):
                yield f"components[{index}].{name}", f"its modules do not add to the {name} of {component.name!r}"


def _parameters(report: Report) -> Iterator[tuple[str, str]]:
    totals, records = report.totals, report.parameters
    yield from _once("parameters", [record.path for record in records])
    own: dict[Path, int] = defaultdict(int)
    for record in records:
        own[record.path.rpartition(".")[0]] += record.numel
    for index, row in enumerate(report.modules):
        if own.pop(row.path, 0) != row.own_parameters:
            yield f"modules[{index}].own_parameters", f"they are not those of {row.path!r}"
    if own:
        yield "parameters", f"there is no module {next(iter(own))!r}"
    if sum(record.numel for record in records if record.trainable) != totals.trainable:
        yield "totals.trainable", "the trainable parameters do not add to it"
    if sum(record.nbytes for record in records) > totals.parameter_bytes:
        yield "totals.parameter_bytes", "the parameters take more"
    if report.dtypes and sum(row.nbytes for row in report.dtypes) != totals.parameter_bytes:
        yield "totals.parameter_bytes", "the dtypes do not add to it"
    if max(totals.active_parameters or 0, totals.zero_parameters or 0) > totals.parameters:
        yield "totals", "a part of the parameters is more than all of them"


def _step(report: Report) -> Iterator[tuple[str, str]]:
    step = report.totals.training
    if step is None:
        return
    for name, value in step.figures.items():
        if value is None:
            yield f"totals.training.{name}", "a step that was run has all its figures"
            return
    if step.unassigned_flops > (step.backward_flops or 0):
        yield "totals.training.unassigned_flops", "a part of the backward FLOPs is more than all of them"


def _calls(report: Report) -> Iterator[tuple[str, str]]:
    tables = {"operators": report.operators} | ({} if report.calls is None else {"calls": report.calls})
    for name in ("macs", "flops"):
        whole = getattr(report.totals, name) or 0
        for table, rows in tables.items():
            if sum(getattr(row, name) for row in rows) != whole:
                yield f"totals.{name}", f"the {table} do not add to the {name}"
