"""Following an ONNX graph in its own order, node by node: what would run becomes operator calls; nothing does run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from archscope.errors import ImportModelError
from archscope.formulas import DEFAULT_FORMULAS
from archscope.formulas.table import FREE_KIND
from archscope.records import OpCall, Path, TensorMeta, Undecided
from archscope.sources.onnx_file.arguments import Arguments
from archscope.sources.onnx_file.dtypes import dtype_of
from archscope.sources.onnx_file.folding import Folding
from archscope.sources.onnx_file.graph import (
    DEFAULT,
    Body,
    body_of_function,
    body_of_graph,
    domain_of,
    function_key,
    versions,
    with_attributes,
)
from archscope.sources.onnx_file.inference import Inference
from archscope.sources.onnx_file.inputs import Bound
from archscope.sources.onnx_file.sequences import SEQUENCE_OPERATORS, sequence_outputs
from archscope.sources.onnx_file.values import SMALL, Value, overflows, tensor_value, typed_value

if TYPE_CHECKING:
    from onnx import FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto, TypeProto

    from archscope.sources.onnx_file.places import Places

#: Nodes that may be visited: of all steps of loops and all uses of functions together.
STEP_LIMIT = 500_000
_DEPTH_LIMIT = 60  # graphs and functions inside each other
#: Added to the name of an operator whose cost cannot be told, because a shape is not known.
SHAPE_UNKNOWN = " (shape unknown)"
#: Operators whose output is their first input under another shape.
_VIEWS = frozenset({"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Dropout"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A tensor that the file holds: an initialiser, or what a Constant node gives."""

    name: str
    meta: TensorMeta
    stored: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where a node stands: the values that it sees, the function that it is in, and how deep."""

    values: dict[str, Value]
    outer: Scope | None = None
    inference: Inference
    attributes: Mapping[str, Any] = field(default_factory=dict)
    path: Path = ""
    depth: int = 0
    function: str = ""

    def find(self, name: str) -> Value | None:
        """The value called ``name`` here or in the graphs around."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.values:
                return scope.values[name]
            scope = scope.outer
        return None


class Walk:
    """One walk through a model: the calls that would run, in order, and the tensors that the file holds."""

    def __init__(self, file: str, model: ModelProto, bound: Bound, places: Places) -> None:
        self.calls: list[OpCall] = []
        self.held: dict[int, Held] = {}
        self.undecided: list[Undecided] = []
        self.steps = 0
        self.file = file
        self._model, self._bound, self._places = model, bound, places
        self._functions = {function_key(function): function for function in model.functions}
        self._bodies: dict[int, tuple[object, Body]] = {}
        self._constants: dict[int, Value] = {}
        self._folding = Folding()
        self._inferences: dict[tuple[tuple[str, int], ...], Inference] = {}
        self._arguments = Arguments()
        self._storages = 0

    def run(self) -> tuple[tuple[TensorMeta, ...], tuple[TensorMeta, ...]]:
        """Follow the whole graph; what it takes and what it gives. Raises ImportModelError."""
        body = self.body(self._model.graph)
        scope = Scope(values={}, inference=self._inference(versions((), self._model)))
        for given in self._model.graph.input:
            scope.values[given.name] = typed_value(given.type, self.storage())
        taken = []
        for spec in self._bound.inputs:
            value = tensor_value(spec.shape, spec.dtype, self.storage())
            scope.values[spec.name] = value
            taken.append(value.meta)
        self.follow(body, scope)
        given = [scope.find(name) for name in body.outputs]
        for name, value in zip(body.outputs, given, strict=True):
            if value is None:
                raise self.missing(name, body.name)
        results = [value.meta for value in given if value is not None and value.meta is not None]
        return tuple(meta for meta in taken if meta is not None), tuple(results)

    def storage(self) -> int:
        """A new id."""
        self._storages += 1
        return self._storages

    def body(self, graph: GraphProto) -> Body:
        """``graph`` in order, which is worked out once."""
        if id(graph) not in self._bodies:
            self._bodies[id(graph)] = (graph, body_of_graph(graph))  # held, so that its id stays its own
        return self._bodies[id(graph)][1]

    def follow(self, body: Body, scope: Scope) -> None:
        """Run the nodes of ``body`` in ``scope``, which gets their outputs."""
        if scope.depth > _DEPTH_LIMIT:
            raise ImportModelError(
                f"{self.file} nests more than {_DEPTH_LIMIT} graphs and functions inside each other",
                where=scope.function[:100],
                help="this is no network's graph",
            )
        for name, tensor in body.weights.items():
            scope.values[name] = self._kept(tensor, name)
        for name, (tensor, dims) in body.sparse.items():
            scope.values[name] = self._kept(tensor, name, dims)
        for node in body.nodes:
            self.steps += 1
            if self.steps > STEP_LIMIT:
                raise ImportModelError(
                    f"{self.file} runs more than {STEP_LIMIT:,} nodes, with those of its functions and loops",
                    help="this is no network's graph",
                )
            self._visit(node, body, scope)

    def inputs_of(self, node: NodeProto, scope: Scope) -> list[Value | None]:
        """The values that ``node`` takes; None for one that is left out."""
        found = []
        for name in node.input:
            value = scope.find(name) if name else None
            if value is None and name and not scope.function:
                raise self.missing(name, f"node {node.name}")
            found.append(value)
        return found

    def missing(self, name: str, reader: str) -> ImportModelError:
        """The error for a value that nothing makes."""
        return ImportModelError(
            f"{self.file}: {reader[:100]!r} reads {name[:100]!r}, which nothing makes",
            help="check the file: python -c \"import onnx; onnx.checker.check_model('FILE')\"",
        )

    def _visit(self, node: NodeProto, body: Body, scope: Scope) -> None:
        from archscope.sources.onnx_file.control_flow import CONTROL_FLOW

        node = node if not scope.function else with_attributes(node, scope.attributes)
        path = self._places.path_of(node, scope.path)
        function = self._functions.get(function_key(node))
        inputs = self.inputs_of(node, scope)
        if function is not None:
            self._call_function(function, node, inputs, scope, path)
        elif domain_of(node) == DEFAULT and node.op_type in CONTROL_FLOW:
            outputs = CONTROL_FLOW[node.op_type](self, node, inputs, scope, path)
            known = scope.inference.told(node.output, body.types)
            for name, value in zip(node.output, outputs, strict=False):
                told = known.get(name)
                scope.values[name] = value or (typed_value(told, self.storage()) if told is not None else Value())
            for name in node.output:
                scope.values.setdefault(name, Value())
        elif domain_of(node) == DEFAULT and node.op_type == "Constant":
            self._constant(node, scope, path)
        else:
            self.plain(node, inputs, body, scope, path)

    def plain(self, node: NodeProto, inputs: Sequence[Value | None], body: Body, scope: Scope, path: Path) -> None:
        """A node that is one operator: its outputs inferred, its call recorded."""
        types = scope.inference.types(node, inputs, body.types)
        domain = domain_of(node)
        view = domain == DEFAULT and node.op_type in _VIEWS and inputs and inputs[0] is not None
        outputs: dict[str, Value] = {}
        for place, name in enumerate(node.output):
            if not name:
                continue
            first = inputs[0].meta if view and place == 0 and inputs[0] is not None else None
            storage = first.storage if first is not None else self.storage()
            found = types.get(name)
            if found is not None and overflows(found):
                raise ImportModelError(
                    f"{self.file}: node {node.name[:100]!r} ({node.op_type[:100]}) gives a shape that overflows",
                    help="a size of the inputs or a constant of the graph is absurd",
                )
            outputs[name] = Value() if found is None else typed_value(found, storage)
        if domain == DEFAULT and node.op_type in SEQUENCE_OPERATORS:
            outputs = sequence_outputs(node, inputs, outputs, self.storage())
        elif domain == DEFAULT:
            known = self._folding.constants(node, scope.inference.version(domain), inputs, outputs)
            for name, constant in known.items():
                meta = outputs[name].meta
                storage = meta.storage if meta is not None else self.storage()
                outputs[name] = tensor_value(tuple(constant.dims), dtype_of(constant.data_type), storage, constant)
        scope.values.update(outputs)
        self._record(node, inputs, outputs, scope, path)

    def _record(
        self,
        node: NodeProto,
        inputs: Sequence[Value | None],
        outputs: Mapping[str, Value],
        scope: Scope,
        path: Path,
    ) -> None:
        op = f"{domain_of(node) or 'onnx'}::{node.op_type}"
        rule = DEFAULT_FORMULAS.find(op)
        free = rule is not None and rule.kind == FREE_KIND
        unknown = any(value.meta is None and _is_tensor(value) for value in outputs.values())
        if not free:
            unknown |= any(value is not None and value.meta is None and _is_tensor(value) for value in inputs)
        arguments = self._arguments.of(node, scope.inference.schema(node), inputs)
        metas = tuple(value.meta for value in outputs.values() if value.meta is not None)
        self.emit(op + SHAPE_UNKNOWN * unknown, path, arguments, metas)

    def emit(self, op: str, path: Path, arguments: Mapping[str, Any], outputs: tuple[TensorMeta, ...]) -> None:
        """Record a call."""
        self.calls.append(OpCall(len(self.calls), op, path, "forward", arguments, outputs))

    def _kept(self, tensor: TensorProto, name: str, dims: tuple[int, ...] | None = None) -> Value:
        """The value of a tensor of the file, the same one whenever it is met."""
        if id(tensor) not in self._constants:
            shape = tuple(tensor.dims) if dims is None else dims
            elements = 1
            for size in shape:
                elements *= size
            small = dims is None and elements <= SMALL and tensor.data_location != tensor.EXTERNAL
            dtype = dtype_of(tensor.data_type)
            value = tensor_value(shape, dtype, self.storage(), tensor if small and dtype != "string" else None)
            self._constants[id(tensor)] = value
            if value.meta is not None:
                stored = None if dims is None else tensor.dims[0] if tensor.dims else 0
                self.held[value.meta.storage] = Held(name=name, meta=value.meta, stored=stored)
        return self._constants[id(tensor)]

    def _constant(self, node: NodeProto, scope: Scope, path: Path) -> None:
        from archscope.sources.onnx_file.constants import constant_of

        if id(node) not in self._bodies:
            made = constant_of(node)
            value = Value() if made is None else self._kept(made[0], node.output[0], made[1])
            self._bodies[id(node)] = ((node, made), _NO_BODY)
            self._constants[id(node)] = value
        value = self._constants[id(node)]
        scope.values[node.output[0]] = value
        self.emit("onnx::Constant", path, {}, (value.meta,) if value.meta is not None else ())

    def _call_function(
        self, function: FunctionProto, node: NodeProto, inputs: Sequence[Value | None], scope: Scope, path: Path
    ) -> None:
        if id(function) not in self._bodies:
            self._bodies[id(function)] = (function, body_of_function(function))
        body = self._bodies[id(function)][1]
        given = {attribute.name: attribute for attribute in function.attribute_proto}
        given |= {attribute.name: attribute for attribute in node.attribute}
        inner = Scope(
            values={name: value for name, value in zip(body.inputs, inputs, strict=False) if value is not None},
            inference=self._inference(versions(function.opset_import, self._model)),
            attributes=given,
            path=path,
            depth=scope.depth + 1,
            function=function.name or "a function",
        )
        self.follow(body, inner)
        for name, inside in zip(node.output, body.outputs, strict=False):
            if name:
                scope.values[name] = inner.values.get(inside) or Value()

    def _inference(self, opsets: dict[str, int]) -> Inference:
        key = tuple(sorted(opsets.items()))
        if key not in self._inferences:
            self._inferences[key] = Inference(opsets, self._bound.symbols, self._model.ir_version)
        return self._inferences[key]


_NO_BODY = Body(name="", nodes=(), weights={}, sparse={}, inputs=(), outputs=(), types={})


def _is_tensor(value: Value) -> bool:
    found: TypeProto | None = value.type
    return value.elements is None and (found is None or found.HasField("tensor_type"))
