"""Following a TFLite file in its own order, operator by operator: what would run becomes operator calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from archscope.errors import ImportModelError
from archscope.formulas import DEFAULT_FORMULAS
from archscope.formulas.table import FREE_KIND
from archscope.records import OpCall, Path, Stored, TensorMeta, Undecided
from archscope.sources.tflite_file.arena import arena_bytes
from archscope.sources.tflite_file.arguments import arguments_of
from archscope.sources.tflite_file.dtypes import HANDLES
from archscope.sources.tflite_file.folding import folded
from archscope.sources.tflite_file.graph import ABSENT, Operator, Program, Subgraph, Tensor
from archscope.sources.tflite_file.places import Places
from archscope.sources.tflite_file.shapes import shapes_of
from archscope.sources.tflite_file.shapes_moved import MisfitError
from archscope.sources.tflite_file.values import Value, overflows, tensor_value

#: Operators that may be visited: of all steps of loops and all uses of subgraphs together.
STEP_LIMIT = 200_000
_DEPTH_LIMIT = 60  # subgraphs inside each other
#: Added to the name of an operator whose cost cannot be told.
SHAPE_UNKNOWN, JOINED = " (shape unknown)", " (with an activation function)"
#: Operators whose output is their first input under another shape.
_VIEWS = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "BITCAST"})
_HELP = "convert or fetch it again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A constant of the file."""

    name: str
    meta: TensorMeta
    quantised: bool


class Walk:
    """One walk through a file: the calls that would run, in order, and the constants that they read."""

    def __init__(self, program: Program, places: Places) -> None:
        self.calls: list[OpCall] = []
        self.held: dict[int, Held] = {}
        self.undecided: list[Undecided] = []
        self.variables: dict[str, Value] = {}
        self.changing = frozenset(_changing(program))
        self.states: dict[int, Held] = {}
        self.steps = 0
        self.program = program
        self._places = places
        self._constants: dict[tuple[int, str, tuple[int, ...]], Value] = {}
        self._buffers: dict[int, int] = {}
        self._arenas: dict[int, int | None] = {}
        self._laid_out: dict[int, tuple[tuple[int, int], ...]] = {}
        self._storages = 0
        self._graph = program.subgraphs[0]

    @property
    def arena(self) -> int | None:
        """The bytes of the arenas of all subgraphs that were followed, which lie beside each other."""
        sizes = [size for size in self._arenas.values() if size is not None]
        return sum(sizes) if len(sizes) == len(self._arenas) else None

    def storage(self) -> int:
        """A new id."""
        self._storages += 1
        return self._storages

    def follow(self, number: int, given: Sequence[Value | None], path: Path = "", depth: int = 0) -> list[Value | None]:
        """Run subgraph ``number`` with the inputs ``given``, as a part of module ``path``; what it gives."""
        graph = self.program.subgraphs[number]
        if depth > _DEPTH_LIMIT:
            self.fail(f"{_DEPTH_LIMIT} subgraphs call each other", "this is no network's graph")
        pairs = zip(graph.inputs, given, strict=False)
        values = {index: value for index, value in pairs if value is not None}
        for index in graph.inputs:
            values.setdefault(index, self._typed(graph.tensors[index]))
        for place, operator in enumerate(graph.operators):
            self.steps += 1
            if self.steps > STEP_LIMIT:
                self.fail(
                    f"more than {STEP_LIMIT:,} operators run, with those of loops and subgraphs",
                    "this is no network's graph",
                )
            self._visit(operator, (number, place), values, path, depth)
        self._lay_out(number, graph, values)
        return [self._read(graph, index, values, f"the output of subgraph {number}") for index in graph.outputs]

    def fail(self, what: str, hint: str = _HELP) -> NoReturn:
        """Raise the error of a file that says something impossible."""
        raise ImportModelError(f"{self.program.file}: {what}", help=hint)

    def emit(self, op: str, path: Path, arguments: Mapping[str, Any], outputs: tuple[TensorMeta, ...]) -> None:
        """Record a call."""
        self.calls.append(OpCall(len(self.calls), op, path, "forward", arguments, outputs))

    def _visit(self, operator: Operator, at: tuple[int, int], values: dict[int, Value], path: Path, depth: int) -> None:
        from archscope.sources.tflite_file.control_flow import CONTROL_FLOW

        graph = self.program.subgraphs[at[0]]
        where = f"subgraph {at[0]}, operator {at[1]} ({operator.op[:100]})"
        inputs = [None if index == ABSENT else self._read(graph, index, values, where) for index in operator.inputs]
        inner = self._places.path_of(operator, graph, path)
        self._graph = graph
        if not operator.custom and operator.op in CONTROL_FLOW:
            made = CONTROL_FLOW[operator.op](self, operator, inputs, inner, depth)
            outputs = [made[k] if k < len(made) else None for k in range(len(operator.outputs))]
        else:
            outputs = self._plain(operator, graph, inputs, inner, where)
        for index, value in zip(operator.outputs, outputs, strict=True):
            if index == ABSENT:
                continue
            if index in values or graph.tensors[index].data is not None:
                self.fail(f"{where} makes tensor {index}, which is made already")
            values[index] = value or self._typed(graph.tensors[index])

    def told(self, operator: Operator) -> Value | None:
        """What the file says of the first output of the operator that is being visited."""
        made = operator.outputs[0] if operator.outputs else ABSENT
        return None if made == ABSENT else self._typed(self._graph.tensors[made])

    def _plain(
        self, operator: Operator, graph: Subgraph, inputs: list[Value | None], path: Path, where: str
    ) -> list[Value | None]:
        """A single operator: its outputs worked out, its call recorded."""
        tensors = [graph.tensors[index] if index != ABSENT else None for index in operator.outputs]
        try:
            shapes = shapes_of(operator, inputs, tensors)
        except MisfitError:
            shapes_given = (value.shape for value in inputs if value is not None and value.shape is not None)
            given = ", ".join("x".join(map(str, shape)) or "a scalar" for shape in shapes_given)
            self.fail(f"{where} does not take what it is given ({given})", "the runtime would refuse the file, too")
        known = folded(operator.op, operator.options, inputs, shapes) if not operator.custom else ()
        outputs: list[Value | None] = []
        for place, (tensor, shape) in enumerate(zip(tensors, shapes, strict=True)):
            first = inputs[0].meta if place == 0 and operator.op in _VIEWS and inputs and inputs[0] else None
            if tensor is None:
                outputs.append(None)
            elif shape is None:
                outputs.append(Value(None, tensor.dtype))
            elif overflows(shape):
                self.fail(f"{where} gives the shape {list(shape)[:10]}", "a size of the inputs is absurd")
            else:
                storage = first.storage if first is not None else self.storage()
                numbers = known[place] if place < len(known) and known[place].shape == shape else None
                outputs.append(tensor_value(shape, tensor.dtype, storage, numbers))
        self._record(operator, inputs, outputs, path, where)
        return outputs

    def _record(
        self,
        operator: Operator,
        inputs: Sequence[Value | None],
        outputs: Sequence[Value | None],
        path: Path,
        where: str,
    ) -> None:
        op = f"{'tflite.custom' if operator.custom else 'tflite'}::{operator.op}"
        rule = DEFAULT_FORMULAS.find(op)
        free = rule is not None and rule.kind == FREE_KIND
        unknown = any(value is not None and value.meta is None for value in (*outputs, *(() if free else inputs)))
        arguments = arguments_of(operator, inputs)
        metas = tuple(value.meta for value in outputs if value is not None and value.meta is not None)
        if free and operator.options.get("fused_activation_function", "NONE") != "NONE":
            op += JOINED
        elif rule is not None and not unknown:
            try:
                if not free and not any(value is not None for value in inputs):
                    raise ValueError(op)  # noqa: TRY301 - as a formula does that misses an input
                rule.formula(OpCall(0, op, path, "forward", arguments, metas))
            except Exception as error:
                shapes = ", ".join("x".join(map(str, meta.shape)) or "a scalar" for meta in metas)
                raise ImportModelError(
                    f"{self.program.file}: {where} does not take what it is given, or gives what it cannot ({shapes})",
                    help=_HELP,
                ) from error
        self.emit(op + SHAPE_UNKNOWN * unknown, path, arguments, metas)

    def _read(self, graph: Subgraph, index: int, values: dict[int, Value], reader: str) -> Value:
        """The value of tensor ``index``, which is made, held by the file, or a variable."""
        if index not in values:
            tensor = graph.tensors[index]
            empty = 0 in tensor.shape
            if tensor.data is None and not tensor.variable and not empty:
                self.fail(f"{reader} reads tensor {index} ({tensor.name[:100]!r}), which nothing makes before it")
            values[index] = self._kept(tensor) if tensor.data is not None else self._state(tensor, empty=empty)
        return values[index]

    def _typed(self, tensor: Tensor) -> Value:
        """A value of which nothing is known but what the file says of its tensor."""
        if -1 in tensor.signature or tensor.dtype in HANDLES:
            return Value(None, tensor.dtype)
        return tensor_value(tensor.signature, tensor.dtype, self.storage())

    def _state(self, tensor: Tensor, *, empty: bool) -> Value:
        import numpy as np

        shape = tensor.shape if -1 not in tensor.shape else tuple(max(size, 0) for size in tensor.shape)
        value = tensor_value(shape, tensor.dtype, self.storage(), np.zeros(shape, np.int64) if empty else None)
        if value.meta is not None and tensor.variable:
            self.states[value.meta.storage] = Held(name=tensor.name, meta=value.meta, quantised=False)
        return value

    def _kept(self, tensor: Tensor) -> Value:
        """The value of a constant: tensors that share a buffer share a storage."""
        data = tensor.data
        if data is None:
            raise KeyError(tensor.name)
        key = (data.key, tensor.dtype, tensor.shape)
        if key not in self._constants:
            storage = self._buffers.setdefault(data.key, self.storage())
            stored = None
            if tensor.index_bytes is not None:
                bits = tensor_value((), tensor.dtype, 0).meta
                itemsize = bits.itemsize if bits is not None and bits.itemsize else 1
                stored = Stored(data.nbytes // itemsize, data.nbytes + tensor.index_bytes)
            numbers = None if stored is not None else data.numbers(tensor.dtype, tensor.shape)
            value = tensor_value(tensor.shape, tensor.dtype, storage, numbers, stored)
            self._constants[key] = value
            if value.meta is not None:
                self.held.setdefault(storage, Held(name=tensor.name, meta=value.meta, quantised=tensor.quantised))
        return self._constants[key]

    def _lay_out(self, number: int, graph: Subgraph, values: Mapping[int, Value]) -> None:
        """The arena of a subgraph, of its largest visit."""
        metas = {
            index: value.meta
            for index, value in values.items()
            if value.meta is not None
            and graph.tensors[index].data is None
            and value.dtype not in HANDLES
            and value.meta.nbytes
        }
        sizes = tuple((index, meta.nbytes) for index, meta in metas.items())
        if self._laid_out.get(number) == sizes:
            return
        self._laid_out[number] = sizes
        before = self._arenas.get(number, 0)
        size = arena_bytes(graph, metas)
        self._arenas[number] = None if size is None or before is None else max(size, before)


def _changing(program: Program) -> Iterator[str]:
    """The variables that a call changes: those assigned elsewhere than in what runs once, before the first call."""
    once = {
        operator.options.get("init_subgraph_index", -1)
        for graph in program.subgraphs
        for operator in graph.operators
        if operator.op == "CALL_ONCE"
    }
    for number, graph in enumerate(program.subgraphs):
        handles: dict[int, str] = {}
        for operator in graph.operators:
            if operator.op == "VAR_HANDLE" and operator.outputs:
                options = operator.options
                handles[operator.outputs[0]] = f"{options.get('container', '')}/{options.get('shared_name', '')}"
            elif operator.op == "ASSIGN_VARIABLE" and number not in once and operator.inputs:
                yield handles.get(operator.inputs[0], "")
