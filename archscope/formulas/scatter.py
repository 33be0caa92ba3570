"""Operators that write to given places and combine there (scatter_add, index_reduce, col2im), and embedding bags."""

from __future__ import annotations

from itertools import zip_longest
from math import prod

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall, TensorMeta


def register(table: FormulaTable) -> None:
    """Add the combining writes to ``table``."""
    table.counted("aten::scatter_add", family="scatter")(scatter_add)
    table.counted("aten::index_add", family="scatter")(index_add)
    table.counted("aten::scatter_reduce", "aten::index_reduce", family="scatter")(scatter_reduce)
    table.counted("aten::scatter", family="scatter")(scatter)
    table.counted(
        *("aten::index_put", "aten::_unsafe_index_put", "aten::_index_put_impl", "aten::put"),
        family="scatter",
    )(index_put)
    table.counted("aten::_unsafe_masked_index", family="scatter")(masked_index)
    table.counted("aten::_unsafe_masked_index_put_accumulate", family="scatter")(masked_index_put)
    table.counted("aten::segment_reduce", family="scatter")(segment_reduce)
    table.counted("aten::col2im", "aten::unfold_backward", family="scatter")(fold)
    table.counted("aten::_embedding_bag", "aten::_embedding_bag_forward_only", family="scatter")(embedding_bag)
    table.counted("aten::embedding_renorm", family="scatter")(embedding_renorm)


def scatter_add(call: OpCall) -> Cost:
    """One addition per index."""
    return Cost.of(other=call.arguments["index"].numel)


def index_add(call: OpCall) -> Cost:
    """One addition per source element, and 1 multiply when alpha is not 1."""
    return Cost.of(other=(1 + (call.arguments["alpha"] != 1)) * call.arguments["source"].numel)


def scatter_reduce(call: OpCall) -> Cost:
    """One combination per source element; a mean divides each output element by its count."""
    arguments = call.arguments
    source: TensorMeta = arguments["src"] if "src" in arguments else arguments["source"]
    mean = call.outputs[0].numel if arguments["reduce"] == "mean" else 0
    return Cost.of(other=source.numel + mean)


def scatter(call: OpCall) -> Cost:
    """A copy to given places is free; with a reduction (add, multiply) 1 per index."""
    reduced = call.arguments.get("reduce") is not None
    return Cost.of(other=call.arguments["index"].numel if reduced else 0)


def index_put(call: OpCall) -> Cost:
    """A copy to given places is free; accumulating takes 1 addition per place, of which several may share a value.

    A mask of truth values does not tell its places: their values are counted.
    """
    return Cost.of(other=_places(call) if call.arguments["accumulate"] else 0)


def _places(call: OpCall) -> int:
    """The elements that are written: of what the indices broadcast to, and of each axis that has none."""
    values: TensorMeta = call.inputs[-1]
    indices: list[TensorMeta | None] = call.arguments.get("indices", [])
    given = [index for index in indices if index is not None]
    if not given or any(index.dtype in {"bool", "uint8"} for index in given):
        return values.numel
    axes = zip_longest(*(reversed(index.shape) for index in given), fillvalue=1)
    places = prod(next((size for size in sizes if size != 1), 1) for sizes in axes)
    shape = call.inputs[0].shape
    return places * prod(n for axis, n in enumerate(shape) if axis >= len(indices) or indices[axis] is None)


def masked_index(call: OpCall) -> Cost:
    """A gather with a choice by a mask: 1 per output element."""
    return Cost.of(other=call.outputs[0].numel)


def masked_index_put(call: OpCall) -> Cost:
    """An accumulating write with a choice by a mask: 2 per value."""
    return Cost.of(other=2 * call.inputs[-1].numel)


def segment_reduce(call: OpCall) -> Cost:
    """One combination per element; a mean divides each output element by its count."""
    mean = call.outputs[0].numel if call.arguments["reduce"] == "mean" else 0
    return Cost.of(other=call.arguments["data"].numel + mean)


def fold(call: OpCall) -> Cost:
    """Every element of the columns is added to its place in the image: 1 per input element."""
    return Cost.of(other=call.inputs[0].numel)


def embedding_bag(call: OpCall) -> Cost:
    """Each looked-up element is combined with its bag: indices x features; a weight per sample adds a multiply each.

    A mean (mode 1) divides each element of the bags.
    """
    arguments = call.arguments
    looked_up = arguments["indices"].numel * arguments["weight"].shape[-1]
    weighted = arguments["per_sample_weights"] is not None
    mean = call.outputs[0].numel if arguments["mode"] == 1 else 0
    return Cost.of(other=(1 + weighted) * looked_up + mean)


def embedding_renorm(call: OpCall) -> Cost:
    """Rows that are looked up and exceed a norm are scaled to it: power, sum, scale: 3 per element looked up.

    Each row adds 3 (root, compare, divide).
    """
    rows = call.arguments["indices"].numel
    return Cost.of(other=rows * (3 * call.arguments["self"].shape[-1] + 3))
