"""The arena of TFLite's own memory planner: where each tensor of a subgraph lies, and how large that makes it.

The rule is that of the runtime's ArenaPlanner: tensors that live through the whole call first, then by falling size,
each into the smallest gap among those that live at the same time, at multiples of 64 bytes. A tensor lives from the
operator that makes it to the last one that reads it, inputs and outputs to the end. Variables, and constants that
DEQUANTIZE and DENSIFY unpack once, lie in a second arena. Some operators work in the place of an input that nobody else
reads. What kernels ask for besides, while they run, is theirs and not in the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from archscope.records import TensorMeta
from archscope.sources.tflite_file.graph import Subgraph

_ALIGNMENT = 64
_FOREVER = 2**31 - 1
_SCALAR = 4  # bytes up to which an operator does not work in the place of its input
MOST_TENSORS = 20_000  # that are laid out; the work grows with their square
# Operators whose output takes the place of an input that nobody reads any more: how many inputs may be it.
_IN_PLACE: Mapping[str, int] = {
    **dict.fromkeys(("ADD", "SUB", "MUL", "DIV"), 2),
    **dict.fromkeys(("SOFTMAX", "DYNAMIC_UPDATE_SLICE"), 1),
}
_UNPACKED = frozenset({"DEQUANTIZE", "DENSIFY"})
_SAME_VALUES = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "BITCAST"})


def arena_bytes(graph: Subgraph, metas: Mapping[int, TensorMeta]) -> int | None:
    """The bytes of the arena of ``graph``, whose tensors have ``metas``, with its variables beside it.

    Tensors without a known shape are not in it. None for more than 20,000 tensors.
    """
    if len(metas) > MOST_TENSORS:
        return None
    lives = _lives(graph, metas)
    order = sorted(lives, key=lambda index: _rank(index, lives[index], metas[index].nbytes))
    lasting = _lasting(graph)
    return _laid_out([(lives[k], metas[k].nbytes) for k in order if k not in lasting]) + _laid_out(
        [((0, _FOREVER), metas[k].nbytes) for k in order if k in lasting]
    )


def _lasting(graph: Subgraph) -> set[int]:
    """What is kept from call to call, in an arena of its own: variables, and constants that were unpacked once."""
    found = {index for index, tensor in enumerate(graph.tensors) if tensor.variable}
    for operator in graph.operators:
        if operator.op in _UNPACKED and all(graph.tensors[k].data or k in found for k in operator.inputs if k >= 0):
            found.update(operator.outputs)
    return found


def _rank(index: int, life: tuple[int, int], nbytes: int) -> tuple[int, ...]:
    if life == (0, _FOREVER):
        return (0, index)
    return (1, -nbytes, life[0], index)


def _lives(graph: Subgraph, metas: Mapping[int, TensorMeta]) -> dict[int, tuple[int, int]]:
    """By tensor: the operators between which it lies in the arena; those that lie in another's place are left out."""
    always = [index for index in graph.inputs if index in metas]
    always += [index for index, tensor in enumerate(graph.tensors) if tensor.variable and index in metas]
    kept = Counter([*graph.outputs, *always])
    reads = [(step, k) for step, operator in enumerate(graph.operators) for k in operator.inputs if k in metas]
    place = _places(graph, metas, kept + Counter(index for _, index in reads))
    left = kept + Counter(place.get(index, index) for _, index in reads)
    born = dict.fromkeys(always, 0)
    for step, operator in enumerate(graph.operators):
        for index in operator.outputs:
            if index in metas:
                born.setdefault(index, step)
    died: dict[int, int] = {}
    for step, index in reads:
        there = place.get(index, index)
        left[there] -= 1
        if not left[there]:
            died[there] = step
    return {index: (first, died.get(index, _FOREVER)) for index, first in born.items() if index not in place}


def _places(graph: Subgraph, metas: Mapping[int, TensorMeta], readers: Mapping[int, int]) -> dict[int, int]:
    """The tensors that lie in the place of another one, and in whose."""
    found: dict[int, int] = {}
    ends = {*graph.outputs}
    starts = {*graph.inputs}
    for operator in graph.operators:
        keeps = operator.op in _SAME_VALUES
        candidates = operator.inputs[: 1 if keeps else _IN_PLACE.get(operator.op, 0)]
        output = operator.outputs[0] if operator.outputs else -1
        if operator.custom or output not in metas or output in ends:
            continue
        for index in candidates:
            if index not in metas or index in starts or graph.tensors[index].variable:
                continue
            alike = metas[index].nbytes == metas[output].nbytes
            if not keeps and (not alike or metas[index].nbytes <= _SCALAR or readers[index] > 1):
                continue
            there = found.get(index, index)
            if alike and (keeps or readers[there] <= 1):
                found[output] = there
            break
    return found


def _laid_out(tensors: Sequence[tuple[tuple[int, int], int]]) -> int:
    """The end of the last of ``tensors``, each a life and a size, put one after the other into the smallest gap."""
    import numpy as np

    room = len(tensors)
    firsts, lasts, starts, ends = (np.empty(room, np.int64) for _ in range(4))
    count = highest = 0
    for (first, last), nbytes in tensors:
        if not nbytes:
            continue
        beside = (lasts[:count] >= first) & (firsts[:count] <= last)
        start = _gap(starts[:count][beside], ends[:count][beside], nbytes)
        at = int(np.searchsorted(starts[:count], start, side="right"))
        for array, value in ((firsts, first), (lasts, last), (starts, start), (ends, start + nbytes)):
            array[at + 1 : count + 1] = array[at:count].copy()
            array[at] = value
        count += 1
        highest = max(highest, start + nbytes)
    return highest


def _gap(starts: Any, ends: Any, nbytes: int) -> int:
    """Where ``nbytes`` fit among what lies there, in the order of ``starts``: the smallest gap, else the end."""
    import numpy as np

    if not len(starts):
        return 0
    reached = np.maximum.accumulate(ends)
    before = np.concatenate(([0], reached[:-1]))
    aligned = -(-before // _ALIGNMENT) * _ALIGNMENT
    rooms = np.where(aligned + nbytes <= starts, starts - before, _NOWHERE)
    best = int(rooms.argmin())
    if rooms[best] < _NOWHERE:
        return int(aligned[best])
    return int(-(-int(reached[-1]) // _ALIGNMENT) * _ALIGNMENT)


_NOWHERE = 2**62
