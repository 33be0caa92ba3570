"""Decompositions, solvers and Fourier transforms: by naive loops, or by the textbook's terms at known sizes."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from opcalls import Count, cost, cost_of, meta, total

sizes = st.integers(1, 5)
examples = settings(max_examples=20, deadline=None)


def eliminate(count, rows, columns):
    """Gaussian elimination: divide below the pivot, subtract products from the block to the right."""
    for j in range(min(rows, columns)):
        for _ in range(j + 1, rows):
            count.other += 1
            for _ in range(j + 1, columns):
                count.other += 2


def substitute(count, n, sides, *, unit):
    for _ in range(sides):
        for i in range(n):
            for _ in range(i):
                count.other += 2
            count.other += 0 if unit else 1


def spd(n):
    root = torch.rand(n, n, dtype=torch.float64)
    return root @ root.T + n * torch.eye(n)


@examples
@given(sizes, sizes, sizes, st.integers(1, 3))
def test_elimination_and_substitution_cost_what_their_loops_do(rows, columns, n, sides):
    lu = Count()
    for _ in range(2):
        eliminate(lu, rows, columns)
    assert total(torch.linalg.lu_factor, torch.rand(2, rows, columns)).flops == lu.flops
    count = Count()
    eliminate(count, n, n)
    assert cost(torch.linalg.det, spd(n)).flops == count.flops + n
    assert cost(torch.linalg.slogdet, spd(n)).flops == count.flops + 2 * n
    forward, backward = Count(), Count()
    substitute(forward, n, sides, unit=True)
    substitute(backward, n, sides, unit=False)
    right = torch.rand(n, sides, dtype=torch.float64)
    assert total(torch.linalg.solve, spd(n), right).flops == count.flops + forward.flops + backward.flops
    factors = {"LU": meta(n, n), "pivots": meta(n), "B": meta(n, sides)}
    assert cost_of("aten::linalg_lu_solve", (n, sides), **factors).flops == forward.flops + backward.flops
    units = Count()
    substitute(units, n, n, unit=True)
    substitute(units, n, n, unit=False)
    assert total(torch.linalg.inv, spd(n)).flops == count.flops + units.flops
    plain = cost(torch.linalg.solve_triangular, spd(n), right, upper=True)
    assert plain.flops == backward.flops
    unit = cost(torch.linalg.solve_triangular, spd(n), right, upper=True, unitriangular=True)
    assert unit.flops == forward.flops
    old = cost_of("aten::triangular_solve", (n, sides), (n, n), self=meta(n, sides), A=meta(n, n), unitriangular=False)
    assert old.flops == backward.flops


@examples
@given(sizes, st.integers(1, 3))
def test_a_cholesky_factor_costs_what_its_loop_does(n, sides):
    count = Count()
    for j in range(n):
        for _ in range(j, n):
            for _ in range(j):
                count.other += 2
            count.other += 1  # the root, or the division by it
    assert total(torch.linalg.cholesky, spd(n)).flops == count.flops
    solved = Count()
    substitute(solved, n, 2 * sides, unit=False)
    ours = cost_of("aten::cholesky_solve", (n, sides), self=meta(n, sides), input2=meta(n, n))
    assert ours.flops == solved.flops
    inverted = Count()
    substitute(inverted, n, 2 * n, unit=False)
    assert cost_of("aten::cholesky_inverse", (n, n), self=meta(n, n)).flops == inverted.flops


def square(op, n, **options):
    return cost_of(f"aten::{op}", (3, n), self=meta(3, n, n), **options).flops


def test_iterative_decompositions_cost_the_leading_terms_of_the_textbook():
    n = 6
    assert square("_linalg_eigh", n, compute_v=True) == 3 * 9 * 216
    assert square("_linalg_eigh", n, compute_v=False) == 3 * 4 * 216 // 3
    assert square("linalg_eig", n) == 3 * 25 * 216
    assert square("linalg_eigvals", n) == 3 * 10 * 216
    assert square("linalg_ldl_factor_ex", n) == 3 * 216 // 3
    solved = cost_of("aten::linalg_ldl_solve", (6, 2), LD=meta(6, 6), B=meta(6, 2))
    assert solved.flops == 2 * (2 * 36 - 6)


@pytest.mark.parametrize("shape", [(6, 3), (3, 6)])
def test_orthogonal_decompositions_cost_the_leading_terms_of_the_textbook(shape):
    matrix = {"self": meta(2, *shape)}  # m = 6, n = 3 either way round
    householder = 2 * 9 * (6 - 3 // 3)
    assert cost_of("aten::geqrf", (2, 6, 3), **matrix).flops == 2 * householder
    assert cost_of("aten::linalg_qr", (2, 6, 3), **matrix, mode="r").flops == 2 * householder
    tall = shape == (6, 3)
    reduced = householder if tall else 4 * 27 // 3  # of 3 rows Q is 3 x 3
    assert cost_of("aten::linalg_qr", (2, 6, 3), **matrix, mode="reduced").flops == 2 * (householder + reduced)
    complete = 4 * (36 * 3 - 6 * 9 + 27 // 3) if tall else reduced
    assert cost_of("aten::linalg_qr", (2, 6, 3), **matrix, mode="complete").flops == 2 * (householder + complete)
    values = {"compute_uv": False, "full_matrices": False}
    assert cost_of("aten::_linalg_svd", (2, 3), **matrix, **values).flops == 2 * (4 * 6 * 9 - 4 * 27 // 3)
    thin = {"compute_uv": True, "full_matrices": False}
    assert cost_of("aten::_linalg_svd", (2, 3), **matrix, **thin).flops == 2 * (14 * 6 * 9 + 8 * 27)
    full = {"compute_uv": True, "full_matrices": True}
    assert cost_of("aten::_linalg_svd", (2, 3), **matrix, **full).flops == 2 * (4 * 36 * 3 + 8 * 6 * 9 + 9 * 27)
    pseudo = cost_of("aten::linalg_pinv", (2, 3, 6), **matrix)
    assert pseudo.macs == 2 * 6 * 9
    assert pseudo.flops == 2 * (2 * 6 * 9 + 14 * 6 * 9 + 8 * 27 + 9)
    reflected = cost_of("aten::ormqr", (6, 4), self=meta(6, 3), input2=meta(3), input3=meta(6, 4))
    assert reflected.flops == 3 * 6 * 4 * 4
    sides = {"self": meta(2, *shape), "b": meta(2, shape[0], 5)}
    squares = cost_of("aten::linalg_lstsq", (2, 3, 5), **sides)
    assert squares.flops == 2 * (householder + 5 * (4 * 18 - 2 * 9 + 9))


@examples
@given(st.integers(1, 3), st.integers(1, 33), st.integers(1, 9))
def test_a_fourier_transform_costs_its_butterflies(batch, rows, columns):
    count = Count()
    for n, others in ((rows, columns), (columns, rows)):
        level = 1
        while level < n:  # each level has n / 2 butterflies of a complex product and two complex sums
            count.other += batch * others * n * (6 + 2 + 2) // 2
            level *= 2
    x = torch.rand(batch, rows, columns)
    complex_ = torch.complex(x, x)
    assert total(torch.fft.fft2, complex_).flops == count.flops
    assert total(torch.fft.ifft2, complex_).flops == count.flops + 2 * complex_.numel()
    assert total(torch.fft.rfft2, x).flops == count.flops // 2
    half = batch * rows * (columns // 2 + 1)
    assert total(torch.fft.rfft2, x, norm="ortho").flops == count.flops // 2 + 2 * half
    back = cost_of(
        "aten::_fft_c2r", (batch, rows, columns), self=meta(batch, rows, columns // 2 + 1), dim=[1, 2], normalization=2
    )
    assert back.flops == count.flops // 2 + batch * rows * columns


def test_one_transform_by_hand():
    assert cost(torch.fft.fft, torch.rand(8, dtype=torch.complex64)).flops == 5 * 8 * 3
    assert cost(torch.fft.rfft, torch.rand(8)).flops == 5 * 8 * 3 // 2
    assert math.log2(8) == 3
