"""Decompositions and solvers, by the textbook: Golub and Van Loan, Matrix Computations, 4th edition.

The counts are flops, not MACs: only matrix products have MACs.
"""

from __future__ import annotations

from math import prod

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall, TensorMeta


def register(table: FormulaTable) -> None:
    """Add the decompositions and solvers to ``table``."""
    family = "linear algebra"
    table.counted("aten::linalg_cholesky_ex", "aten::cholesky", family=family)(cholesky)
    table.counted("aten::cholesky_solve", "aten::_cholesky_solve_helper", family=family)(cholesky_solve)
    table.counted("aten::cholesky_inverse", family=family)(cholesky_inverse)
    table.counted("aten::linalg_lu_factor_ex", "aten::linalg_lu", "aten::_lu_with_info", family=family)(lu)
    table.counted("aten::linalg_lu_solve", family=family)(lu_solve)
    table.counted("aten::_linalg_solve_ex", family=family)(solve)
    table.counted("aten::linalg_inv_ex", family=family)(inverse)
    table.counted("aten::_linalg_det", family=family)(determinant)
    table.counted("aten::_linalg_slogdet", family=family)(log_determinant)
    table.counted("aten::linalg_solve_triangular", "aten::triangular_solve", family=family)(triangular)
    table.counted("aten::geqrf", family=family)(householder)
    table.counted("aten::linalg_qr", family=family)(qr)
    table.counted("aten::linalg_householder_product", family=family)(householder_product)
    table.counted("aten::_linalg_eigh", family=family)(symmetric_eigen)
    table.counted("aten::linalg_eig", family=family)(eigen)
    table.counted("aten::linalg_eigvals", "aten::_linalg_eigvals", family=family)(eigenvalues)
    table.counted("aten::_linalg_svd", family=family)(svd)
    table.counted("aten::linalg_pinv", family=family)(pseudo_inverse)
    table.counted("aten::linalg_lstsq", family=family)(least_squares)
    table.counted("aten::ormqr", family=family)(apply_reflectors)
    table.counted("aten::linalg_ldl_factor_ex", family=family)(ldl)
    table.counted("aten::linalg_ldl_solve", family=family)(ldl_solve)
    table.counted("aten::linalg_matrix_exp", family=family)(exponential)
    table.counted("aten::_compute_linear_combination", family=family)(linear_combination)


def _matrix(tensor: TensorMeta) -> tuple[int, int, int]:
    """Batch, rows, columns."""
    return prod(tensor.shape[:-2]), tensor.shape[-2], tensor.shape[-1]


def _factor(rows: int, columns: int) -> int:
    """Gaussian elimination: step j divides the rows below the pivot and updates the block to their right."""
    below = range(rows - 1, rows - 1 - min(rows, columns), -1)
    return sum(b + 2 * b * (columns - 1 - j) for j, b in enumerate(below))


def cholesky(call: OpCall) -> Cost:
    """Element (i, j) takes j products, j subtractions and a division or root: n (n + 1) (2 n + 1) / 6."""
    batch, n, _ = _matrix(call.inputs[0])
    return Cost.of(other=batch * (n * (n + 1) * (2 * n + 1) // 6))


def cholesky_solve(call: OpCall) -> Cost:
    """Two triangular solves for each of m right-hand sides: 2 n^2 m."""
    batch, n, sides = _matrix(call.outputs[0])
    return Cost.of(other=2 * batch * n * n * sides)


def cholesky_inverse(call: OpCall) -> Cost:
    """Two triangular solves for each of n unit vectors: 2 n^3."""
    batch, n, _ = _matrix(call.inputs[0])
    return Cost.of(other=2 * batch * n**3)


def lu(call: OpCall) -> Cost:
    """Gaussian elimination of m x n: step j takes m - j - 1 divisions and 2 (m - j - 1) (n - j - 1) for the update."""
    batch, rows, columns = _matrix(call.inputs[0])
    return Cost.of(other=batch * _factor(rows, columns))


def lu_solve(call: OpCall) -> Cost:
    """A forward (unit diagonal) and a backward substitution for each of m right-hand sides: (2 n^2 - n) m."""
    _, n, _ = _matrix(call.arguments["LU"])
    return Cost.of(other=(2 * n - 1) * call.outputs[0].numel)


def solve(call: OpCall) -> Cost:
    """Gaussian elimination, then two substitutions for each of m right-hand sides: LU of n x n + (2 n^2 - n) m."""
    batch, n, _ = _matrix(call.arguments["A"])
    return Cost.of(other=batch * _factor(n, n) + (2 * n - 1) * call.outputs[0].numel)


def inverse(call: OpCall) -> Cost:
    """Gaussian elimination, then two substitutions for each of n unit vectors: LU of n x n + 2 n^3 - n^2."""
    batch, n, _ = _matrix(call.inputs[0])
    return Cost.of(other=batch * (_factor(n, n) + 2 * n**3 - n * n))


def determinant(call: OpCall) -> Cost:
    """Gaussian elimination, then the product of n pivots: LU of n x n + n."""
    batch, n, _ = _matrix(call.inputs[0])
    return Cost.of(other=batch * (_factor(n, n) + n))


def log_determinant(call: OpCall) -> Cost:
    """Gaussian elimination, then the logarithms of n pivots and their sum: LU of n x n + 2 n."""
    batch, n, _ = _matrix(call.inputs[0])
    return Cost.of(other=batch * (_factor(n, n) + 2 * n))


def triangular(call: OpCall) -> Cost:
    """Substitution for each of m right-hand sides: row i takes i products, i subtractions, a division: n^2 m.

    With a unit diagonal there are no divisions: (n^2 - n) m.
    """
    arguments = call.arguments
    matrix: TensorMeta = arguments["A"] if "A" in arguments else arguments["self"]
    _, n, _ = _matrix(matrix)
    return Cost.of(other=(n - 1 if arguments["unitriangular"] else n) * call.outputs[0].numel)


def _householder(rows: int, columns: int) -> int:
    """The leading terms 2 n^2 (m - n / 3) of m x n, m >= n; the transpose costs the same."""
    m, n = max(rows, columns), min(rows, columns)
    return 2 * n * n * (3 * m - n) // 3


def householder(call: OpCall) -> Cost:
    """Householder's reduction of m x n (m >= n), leading terms: 2 n^2 (m - n / 3) (section 5.2.2)."""
    batch, rows, columns = _matrix(call.inputs[0])
    return Cost.of(other=batch * _householder(rows, columns))


def qr(call: OpCall) -> Cost:
    """Householder's reduction of m rows, 2 n^2 (m - n / 3), and Q from its n reflectors of size m (section 5.1.6).

    A reduced Q of m x n takes 2 n^2 (m - n / 3), a complete one 4 (m^2 n - m n^2 + n^3 / 3); mode "r" forms none. A
    matrix of more columns than rows has m reflectors: its Q is m x m in both modes.
    """
    batch, m, columns = _matrix(call.inputs[0])
    n = min(m, columns)
    forming = {"r": 0, "reduced": _householder(m, n)}.get(
        call.arguments["mode"], 4 * (3 * m * m * n - 3 * m * n * n + n**3) // 3
    )
    return Cost.of(other=batch * (_householder(m, columns) + forming))


def householder_product(call: OpCall) -> Cost:
    """Forming n columns of the product of k reflectors of size m, the last first: 4 m n k - 2 (m + n) k^2 + 4 k^3 / 3.

    For k = n: 2 n^2 (m - n / 3) (section 5.1.6).
    """
    batch, m, n = _matrix(call.arguments["input"])
    *_, k = call.arguments["tau"].shape
    return Cost.of(other=batch * ((12 * m * n * k - 6 * (m + n) * k * k + 4 * k**3) // 3))


def symmetric_eigen(call: OpCall) -> Cost:
    """The symmetric QR algorithm, leading terms: 9 n^3 with eigenvectors, 4 n^3 / 3 without (section 8.3)."""
    batch, n, _ = _matrix(call.inputs[0])
    return Cost.of(other=batch * (9 * n**3 if call.arguments["compute_v"] else 4 * n**3 // 3))


def eigen(call: OpCall) -> Cost:
    """The unsymmetric QR algorithm with vectors, leading term: 25 n^3 (section 7.5)."""
    batch, n, _ = _matrix(call.inputs[0])
    return Cost.of(other=25 * batch * n**3)


def eigenvalues(call: OpCall) -> Cost:
    """The unsymmetric QR algorithm without vectors, leading term: 10 n^3 (section 7.5)."""
    batch, n, _ = _matrix(call.inputs[0])
    return Cost.of(other=10 * batch * n**3)


def svd(call: OpCall) -> Cost:
    """The Golub-Reinsch algorithm for m x n (m >= n), leading terms (figure 8.6.1).

    Singular values alone 4 m n^2 - 4 n^3 / 3; with the first n vectors of each side 14 m n^2 + 8 n^3; with all of them
    4 m^2 n + 8 m n^2 + 9 n^3.
    """
    if not call.arguments["compute_uv"]:
        batch, rows, columns = _matrix(call.inputs[0])
        m, n = max(rows, columns), min(rows, columns)
        return Cost.of(other=batch * (4 * n * n * (3 * m - n) // 3))
    return thin_or_full_svd(call)


def thin_or_full_svd(call: OpCall) -> Cost:
    """The Golub-Reinsch algorithm for m x n (m >= n): with the first n vectors of each side 14 m n^2 + 8 n^3.

    With all of them 4 m^2 n + 8 m n^2 + 9 n^3 (figure 8.6.1).
    """
    batch, rows, columns = _matrix(call.inputs[0])
    m, n = max(rows, columns), min(rows, columns)
    if call.arguments["full_matrices"]:
        return Cost.of(other=batch * (4 * m * m * n + 8 * m * n * n + 9 * n**3))
    return Cost.of(other=batch * (14 * m * n * n + 8 * n**3))


def pseudo_inverse(call: OpCall) -> Cost:
    """The thin decomposition U S V^T, 14 m n^2 + 8 n^3, then V S^-1 (n^2) times U^T: macs = m n^2."""
    batch, rows, columns = _matrix(call.inputs[0])
    m, n = max(rows, columns), min(rows, columns)
    return Cost.of(macs=batch * m * n * n, other=batch * (14 * m * n * n + 8 * n**3 + n * n))


def least_squares(call: OpCall) -> Cost:
    """Householder's reduction, 2 n^2 (m - n / 3), then for each of k right-hand sides Q^T b, 4 m n - 2 n^2, and n^2."""
    arguments = call.arguments
    batch, rows, columns = _matrix(arguments["self"])
    m, n = max(rows, columns), min(rows, columns)
    sides = arguments["b"].numel // max(batch * rows, 1)
    return Cost.of(other=batch * (_householder(m, n) + sides * (4 * m * n - n * n)))


def apply_reflectors(call: OpCall) -> Cost:
    """Apply k reflectors to m x n, each 4 per element (a dot product and an update of every column): 4 k m n."""
    return Cost.of(other=4 * call.arguments["input2"].shape[-1] * call.outputs[0].numel)


def ldl(call: OpCall) -> Cost:
    """The symmetric indefinite factorisation (Bunch and Kaufman 1977), leading term: n^3 / 3."""
    batch, n, _ = _matrix(call.inputs[0])
    return Cost.of(other=batch * n**3 // 3)


def ldl_solve(call: OpCall) -> Cost:
    """Two unit triangular solves and a division by the diagonal for each of m right-hand sides: (2 n^2 - n) m."""
    _, n, _ = _matrix(call.arguments["LD"])
    return Cost.of(other=(2 * n - 1) * call.outputs[0].numel)


def exponential(call: OpCall) -> Cost:
    """The Taylor polynomial of degree 18 in 5 products (Bader, Blanes and Casas 2019): macs = 5 n^3.

    5 sums of 5 matrices, 2 per element and matrix, and 3 more sums: 53 n^2. A matrix whose norm is above 1.1 (double;
    3 in single precision) is halved first and squared again, n^3 for each doubling: sizes do not tell, left out.
    """
    batch, n, _ = _matrix(call.inputs[0])
    return Cost.of(macs=5 * batch * n**3, other=53 * batch * n * n)


def linear_combination(call: OpCall) -> Cost:
    """Each output is the sum of k matrices by k coefficients: 2 k per element."""
    return Cost.of(other=2 * call.arguments["coefficients"].shape[-1] * call.outputs[0].numel)
