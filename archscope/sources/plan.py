"""Grouping the flat graph of an exported program (.pt2) into nested calls of the modules that it came from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch import fx
from torch._ops import HigherOrderOperator

from archscope.records import Path

Key: TypeAlias = str


@dataclass(frozen=True, slots=True)
class Step:
    """One node to run, after which ``done`` are of no more use. ``sources``, when given, are its value."""

    node: fx.Node
    done: tuple[fx.Node, ...]
    sources: tuple[Any, ...] | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the module at ``path``: the values that it reads from and gives to its surroundings."""

    path: Path
    items: tuple[Call | Step, ...]
    inputs: tuple[fx.Node, ...]
    outputs: tuple[fx.Node, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The root's items, and the class name of each module that ran."""

    items: tuple[Call | Step, ...]
    types: dict[Path, str]


@dataclass(slots=True)
class _Open:
    """A call whose items are being collected."""

    key: Key
    path: Path
    start: int
    items: list[Call | Step] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Line:
    """A node in its place in the sequence of the whole, with what it reads."""

    node: fx.Node
    reads: tuple[fx.Node, ...]
    sources: tuple[Any, ...] | None = None


def make_plan(program: torch.export.ExportedProgram) -> Plan:
    """The calls of ``program``, in order.

    ``nn_module_stack`` names, for each node, the modules that were running; each call has a key of its own (``a``,
    ``a@1``). Regions without gradients (and with autocast off) are run as a part of their surroundings.
    """
    planner = _Planner(list(_lines(program.graph_module)), set(_results(program.graph)))
    return Plan(planner.plan(), planner.types)


class _Planner:
    """Opens and closes calls along the sequence of nodes."""

    def __init__(self, lines: list[_Line], results: set[fx.Node]) -> None:
        self.types: dict[Path, str] = {}
        self._lines = lines
        self._results = results
        self._stack = [_Open("", "", 0)]
        self._made_at = {line.node: index for index, line in enumerate(lines)}
        self._last_use = {node: index for index, line in enumerate(lines) for node in (line.node, *line.reads)}

    def plan(self) -> tuple[Call | Step, ...]:
        done: dict[int, list[fx.Node]] = {}
        for node, index in self._last_use.items():
            if node not in self._results and node in self._made_at:
                done.setdefault(index, []).append(node)
        for index, line in enumerate(self._lines):
            running = _running(line.node, self.types)
            if running is not None:
                self._enter(running, index)
            self._stack[-1].items.append(Step(line.node, tuple(done.get(index, ())), line.sources))
        self._enter([], len(self._lines))
        return tuple(self._stack[0].items)

    def _enter(self, running: list[tuple[Key, Path]], index: int) -> None:
        """Close the calls that do not run any more before line ``index``, and open those that start with it."""
        opened = [call.key for call in self._stack[1:]]
        shared = 0
        while shared < min(len(running), len(opened)) and running[shared][0] == opened[shared]:
            shared += 1
        for _ in opened[shared:]:
            self._close(index)
        self._stack.extend(_Open(key, path, index) for key, path in running[shared:])

    def _close(self, end: int) -> None:
        call = self._stack.pop()
        inside = self._lines[call.start : end]
        read = dict.fromkeys(node for line in inside for node in line.reads)
        inputs = tuple(node for node in read if self._made_at.get(node, -1) < call.start and _is_value(node))
        outputs = tuple(line.node for line in inside if line.node in self._results or self._last_use[line.node] >= end)
        self._stack[-1].items.append(Call(call.path, tuple(call.items), inputs, outputs))


def _is_value(node: fx.Node) -> bool:
    """Whether a node that comes from outside is handed over in a call: weights and constants are not."""
    return node.op != "placeholder" or not node.name.startswith(("p_", "b_", "c_", "obj_", "token"))


def _running(node: fx.Node, types: dict[Path, str]) -> list[tuple[Key, Path]] | None:
    """The calls inside the root in which ``node`` runs; None when the node does not tell (it stays where it is)."""
    stack = node.meta.get("nn_module_stack")
    if not stack:
        return None
    running = []
    for key, (path, type_name) in stack.items():
        path = path.removeprefix("L['self']").lstrip(".")  # noqa: PLW2901 - as older versions wrote it
        name = type_name if isinstance(type_name, str) else type_name.__name__
        types.setdefault(path, name.rpartition(".")[2])
        if path:
            running.append((key, path))
    return running


def _results(graph: fx.Graph) -> Iterator[fx.Node]:
    for node in graph.nodes:
        if node.op == "output":
            yield from node.all_input_nodes


def _lines(module: fx.GraphModule) -> Iterator[_Line]:
    for node in module.graph.nodes:
        if node.op in {"placeholder", "output"}:
            continue
        inner = _inlined(module, node)
        if inner is None:
            yield _Line(node, tuple(node.all_input_nodes))
            continue
        graph_module, arguments = inner
        places = [place for place in graph_module.graph.nodes if place.op == "placeholder"]
        for place, argument in zip(places, arguments, strict=True):
            yield _Line(place, (argument,) if isinstance(argument, fx.Node) else (), (argument,))
        yield from _lines(graph_module)
        output = next(item for item in graph_module.graph.nodes if item.op == "output")
        yield _Line(node, tuple(output.all_input_nodes), tuple(output.args[0]))


def _inlined(module: fx.GraphModule, node: fx.Node) -> tuple[fx.GraphModule, tuple[Any, ...]] | None:
    """The region that ``node`` runs without changing what it costs, and what is passed to it."""
    if node.op == "get_attr" or not isinstance(node.target, HigherOrderOperator):
        return None
    name = node.target.name()
    if name == "wrap_with_set_grad_enabled":
        region, arguments = node.args[1], node.args[2:]
    elif name == "wrap_with_autocast" and node.args[2] is False:
        region, arguments = node.args[4], node.args[5:]
    else:
        return None
    inner = getattr(module, str(region.target)) if isinstance(region, fx.Node) else None
    return (inner, arguments) if isinstance(inner, fx.GraphModule) else None
