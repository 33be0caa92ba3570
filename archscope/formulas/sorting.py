"""Sorting, selection, searching, counting: comparisons whose number depends on sizes, at their textbook bound."""

from __future__ import annotations

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall


def register(table: FormulaTable) -> None:
    """Add the sortings to ``table``."""
    table.counted("aten::sort", "aten::argsort", "aten::msort", family="sorting")(sort)
    table.counted("aten::median", "aten::nanmedian", "aten::kthvalue", "aten::mode", family="sorting")(sort)
    table.counted("aten::topk", family="sorting")(topk)
    table.counted("aten::searchsorted", family="sorting")(searchsorted)
    table.counted("aten::bucketize", family="sorting")(bucketize)
    table.counted(
        *("aten::_unique", "aten::_unique2", "aten::unique_dim", "aten::unique_consecutive"),
        "aten::unique_dim_consecutive",
        family="sorting",
    )(unique)
    table.counted("aten::isin", family="sorting")(isin)
    table.counted("aten::nonzero", "aten::nonzero_static", "aten::masked_select", family="sorting")(nonzero)
    table.counted("aten::bincount", family="sorting")(bincount)
    table.counted("aten::histc", "aten::histogram", "aten::_histogramdd_from_bin_cts", family="sorting")(histogram)
    table.counted("aten::_histogramdd_from_bin_tensors", family="sorting")(histogram)
    table.counted("aten::_histogramdd_bin_edges", family="sorting")(bin_edges)


def ceil_log2(n: int) -> int:
    """The smallest whole number whose power of two is at least ``n`` (0 for n below 2)."""
    exponent, power = 0, 1
    while power < n:
        exponent, power = exponent + 1, 2 * power
    return exponent


def _axis(call: OpCall) -> int:
    """The size of the axis that is worked on: all elements when no axis is named."""
    tensor = call.inputs[0]
    dim = call.arguments.get("dim")
    return tensor.numel if dim is None else tensor.shape[dim] if tensor.shape else 1


def sort(call: OpCall) -> Cost:
    """Merge sort compares each of n elements at most once on each of its ceil(log2 n) levels: n x ceil(log2 n) per row.

    Median, mode and k-th value sort first.
    """
    return Cost.of(other=call.inputs[0].numel * ceil_log2(_axis(call)))


def topk(call: OpCall) -> Cost:
    """A heap of the k best: each element is compared with its top and sinks at most ceil(log2 k) levels."""
    return Cost.of(other=call.inputs[0].numel * (1 + ceil_log2(call.arguments["k"])))


def searchsorted(call: OpCall) -> Cost:
    """Binary search among n sorted values takes at most ceil(log2(n + 1)) comparisons per output element."""
    return Cost.of(other=call.outputs[0].numel * ceil_log2(call.arguments["sorted_sequence"].shape[-1] + 1))


def bucketize(call: OpCall) -> Cost:
    """Binary search among n boundaries takes at most ceil(log2(n + 1)) comparisons per output element."""
    return Cost.of(other=call.outputs[0].numel * ceil_log2(call.arguments["boundaries"].shape[-1] + 1))


def unique(call: OpCall) -> Cost:
    """The n elements (or slices) are sorted and each is compared with the one before: elements x (ceil(log2 n) + 1).

    The consecutive form only compares: 1 per element.
    """
    levels = 0 if "consecutive" in call.op else ceil_log2(_axis(call))
    return Cost.of(other=call.inputs[0].numel * (levels + 1))


def isin(call: OpCall) -> Cost:
    """Each output element is compared with all n test elements: n comparisons and n - 1 disjunctions."""
    test = call.arguments.get("test_elements")
    return Cost.of(other=call.outputs[0].numel * (1 if test is None else 2 * test.numel - 1))


def nonzero(call: OpCall) -> Cost:
    """One comparison (or one look at the mask) per input element."""
    return Cost.of(other=call.inputs[0].numel)


def bincount(call: OpCall) -> Cost:
    """One addition per element."""
    return Cost.of(other=call.inputs[0].numel)


def histogram(call: OpCall) -> Cost:
    """Subtract the start, multiply by the inverse width, add to the bin: 3 per element."""
    return Cost.of(other=3 * call.inputs[0].numel)


def bin_edges(call: OpCall) -> Cost:
    """The smallest and the largest value of every column: 2 per element."""
    return Cost.of(other=2 * call.inputs[0].numel)
