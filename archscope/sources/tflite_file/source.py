"""A TFLite file as a model: its graph followed with the sizes of its inputs, as the trace of a run that never was."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from archscope.errors import BuildError
from archscope.records import InputRecord, Trace
from archscope.sources.graph_trace import modules_of, storages_of
from archscope.sources.onnx_file.inputs import bind, fixed
from archscope.sources.onnx_file.places import with_parents
from archscope.sources.tflite_file.dtypes import HANDLES
from archscope.sources.tflite_file.graph import Program, Signature
from archscope.sources.tflite_file.inputs import as_the_file_has_them, declared_inputs
from archscope.sources.tflite_file.places import Places
from archscope.sources.tflite_file.reading import read_program
from archscope.sources.tflite_file.values import Value, tensor_value
from archscope.sources.tflite_file.walk import Walk
from archscope.sources.tflite_file.weights import sorted_weights
from archscope.spec import InputSpec, ModelSpec

SUFFIX = ".tflite"
_LONGEST = 60  # characters of what a file says of itself


def from_tflite(source: str, file: Path) -> ModelSpec:
    """The graph in ``file``: its first subgraph, as the runtime takes it; ``entries`` are its signatures.

    Weights stay where they are: their places, shapes and types are all that is read. ``inputs`` are the graph's own
    where the file fixes all of their sizes. Raises ImportModelError for a file that is damaged or absurd.
    """
    program = read_program(file)
    first = _main(program)

    def build() -> NoReturn:
        raise BuildError(
            f"{source} is a graph without code: there is no torch.nn.Module to build",
            help="name the PyTorch model for what needs one (a training step, zero weights, other counters)",
        )

    def entry(signature: Signature, inputs: Sequence[InputSpec] | None) -> Trace:
        return _trace(file.stem, program, signature, inputs or ())

    return ModelSpec(
        name=file.stem,
        source=source,
        build=build,
        inputs=fixed(declared_inputs(program, first)),
        description=_description(program),
        trace=lambda inputs: entry(first, inputs),
        entries={
            signature.key: lambda inputs, signature=signature: entry(signature, inputs)  # type: ignore[misc]
            for signature in program.signatures
        },
    )


def _main(program: Program) -> Signature:
    """The first subgraph, by the names of the signature that is its own."""
    names = next((signature.inputs for signature in program.signatures if signature.subgraph == 0), {})
    return Signature(key="", subgraph=0, inputs=names)


def _description(program: Program) -> str:
    made = program.description[:_LONGEST].strip()
    said = f" ({made})" if made else ""
    graphs = f", {len(program.subgraphs):,} subgraphs" if len(program.subgraphs) > 1 else ""
    return f"a TFLite graph, schema {program.version}{said}{graphs}; modules known by {Places(program).known_by}"


def _trace(name: str, program: Program, signature: Signature, inputs: Sequence[InputSpec]) -> Trace:
    declared = declared_inputs(program, signature)
    bound = bind(program.file, declared, as_the_file_has_them(declared, inputs))
    graph = program.subgraphs[signature.subgraph]
    places = Places(program)
    walk = Walk(program, places)
    waiting = iter(bound.inputs)
    given: list[Value | None] = []
    for index in graph.inputs:
        if graph.tensors[index].dtype in HANDLES:
            given.append(None)
            continue
        spec = next(waiting)
        given.append(tensor_value(spec.shape, spec.dtype, walk.storage()))
    taken = [value.meta for value in given if value is not None and value.meta is not None]
    made = walk.follow(signature.subgraph, given)
    results = [value.meta for value in made if value is not None and value.meta is not None]
    calls = tuple(walk.calls)
    weights = sorted_weights(walk.held, walk.states, calls)
    held = [*(record.path for record in weights.parameters), *(record.path for record in weights.buffers)]
    paths = with_parents([*(call.path for call in calls), *(path.rpartition(".")[0] for path in held)])
    return Trace(
        model=name,
        mode="eval",
        device="graph",
        fallback="",
        inputs=tuple(InputRecord(name=s.name, shape=s.shape, dtype=s.dtype) for s in bound.inputs),
        modules=modules_of(
            paths,
            with_parents({call.path: None for call in calls}),
            places.types,
            places.types.get("") or graph.name[:_LONGEST] or "Graph",
            (tuple(meta.shape for meta in taken), tuple(meta.shape for meta in results)),
        ),
        parameters=weights.parameters,
        buffers=weights.buffers,
        weights=weights.storages,
        calls=calls,
        storages=storages_of(calls, {*walk.held, *walk.states, *(meta.storage for meta in taken)}, results),
        results=tuple(meta.storage for meta in results),
        undecided=tuple(walk.undecided),
        given=tuple(meta.storage for meta in taken),
        arena=walk.arena,
    )
