"""Operators of torch_scatter, torch_sparse, torch_cluster, torch_spline_conv and pyg_lib, by the names they register.

These libraries register C++ functions as they are, so their arguments have no names and are told by their places.
"""

from __future__ import annotations

from typing import Any

from archscope.formulas.cost import Cost
from archscope.formulas.sorting import ceil_log2
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall, TensorMeta


def register(table: FormulaTable) -> None:
    """Add these libraries' operators to ``table``."""
    family = "graph"
    table.counted(
        *(f"torch_scatter::{kind}" for kind in ("scatter_sum", "scatter_mul", "scatter_min", "scatter_max")),
        *(f"torch_scatter::segment_{kind}_{form}" for kind in ("sum", "min", "max") for form in ("coo", "csr")),
        family=family,
    )(combined)
    table.counted(
        *("torch_scatter::scatter_mean", "torch_scatter::segment_mean_coo", "torch_scatter::segment_mean_csr"),
        family=family,
    )(averaged)
    table.free(
        *("torch_scatter::gather_coo", "torch_scatter::gather_csr", "torch_sparse::ind2ptr", "torch_sparse::ptr2ind"),
        family=family,
        because="looks values up, or counts positions: a copy of input values",
    )
    table.counted("torch_sparse::spmm_sum", "torch_sparse::spmm_mean", family=family)(sparse_product)
    table.counted("torch_sparse::spmm_min", "torch_sparse::spmm_max", family=family)(sparse_extreme)
    table.counted("torch_cluster::fps", family=family)(farthest_points)
    table.counted("torch_cluster::knn", family=family)(nearest_neighbours)
    table.counted("torch_cluster::radius", family=family)(within_radius)
    table.counted("torch_cluster::nearest", family=family)(nearest)
    table.counted("torch_cluster::grid", family=family)(grid)
    table.counted("torch_spline_conv::spline_weighting", family="convolution")(spline_weighting)
    table.counted("pyg::segment_matmul", family="matmul")(segment_product)
    table.counted("pyg::grouped_matmul", family="matmul")(grouped_products)


def _given(call: OpCall) -> list[Any]:
    return [*call.arguments.values()]


def combined(call: OpCall) -> Cost:
    """Each element of the source is combined with its place: 1 per source element."""
    return Cost.of(other=_given(call)[0].numel)


def averaged(call: OpCall) -> Cost:
    """Each element of the source is added to its place, and each place divided by how many there were.

    1 per source element, 1 per output element, and 1 per index to count.
    """
    source, index = _given(call)[:2]
    return Cost.of(other=source.numel + call.outputs[0].numel + index.numel)


def sparse_product(call: OpCall) -> Cost:
    """A sparse matrix of nnz values (one for each column index) times a dense one: macs = nnz x features.

    Without values the rows are only added: 1 per index and feature. A mean divides each output element.
    """
    values = _given(call)
    matrix: TensorMeta = values[-1]
    work = values[2].numel * matrix.shape[-1] * (matrix.numel // (matrix.shape[-1] * matrix.shape[-2]))
    mean = call.outputs[0].numel if call.op.startswith("torch_sparse::spmm_mean") else 0
    if values[3] is None:
        return Cost.of(other=work + mean)
    return Cost.of(macs=work, other=mean)


def sparse_extreme(call: OpCall) -> Cost:
    """The smallest or largest among the products of each row: a multiply (with values) and a comparison per index.

    That makes 2 x nnz x features, without values 1.
    """
    values = _given(call)
    matrix: TensorMeta = values[-1]
    work = values[1].numel * matrix.shape[-1] * (matrix.numel // (matrix.shape[-1] * matrix.shape[-2]))
    return Cost.of(other=(1 if values[2] is None else 2) * work)


def _clouds(offsets: Any) -> int:
    """The point clouds that offsets tell apart; one where there are none."""
    return max(offsets.numel - 1, 1) if isinstance(offsets, TensorMeta) else 1


def _pairs(call: OpCall) -> tuple[int, int]:
    """Pairs of points, for clouds of one size, and features of a point."""
    points, queries, offsets = _given(call)[:3]
    features = points.shape[-1]
    return (points.numel // features) * (queries.numel // features) // _clouds(offsets), features


def farthest_points(call: OpCall) -> Cost:
    """Each of m points that are picked: its distance to all n, 3 per feature, the smaller, and the largest: 3 d + 2.

    m x n x (3 d + 2), for clouds of one size.
    """
    points, offsets = _given(call)[:2]
    features = points.shape[-1]
    pairs = call.outputs[0].numel * (points.numel // features) // _clouds(offsets)
    return Cost.of(other=pairs * (3 * features + 2))


def nearest_neighbours(call: OpCall) -> Cost:
    """The distance of every pair, 3 per feature, and a heap of the k best: 1 + ceil(log2 k) comparisons."""
    pairs, features = _pairs(call)
    best = next(value for value in _given(call)[2:] if type(value) is int)
    return Cost.of(other=pairs * (3 * features + 1 + ceil_log2(best)))


def within_radius(call: OpCall) -> Cost:
    """The distance of every pair, 3 per feature, and 1 comparison."""
    pairs, features = _pairs(call)
    return Cost.of(other=pairs * (3 * features + 1))


def nearest(call: OpCall) -> Cost:
    """The distance of every pair, 3 per feature, and 1 comparison."""
    pairs, features = _pairs(call)
    return Cost.of(other=pairs * (3 * features + 1))


def grid(call: OpCall) -> Cost:
    """The cell of each point: subtract the start, divide by the size, floor, and a multiply-add: 5 per coordinate."""
    return Cost.of(other=5 * _given(call)[0].numel)


def spline_weighting(call: OpCall) -> Cost:
    """Each edge's features times the weights of its s basis functions: macs = edges x s x features in x out.

    The share of a basis function takes 1 per product.
    """
    features, weight, basis = _given(call)[:3]
    work = basis.numel * features.shape[-1] * weight.shape[-1]
    return Cost.of(macs=work, other=work)


def segment_product(call: OpCall) -> Cost:
    """Each row times the matrix of its segment: macs = rows x features in x out."""
    rows, _offsets, weights = _given(call)[:3]
    return Cost.of(macs=rows.numel * weights.shape[-1])


def grouped_products(call: OpCall) -> Cost:
    """A list of products: macs = the sum of rows x shared size x columns."""
    left, right = _given(call)[:2]
    return Cost.of(macs=sum(a.numel * b.shape[-1] for a, b in zip(left, right, strict=True)))
