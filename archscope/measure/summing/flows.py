"""Data flow between components: which one reads tensors that another one made."""

from __future__ import annotations

from archscope.records import OpCall, Path, TensorMeta, Trace
from archscope.report import UNASSIGNED, Flow

INPUT = "[input]"


def component_flows(trace: Trace, owners: dict[Path, str]) -> tuple[Flow, ...]:
    """The tensors that cross from one component to another, each pair and shape once, in order of first use.

    A storage belongs to the component that wrote it last. Weights do not flow; the model's inputs come from
    ``[input]``, recognised by shape and dtype. What the model's own code does between its children (a resize, a
    concatenation) passes on what it was made from: its result comes from the components whose tensors went in. Only
    where no component reads that result does a flow end in ``[unassigned]``.
    """
    given = {(record.shape, record.dtype) for record in trace.inputs}
    weights = {(record.shape, record.dtype) for records in (trace.parameters, trace.buffers) for record in records}
    inputs = given - weights
    origins: dict[int, tuple[str, ...]] = {}  # by storage: whose values it holds
    trails: dict[int, frozenset[int]] = {}  # by storage: the places, in uses, of what the model's own code read for it
    uses: list[Flow] = []
    passed: set[int] = set()
    for call in trace.calls or ():
        target = owners[call.path]
        own_code = call.path == "" and target == UNASSIGNED
        sources: dict[str, None] = {}
        trail: set[int] = set()
        for tensor in call.inputs:
            found = origins.get(tensor.storage, (INPUT,) if (tensor.shape, tensor.dtype) in inputs else ())
            sources |= dict.fromkeys(found)
            before = trails.get(tensor.storage, frozenset())
            trail |= before
            if own_code and before:
                continue  # it read the same before, in an earlier step
            for source in found:
                if source != target:
                    trail |= {len(uses)} if own_code else set()
                    uses.append(Flow(source=source, target=target, shape=tensor.shape, dtype=tensor.dtype))
        if not own_code:
            passed |= trail
        made_of = tuple(source for source in sources if source != UNASSIGNED) if own_code else ()
        for output in call.outputs:
            if made_of or _is_new(output, call, origins):
                origins[output.storage] = made_of or (target,)
                trails[output.storage] = frozenset(trail) if own_code else frozenset()
    return tuple(dict.fromkeys(flow for place, flow in enumerate(uses) if place not in passed))


def _is_new(output: TensorMeta, call: OpCall, known: dict[int, tuple[str, ...]]) -> bool:
    """Whether the call made the storage of ``output``; a view has that of what it views."""
    return output.storage not in known or all(output.storage != tensor.storage for tensor in call.inputs)
