"""Data flow between components: which one reads tensors that another one made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from archscope.records import Path, TensorMeta, Trace
from archscope.report import UNASSIGNED, Flow

INPUT = "[input]"


def component_flows(trace: Trace, owners: dict[Path, str]) -> tuple[Flow, ...]:  # noqa: C901 - one pass over all calls
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
    trails: dict[int, int] = {}  # by storage: the step of the model's own code that made it
    steps: list[_Step] = []
    uses: list[Flow] = []
    passed: set[int] = set()
    for call in trace.calls or ():
        target = owners[call.path]
        own_code = call.path == "" and target == UNASSIGNED
        sources: dict[str, None] = {}
        step, read = _Step([], []), call.inputs
        for tensor in read:
            found = origins.get(tensor.storage, (INPUT,) if (tensor.shape, tensor.dtype) in inputs else ())
            sources |= dict.fromkeys(found)
            if tensor.storage in trails:
                step.earlier.append(trails[tensor.storage])
                if own_code:
                    continue  # it read the same before, in an earlier step
            for source in found:
                if source != target:
                    step.uses.append(len(uses))
                    uses.append(Flow(source=source, target=target, shape=tensor.shape, dtype=tensor.dtype))
        if not own_code:
            _pass_on(step.earlier, steps, passed)
        elif step.uses or step.earlier:
            steps.append(step)
        made_of = tuple(source for source in sources if source != UNASSIGNED) if own_code else ()
        for output in call.outputs:
            if made_of or _is_new(output, read, origins):
                origins[output.storage] = made_of or (target,)
                if own_code and (step.uses or step.earlier):
                    trails[output.storage] = len(steps) - 1
                else:
                    trails.pop(output.storage, None)
    left_out = {place for number in passed for place in steps[number].uses}
    return tuple(dict.fromkeys(flow for place, flow in enumerate(uses) if place not in left_out))


class _Step(NamedTuple):
    """A step of the model's own code: the places, in uses, of what it read, and the steps whose results it took."""

    uses: list[int]
    earlier: list[int]


def _pass_on(waiting: list[int], steps: list[_Step], passed: set[int]) -> None:
    """Mark the steps ``waiting`` and all before them: a component reads what they led to."""
    while waiting:
        step = waiting.pop()
        if step not in passed:
            passed.add(step)
            waiting += steps[step].earlier


def _is_new(output: TensorMeta, read: Iterable[TensorMeta], known: dict[int, tuple[str, ...]]) -> bool:
    """Whether a call that ``read`` tensors made the storage of ``output``; a view has that of what it views."""
    return output.storage not in known or all(output.storage != tensor.storage for tensor in read)
