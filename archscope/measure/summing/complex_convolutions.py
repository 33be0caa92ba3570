"""Convolutions of complex numbers: torch runs each as three real ones, which count as the one that the model asked for.

For x = x_r + i x_i and w = w_r + i w_i torch takes a = x_r * w_r, b = x_i * w_i, c = (x_r + x_i) * (w_r + w_i) and puts
a - b + i (c - a - b) together. A complex multiply-accumulate counts as one, as in every matrix product.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from archscope.formulas import DEFAULT_FORMULAS
from archscope.formulas.table import FREE_KIND
from archscope.records import OpCall

_CONVOLUTION = "aten::convolution"
_BEFORE = ("aten::sub", "aten::sub", _CONVOLUTION, "aten::add", "aten::add")  # from the product with i backwards
_AFTER = ("aten::sub", "aten::add")


class _Parts(NamedTuple):
    """The three convolutions of one, and everything else that puts them together."""

    first: OpCall
    second: OpCall
    third: OpCall
    others: tuple[OpCall, ...]


def folded_calls(calls: Sequence[OpCall]) -> frozenset[int]:
    """The indices of the calls that are a part of a complex convolution counted at its first real one."""
    products = [position for position, call in enumerate(calls) if _makes_complex(call)]
    found = [parts for position in products if (parts := _parts(calls, position)) is not None]
    if not found:
        return frozenset()
    forward = {call.index for parts in found for call in (parts.second, parts.third, *parts.others)}
    return frozenset(forward | {call.index for call in _backward(calls, found)})


def _makes_complex(call: OpCall) -> bool:
    """Whether ``call`` multiplies real numbers by i."""
    if not call.op.startswith("aten::mul."):
        return False
    real = all(not tensor.dtype.startswith("complex") for tensor in call.inputs[:1])
    return real and bool(call.outputs) and call.outputs[0].dtype.startswith("complex")


def _parts(calls: Sequence[OpCall], product: int) -> _Parts | None:
    """The calls around the product with i, or None where they are not those of a convolution."""
    before = _arithmetic(calls, range(product - 1, -1, -1))
    after = _arithmetic(calls, range(product + 1, len(calls)))
    near = [next(before, None) for _ in _BEFORE]
    ends = [next(after, None) for _ in _AFTER]
    if [_packet(call) for call in near] != [*_BEFORE] or [_packet(call) for call in ends] != [*_AFTER]:
        return None
    further = [next(before, None), next(before, None)]
    if _packet(further[0]) == "aten::add":  # of the two halves of the bias
        near.append(further.pop(0))
        further.append(next(before, None))
    second, first = further
    third = near.pop(2)
    if first is None or second is None or third is None or {_packet(first), _packet(second)} != {_CONVOLUTION}:
        return None
    subtracted = {tensor.storage for call in near[:2] if call is not None for tensor in call.inputs}
    if not {call.outputs[0].storage for call in (first, second, third)} <= subtracted:
        return None
    others = (calls[product], *(call for call in (*near, *ends) if call is not None))
    return _Parts(first, second, third, others)


def _arithmetic(calls: Sequence[OpCall], positions: range) -> Iterator[OpCall]:
    """The calls at ``positions`` that do more than move data."""
    for position in positions:
        rule = DEFAULT_FORMULAS.find(calls[position].op)
        if rule is None or rule.kind != FREE_KIND:
            yield calls[position]


def _packet(call: OpCall | None) -> str:
    return call.op.partition(".")[0] if call is not None else ""


def _backward(calls: Sequence[OpCall], found: Sequence[_Parts]) -> Iterator[OpCall]:
    """Of the gradients of the three convolutions those that are not the first one's."""
    firsts = {_operands(parts.first) for parts in found}
    others = {_operands(call) for parts in found for call in (parts.second, parts.third)}
    shared: dict[tuple[int, int], list[OpCall]] = defaultdict(list)
    for call in calls:
        if call.op.startswith("aten::convolution_backward"):
            operands = _operands(call)
            if operands in firsts and operands in others:  # halves of one tensor: the first and the second alike
                shared[operands].append(call)
            elif operands in others:
                yield call
    for alike in shared.values():
        alike.sort(key=lambda call: tuple(call.arguments["output_mask"]))  # the first one's gives the bias' too
        yield from alike[: len(alike) // 2]


def _operands(call: OpCall) -> tuple[int, int]:
    return call.arguments["input"].storage, call.arguments["weight"].storage
