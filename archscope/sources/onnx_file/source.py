"""An ONNX file as a model: its graph followed with the sizes of its inputs, as the trace of a run that never was."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from archscope.errors import BuildError
from archscope.records import InputRecord, Trace
from archscope.sources.graph_trace import modules_of, storages_of
from archscope.sources.onnx_file.inputs import Bound, bind, declared_inputs, fixed
from archscope.sources.onnx_file.places import METADATA, SCOPES, WEIGHTS, Places, with_parents
from archscope.sources.onnx_file.reading import read_model
from archscope.sources.onnx_file.walk import Walk
from archscope.sources.onnx_file.weights import sorted_weights
from archscope.spec import InputSpec, ModelSpec

if TYPE_CHECKING:
    from onnx import ModelProto

_STATE_NAMED = frozenset({METADATA, SCOPES, WEIGHTS})
_LONGEST = 60  # characters of what a file says of itself


def from_onnx(source: str, file: Path) -> ModelSpec:
    """The graph in ``file``. Its weights stay where they are: their shapes and types are all that is read.

    ``inputs`` are the graph's own where the file fixes all of their sizes. Raises ImportModelError for a file that is
    damaged, absurd, or points outside of its folder.
    """
    model = read_model(file)
    places = Places(model)

    def trace(inputs: Sequence[InputSpec] | None) -> Trace:
        bound = bind(file.name, declared_inputs(model.graph), inputs or ())
        return _trace(file.stem, model, bound, Places(model), file.name)

    def build() -> NoReturn:
        raise BuildError(
            f"{source} is a graph without code: there is no torch.nn.Module to build",
            help="name the PyTorch model for what needs one (a training step, zero weights, other counters)",
        )

    return ModelSpec(
        name=file.stem,
        source=source,
        build=build,
        inputs=fixed(declared_inputs(model.graph)),
        description=_description(model, places),
        trace=trace,
    )


def _description(model: ModelProto, places: Places) -> str:
    opset = max((entry.version for entry in model.opset_import if entry.domain in {"", "ai.onnx"}), default=1)
    made = f"{model.producer_name} {model.producer_version}".strip()[:_LONGEST]
    by = f" by {made}" if made else ""
    return f"an ONNX graph, opset {opset}{by}; modules known by {places.known_by}"


def _trace(name: str, model: ModelProto, bound: Bound, places: Places, file: str) -> Trace:
    walk = Walk(file, model, bound, places)
    taken, results = walk.run()
    calls = tuple(walk.calls)
    named = places.known_by in _STATE_NAMED
    paths = with_parents(call.path for call in calls)
    weights = sorted_weights(walk.held, calls, paths, named=named)
    held = [*(record.path for record in weights.parameters), *(record.path for record in weights.buffers)]
    owners = [path.rpartition(".")[0] for path in held]
    return Trace(
        model=name,
        mode="eval",
        device="graph",
        fallback="",
        inputs=tuple(InputRecord(name=s.name, shape=s.shape, dtype=s.dtype) for s in bound.inputs),
        modules=modules_of(
            with_parents([*paths, *owners]),
            with_parents({call.path: None for call in calls}),
            places.types,
            places.types.get("") or model.graph.name[:_LONGEST] or "Graph",
            (tuple(meta.shape for meta in taken), tuple(meta.shape for meta in results)),
        ),
        parameters=weights.parameters,
        buffers=weights.buffers,
        weights=weights.storages,
        calls=calls,
        storages=storages_of(calls, {*walk.held, *(meta.storage for meta in taken)}, results),
        results=tuple(meta.storage for meta in results),
        undecided=tuple(walk.undecided),
        given=tuple(meta.storage for meta in taken),
    )
