"""Whether a model and the file that it was exported to were measured on the same inputs."""

from __future__ import annotations

from archscope.records import InputRecord
from archscope.report import Report

GRAPH = "graph"  # the device of what was read off a file
# Types that a converter writes in place of others: integers of a quantised model, indices that it narrows.
_ALIKE = ({"float32", "float16", "int8", "uint8", "int16"}, {"int64", "int32"})


def same_inputs(base: Report, head: Report) -> bool:
    """Whether both have inputs of the same shapes and types.

    Of a model and a file, images may have their channels last in the file, quantised inputs and indices another type.
    """
    one, other = base.inputs, head.inputs
    if len(one) != len(other):
        return False
    exported = (base.model.device == GRAPH) != (head.model.device == GRAPH)
    return all(
        (a.shape, a.dtype) == (b.shape, b.dtype) or (exported and _alike(a, b)) for a, b in zip(one, other, strict=True)
    )


def _alike(one: InputRecord, other: InputRecord) -> bool:
    types = {one.dtype, other.dtype}
    shapes = {_channels_last(one.shape), one.shape}, {_channels_last(other.shape), other.shape}
    return bool(shapes[0] & shapes[1]) and (len(types) == 1 or any(types <= kind for kind in _ALIKE))


def _channels_last(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0], *shape[2:], shape[1]) if 4 <= len(shape) <= 5 else shape
