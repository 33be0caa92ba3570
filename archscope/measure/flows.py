"""Which component's tensors which other component reads."""

from __future__ import annotations

from archscope.records import Path, Trace
from archscope.report import Flow

INPUT = "[input]"


def component_flows(trace: Trace, owners: dict[Path, str]) -> tuple[Flow, ...]:
    """The tensors that cross from one component to another, each pair and shape once, in order of first use.

    A storage belongs to the component that wrote it last. Weights do not flow; the model's inputs come from
    ``[input]``, recognised by shape and dtype.
    """
    given = {(record.shape, record.dtype) for record in trace.inputs}
    weights = {(record.shape, record.dtype) for records in (trace.parameters, trace.buffers) for record in records}
    writer: dict[int, str] = {}
    flows: dict[Flow, None] = {}
    for call in trace.calls or ():
        target = owners[call.path]
        for tensor in call.inputs:
            source = writer.get(tensor.storage)
            kind = (tensor.shape, tensor.dtype)
            if source is None and kind in given and kind not in weights:
                source = INPUT
            if source is not None and source != target:
                flows[Flow(source=source, target=target, shape=tensor.shape, dtype=tensor.dtype)] = None
        for output in call.outputs:
            if output.storage not in writer or not any(output.storage == t.storage for t in call.inputs):
                writer[output.storage] = target
    return tuple(flows)
