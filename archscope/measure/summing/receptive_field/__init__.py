"""The receptive field and the stride of every module, exact, from a trace: which input positions its output reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from archscope.measure.summing.receptive_field.figures import extent_of, strides_of
from archscope.measure.summing.receptive_field.positions import Axis, Positions
from archscope.measure.summing.receptive_field.reach import UntoldError
from archscope.measure.summing.receptive_field.tensor_flow import TensorFlow
from archscope.receptive_field import AxisField, InputField
from archscope.records import Path, Shape, Trace

_HEIGHT_AND_WIDTH = 4  # dimensions of an input that has them, or more


def receptive_fields(trace: Trace) -> dict[Path, tuple[InputField, ...]]:
    """The receptive field of each module's output with respect to each input, by path; nothing without a run.

    Only inputs that positions are known of: those over which an operator slides, else images by their shape.
    """
    flow = TensorFlow(trace)
    waiting = sorted((module for module in trace.modules if module.calls), key=lambda module: -module.end)
    given: dict[Path, tuple[Positions, ...]] = {}
    calls = trace.calls or ()
    for index in range(len(calls) + 1):
        while waiting and waiting[-1].end <= index:
            module = waiting.pop()
            given[module.path] = tuple(flow.of(tensor) for tensor in module.outputs)
        if index < len(calls):
            flow.passes(calls[index])
    axes = _spatial(flow, [record.shape for record in trace.inputs])
    names = [record.name for record in trace.inputs]
    fields: dict[Path, tuple[InputField, ...]] = {}
    for module in trace.modules:
        states = given.get(module.path, ())
        fields[module.path] = tuple(
            InputField(input=names[number], axes=tuple(_field(states, axis, flow.sizes[axis]) for axis in known))
            for number, known in axes.items()
            if states
        )
    return fields


def _spatial(flow: TensorFlow, shapes: Sequence[Shape]) -> dict[int, tuple[Axis, ...]]:
    """The axes of each input that positions lie along."""
    found: dict[int, tuple[Axis, ...]] = {}
    for number, shape in enumerate(shapes):
        slid = tuple(sorted(axis for axis in flow.slid if axis[0] == number))
        by_shape = tuple((number, dim) for dim in range(2, len(shape))) if len(shape) >= _HEIGHT_AND_WIDTH else ()
        if known := tuple(axis for axis in slid or by_shape if axis in flow.sizes):
            found[number] = known
    return found


def _field(states: Iterable[Positions], axis: Axis, size: int) -> AxisField:
    """The largest field of several outputs."""
    positions, whole, why = 0, False, ""
    strides: set[Fraction] = set()
    for state in states:
        try:
            extent = extent_of(state, axis, size)
        except UntoldError as error:
            why = why or str(error)
            continue
        strides |= strides_of(state, axis)
        positions, whole = max(positions, extent.positions), whole or extent.whole
    if why:
        return AxisField(dimension=axis[1], positions=None, whole=False, strides=(), reason=why)
    return AxisField(
        dimension=axis[1], positions=positions, whole=whole, strides=tuple(map(str, sorted(strides))), reason=""
    )
