"""The shapes of what TFLite's operators move: reshapes, slices, joins, paddings, gathers; and of what they create."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import ceil, prod
from typing import Any, TypeAlias

from archscope.records import Shape
from archscope.sources.tflite_file.values import Value

Options: TypeAlias = Mapping[str, Any]
#: Of an operator: from its options and inputs, the shapes of its outputs; None of those that nobody knows.
Rule: TypeAlias = Callable[[Options, Sequence[Value | None]], Sequence[Shape | None] | None]


class UnknownShape(Exception):  # noqa: N818 - no error: a shape that values decide
    """An input has no known shape, or not the values that a shape is made of."""


class MisfitError(Exception):
    """Inputs whose known sizes the operator cannot take, whatever their values: TFLite would refuse them."""


def sizes(inputs: Sequence[Value | None], place: int) -> Shape:
    """The shape of an input; raises UnknownShape."""
    value = inputs[place] if place < len(inputs) else None
    if value is None or value.shape is None:
        raise UnknownShape
    return value.shape


def numbers(inputs: Sequence[Value | None], place: int) -> list[int]:
    """The whole numbers that an input holds; raises UnknownShape."""
    value = inputs[place] if place < len(inputs) else None
    if value is None or value.numbers is None:
        raise UnknownShape
    return [int(number) for number in value.numbers.reshape(-1).tolist()]


def broadcast(*shapes: Shape) -> Shape:
    """The shape of several tensors combined element by element; raises MisfitError where they do not fit."""
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    found = []
    for column in zip(*padded, strict=True):
        others = {size for size in column if size != 1}
        if len(others) > 1:
            raise MisfitError
        found.append(others.pop() if others else 1)
    return tuple(found)


def at(axis: int, rank: int) -> int:
    """An axis counted from the front; raises MisfitError for one that is not there."""
    if not -rank <= axis < rank:
        raise MisfitError
    return axis % rank


def _reshape(options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    count = prod(sizes(inputs, 0))
    told = inputs[1] if len(inputs) > 1 else None
    if told is not None and (told.shape is None or len(told.shape) != 1) and "new_shape" in options:
        wanted = list(options["new_shape"])
    else:
        wanted = numbers(inputs, 1) if told is not None else list(options.get("new_shape", ()))
    if -1 in wanted:
        rest = prod(size for size in wanted if size != -1)
        if wanted.count(-1) > 1 or rest < 1 or count % rest:
            raise MisfitError
        wanted[wanted.index(-1)] = count // rest
    if prod(wanted) != count:
        raise MisfitError
    return [tuple(wanted)]


def _squeeze(options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    x = sizes(inputs, 0)
    gone = {at(axis, len(x)) for axis in options.get("squeeze_dims", ())}
    gone = gone or {place for place, size in enumerate(x) if size == 1}
    return [tuple(size for place, size in enumerate(x) if place not in gone)]


def _expanded(_options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    x = sizes(inputs, 0)
    axis = at(numbers(inputs, 1)[0], len(x) + 1)
    return [(*x[:axis], 1, *x[axis:])]


def _transposed(_options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    x, order = sizes(inputs, 0), numbers(inputs, 1)
    if sorted(order) != list(range(len(x))):
        raise MisfitError
    return [tuple(x[axis] for axis in order)]


def _padded(_options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    x, pads = sizes(inputs, 0), numbers(inputs, 1)
    return [tuple(size + before + after for size, before, after in zip(x, pads[::2], pads[1::2], strict=True))]


def _sliced(_options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    x, begins, lengths = sizes(inputs, 0), numbers(inputs, 1), numbers(inputs, 2)
    return [tuple(n - b if m == -1 else m for n, b, m in zip(x, begins, lengths, strict=True))]


def strides_of(options: Options, inputs: Sequence[Value | None], rank: int) -> list[slice | int | None]:
    """What a STRIDED_SLICE takes of each axis, as Python writes it: None for a new one, a number for one that goes."""
    begins, ends, steps = (numbers(inputs, place) for place in (1, 2, 3))
    masks = {
        name: int(options.get(f"{name}_mask", 0)) for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    }
    new = (masks["new_axis"] & ((1 << len(begins)) - 1)).bit_count()
    taken: list[slice | int | None] = []
    for place, (begin, end, step) in enumerate(zip(begins, ends, steps, strict=True)):
        bit = 1 << place
        if masks["ellipsis"] & bit:
            taken += [slice(None)] * (rank - (len(begins) - 1 - new))
        elif masks["new_axis"] & bit:
            taken.append(None)
        elif masks["shrink_axis"] & bit:
            taken.append(begin)
        else:
            first = None if masks["begin"] & bit else begin
            taken.append(slice(first, None if masks["end"] & bit else end, step))
    return taken


def _strided(options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    x = sizes(inputs, 0)
    found: list[int] = []
    axis = 0
    for taken in strides_of(options, inputs, len(x)):
        if taken is None:
            found.append(1)
            continue
        if axis >= len(x):
            raise MisfitError
        if isinstance(taken, slice):
            found.append(len(range(*taken.indices(x[axis]))))
        axis += 1
    return [(*found, *x[axis:])]


def _joined(options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    shapes = [sizes(inputs, place) for place in range(len(inputs))]
    axis = at(options.get("axis", 0), len(shapes[0]))
    rests = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
    if len(rests) > 1:
        raise MisfitError
    return [(*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])]


def _split(options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    count, x = options.get("num_splits", 0), sizes(inputs, 1)
    axis = at(numbers(inputs, 0)[0], len(x))
    if not 0 < count <= MOST_PARTS or x[axis] % count:
        raise UnknownShape
    return [(*x[:axis], x[axis] // count, *x[axis + 1 :])] * count


def _split_unevenly(_options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    x, parts = sizes(inputs, 0), numbers(inputs, 1)
    axis = at(numbers(inputs, 2)[0], len(x))
    rest = x[axis] - sum(part for part in parts if part != -1)
    return [(*x[:axis], rest if part == -1 else part, *x[axis + 1 :]) for part in parts]


def _packed(options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    x = sizes(inputs, 0)
    axis = at(options.get("axis", 0), len(x) + 1)
    return [(*x[:axis], len(inputs), *x[axis:])]


def _unpacked(options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    x = sizes(inputs, 0)
    axis = at(options.get("axis", 0), len(x))
    if x[axis] > MOST_PARTS:
        raise UnknownShape
    return [(*x[:axis], *x[axis + 1 :])] * x[axis]


def _gathered(options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    x, places = sizes(inputs, 0), sizes(inputs, 1)
    axis, batch = at(options.get("axis", 0), len(x)), options.get("batch_dims", 0)
    return [(*x[:axis], *places[batch:], *x[axis + 1 :])]


def _gathered_by_points(_options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    x, places = sizes(inputs, 0), sizes(inputs, 1)
    return [(*places[:-1], *x[places[-1] :])]


def _tiled(_options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    return [tuple(n * times for n, times in zip(sizes(inputs, 0), numbers(inputs, 1), strict=True))]


def _told(place: int) -> Rule:
    return lambda _options, inputs: [tuple(numbers(inputs, place))]


def _range(_options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    values = [inputs[place] for place in range(3)]
    known = [value.numbers for value in values if value is not None and value.numbers is not None]
    if len(known) < 3:
        raise UnknownShape
    start, limit, step = (number.reshape(-1)[0].item() for number in known)
    return [(max(ceil((limit - start) / step), 0),)]


def _one_hot(options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    x, depth = sizes(inputs, 0), numbers(inputs, 1)[0]
    axis = at(options.get("axis", -1), len(x) + 1)
    return [(*x[:axis], depth, *x[axis:])]


def _to_depth(options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    (batch, height, width, channels), block = sizes(inputs, 0), options["block_size"]
    return [(batch, height // block, width // block, channels * block * block)]


def _to_space(options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    (batch, height, width, channels), block = sizes(inputs, 0), options["block_size"]
    return [(batch, height * block, width * block, channels // (block * block))]


def _to_batch(_options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    (batch, *rest), blocks, pads = sizes(inputs, 0), numbers(inputs, 1), numbers(inputs, 2)
    space = [(rest[k] + pads[2 * k] + pads[2 * k + 1]) // block for k, block in enumerate(blocks)]
    return [(batch * prod(blocks), *space, *rest[len(blocks) :])]


def _from_batch(_options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    (batch, *rest), blocks, crops = sizes(inputs, 0), numbers(inputs, 1), numbers(inputs, 2)
    space = [rest[k] * block - crops[2 * k] - crops[2 * k + 1] for k, block in enumerate(blocks)]
    return [(batch // prod(blocks), *space, *rest[len(blocks) :])]


MOST_PARTS = 10_000
MOVING: dict[str, Rule] = {
    "RESHAPE": _reshape,
    "SQUEEZE": _squeeze,
    "EXPAND_DIMS": _expanded,
    "TRANSPOSE": _transposed,
    **dict.fromkeys(("PAD", "PADV2", "MIRROR_PAD"), _padded),
    "SLICE": _sliced,
    "STRIDED_SLICE": _strided,
    "CONCATENATION": _joined,
    "SPLIT": _split,
    "SPLIT_V": _split_unevenly,
    "PACK": _packed,
    "UNPACK": _unpacked,
    "GATHER": _gathered,
    "GATHER_ND": _gathered_by_points,
    "TILE": _tiled,
    "BROADCAST_TO": _told(1),
    **dict.fromkeys(("FILL", "RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL"), _told(0)),
    "SCATTER_ND": _told(2),
    "SPARSE_TO_DENSE": _told(1),
    "SHAPE": lambda _, inputs: [(len(sizes(inputs, 0)),)],
    "RANK": lambda *_: [()],
    "BROADCAST_ARGS": lambda _, inputs: [(max(sizes(inputs, 0)[0], sizes(inputs, 1)[0]),)],
    "RANGE": _range,
    "ONE_HOT": _one_hot,
    "MATRIX_DIAG": lambda _, inputs: [(*sizes(inputs, 0), sizes(inputs, 0)[-1])],
    "MATRIX_SET_DIAG": lambda _, inputs: [sizes(inputs, 0)],
    "SPACE_TO_DEPTH": _to_depth,
    "DEPTH_TO_SPACE": _to_space,
    "SPACE_TO_BATCH_ND": _to_batch,
    "BATCH_TO_SPACE_ND": _from_batch,
}
