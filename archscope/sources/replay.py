"""An exported program as a torch module: it runs each operator inside the module that it came from."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any

import torch
from torch import fx
from torch._ops import HigherOrderOperator, OpOverload
from torch.export.graph_signature import InputKind
from torch.utils import _pytree as pytree

from archscope.sources.placeholder_modules import Placeholder
from archscope.sources.plan import Call, Plan, Step

_PURE = {id(value) for module in (operator, math) for value in vars(module).values() if callable(value)}
_CHECKS = ("aten::_assert_", "aten::sym_constrain_", "aten::_functional_sym_", "aten::_functional_assert_")
_STORES = {InputKind.PARAMETER: "_parameters", InputKind.BUFFER: "_buffers"}


class Place(Placeholder):
    """A module of the program: called with a run and a call of that run, it runs that call."""

    def forward(self, run: Run, call: Call, *_inputs: Any) -> tuple[Any, ...]:
        """The values that the call's surroundings go on to use; ``_inputs`` are there to be seen by hooks."""
        run.follow(call.items)
        return tuple(run.values.get(node) for node in call.outputs)

    def child(self) -> Placeholder:
        """A new module for a place below this one."""
        return Place()


class ExportedModel(Place):
    """The root: takes the program's inputs, positionally (nested ones flattened in order) or by name."""

    def __init__(self, program: torch.export.ExportedProgram, plan: Plan) -> None:
        super().__init__()
        self.graph = program.graph
        self.plan = plan
        placeholders = [node for node in program.graph.nodes if node.op == "placeholder"]
        self.sources = dict(zip(placeholders, program.graph_signature.input_specs, strict=True))
        self.constants = {
            spec.target: program.constants[spec.target]
            for spec in self.sources.values()
            if spec.kind is InputKind.CONSTANT_TENSOR
        }

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The program's outputs, flat. Raises ValueError for inputs of another shape than it was exported for."""
        run = Run(self)
        run.give(pytree.tree_leaves(args), kwargs)
        run.follow(self.plan.items)
        output = next(node for node in self.graph.nodes if node.op == "output")
        return run.read(output.args[0])


class Run:
    """The values of one run of a program."""

    def __init__(self, model: ExportedModel) -> None:
        self.values: dict[fx.Node, Any] = {}
        self._model = model
        self._device = torch.device("cpu")

    def give(self, leaves: Iterable[Any], named: dict[str, Any]) -> None:
        """Hand the user's inputs to the program."""
        waiting = iter(leaves)
        for node, spec in self._model.sources.items():
            if spec.kind is InputKind.USER_INPUT:
                given = named[node.name] if node.name in named else next(waiting, None)
                self.values[node] = _checked(given, node)
            elif spec.kind in _STORES:
                owner, _, name = spec.target.rpartition(".")
                self.values[node] = getattr(self._model.place(owner), _STORES[spec.kind])[name]
            elif spec.kind is InputKind.CONSTANT_TENSOR:
                self.values[node] = self._model.constants[spec.target]
        tensors = (value for value in self.values.values() if isinstance(value, torch.Tensor))
        self._device = next((tensor.device for tensor in tensors), self._device)

    def follow(self, items: tuple[Call | Step, ...]) -> None:
        """Run ``items`` in order, letting go of each value after its last use."""
        for item in items:
            if isinstance(item, Call):
                self._model.place(item.path)(self, item, *map(self.values.get, item.inputs))
                continue
            node = item.node
            if item.sources is None:
                self.values[node] = self._result(node)
            elif node.op == "placeholder":
                self.values[node] = self.read(item.sources[0])
            else:
                self.values[node] = self.read(item.sources)
            for gone in item.done:
                self.values.pop(gone, None)

    def read(self, argument: Any) -> Any:
        """``argument`` with values for nodes, and the device of this run for the one of the export."""

        def value(leaf: Any) -> Any:
            if isinstance(leaf, fx.Node):
                return self.values[leaf]
            return self._device if isinstance(leaf, torch.device) else leaf

        return fx.node.map_aggregate(argument, value)

    def _result(self, node: fx.Node) -> Any:
        if node.op == "get_attr":
            return operator.attrgetter(str(node.target))(node.graph.owning_module)
        target: Any = node.target
        if isinstance(target, OpOverload):
            if target.name().startswith(_CHECKS):
                return None
        elif not isinstance(target, HigherOrderOperator) and not _is_pure(target):
            raise ValueError(f"the program calls {target!r}, which is no operator")
        return target(*self.read(node.args), **self.read(node.kwargs))


def _is_pure(target: Any) -> bool:
    return id(target) in _PURE or getattr(target, "__name__", "").startswith("sym_")


def _checked(given: Any, node: fx.Node) -> Any:
    expected = node.meta.get("val")
    if not isinstance(expected, torch.Tensor):
        return given
    if given is None:
        raise ValueError(f"the program's input {node.name} is missing")
    shape: tuple[Any, ...] = tuple(expected.shape)  # may hold symbols, which torch's types do not say
    sizes = [size if isinstance(size, int) else None for size in shape]
    if given.dim() != len(sizes) or any(size not in {None, got} for size, got in zip(sizes, given.shape, strict=True)):
        wanted = "x".join(str(size) for size in expected.shape)
        raise ValueError(f"the program was exported for {node.name} of {wanted}; a .pt2 keeps the shapes of its export")
    return given
