"""Sparse tensors: what they hold decides, not the sizes that they are told to have."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

import archscope
from archscope.measure.quick_totals import quick_totals

pytestmark = pytest.mark.filterwarnings("ignore:Sparse ")

with warnings.catch_warnings(action="ignore"):  # torch says of some layouts that they are in beta
    # 5 values in 6 x 4; blocks of 2 x 2: 3 of them in 4 x 4
    INDICES = torch.tensor([[0, 1, 3, 4, 4], [0, 2, 1, 2, 3]])
    COO = torch.sparse_coo_tensor(INDICES, torch.ones(5), (6, 4), check_invariants=True).coalesce()
    BLOCKS = torch.block_diag(torch.ones(2, 2), torch.ones(2, 2))
    BLOCKS[0, 3] = 1
    FORMS = {
        "coo": (COO, 5, 5 * 4 + 2 * 5 * 8),
        "coo, twice the same place": (
            torch.sparse_coo_tensor(INDICES[:, :1].repeat(1, 3), torch.ones(3), (6, 4), check_invariants=True),
            3,
            60,
        ),
        "csr": (COO.to_sparse_csr(), 5, 5 * 4 + 5 * 8 + 7 * 8),
        "csc": (COO.to_sparse_csc(), 5, 5 * 4 + 5 * 8 + 5 * 8),
        "bsr": (BLOCKS.to_sparse_bsr((2, 2)), 3 * 4, 12 * 4 + 3 * 8 + 3 * 8),
        "half csr": (COO.half().to_sparse_csr(), 5, 5 * 2 + 5 * 8 + 7 * 8),
    }


class Holds(nn.Module):
    def __init__(self, sparse, run=None, *, trains=False):
        super().__init__()
        if trains:
            self.a = nn.Parameter(sparse)
        else:
            self.register_buffer("a", sparse)
        self.run = run

    def forward(self, x):
        return self.run(self.a, x)


@pytest.mark.parametrize("trains", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_bytes_and_elements_are_those_that_are_held(form, trains):
    sparse, values, nbytes = FORMS[form]
    totals = archscope.analyze(Holds(sparse, trains=trains)).totals
    found = (totals.parameters, totals.parameter_bytes) if trains else (totals.buffers, totals.buffer_bytes)
    assert found == (values, nbytes)


X = torch.rand(4, 3)
PRODUCTS = {
    "@": (lambda a, x: a @ x, 3, 0),
    "torch.sparse.mm": (torch.sparse.mm, 3, None),
    "addmm": (lambda a, x: torch.addmm(torch.zeros(a.shape[0], 3), a, x), 3, 3),
    "mv": (lambda a, x: a @ x[:, 0], 1, 0),
    "linear": (lambda a, x: nn.functional.linear(x.t(), a), 3, 0),
    "from the right": (lambda a, x: x.t() @ a.t(), 3, 0),
}


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("form", ["coo", "csr", "csc", "bsr"])
def test_a_product_costs_a_multiply_accumulate_for_each_value_and_column(form, product):
    sparse, values, nbytes = FORMS[form]
    run, columns, added = PRODUCTS[product]
    totals = archscope.analyze(Holds(sparse, run), X).totals
    assert totals.macs == values * columns
    if added is not None:
        assert totals.flops == 2 * values * columns + added * sparse.shape[0]
    assert totals.bytes_read >= nbytes
    assert totals.bytes_read < nbytes + 500
    assert totals.complete


def test_a_graph_convolution_of_many_nodes():
    count = 100_000
    nodes = torch.arange(count)
    adjacency = torch.sparse_coo_tensor(
        torch.stack([nodes, nodes]), torch.ones(count), (count, count), check_invariants=True
    )

    class Graph(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 6, bias=False)
            self.register_buffer("adjacency", adjacency)

        def forward(self, x):
            return torch.sparse.mm(self.adjacency, self.linear(x))

    totals = archscope.analyze(Graph(), (count, 4)).totals
    assert totals.macs == count * 4 * 6 + count * 6
    assert totals.buffer_bytes == count * (4 + 2 * 8)


@pytest.mark.parametrize("form", ["coo", "csr", "csc"])
def test_an_elementwise_operator_works_on_the_values(form):
    sparse, values, _ = FORMS[form]
    assert archscope.analyze(Holds(sparse, lambda a, x: torch.relu(a)), X).totals.flops == values
    assert archscope.analyze(Holds(sparse, lambda a, x: (a * 2).to_dense()), X).totals.flops == values


def test_a_sparse_input_and_one_made_in_forward():
    assert archscope.analyze(Holds(X, lambda a, s: s @ a), (COO,)).totals.macs == 15
    dense = torch.eye(4)
    assert archscope.analyze(Holds(dense, lambda a, x: a.to_sparse() @ x), X).totals.macs == 4 * 3


def test_the_product_of_two_sparse_matrices_is_a_lower_bound():
    report = archscope.analyze(Holds(COO, lambda a, x: torch.sparse.mm(a, a.t())), X)
    assert not report.totals.complete
    assert [row.op for row in report.uncounted] == ["aten::_sparse_sparse_matmul"]


def test_quick_totals_count_values_too():
    sparse, values, _ = FORMS["csr"]
    spec = archscope.ModelSpec(
        name="sparse",
        source="",
        build=lambda: Holds(sparse, lambda a, x: torch.relu(a)),
        inputs=(archscope.InputSpec(shape=(4, 3)),),
    )
    assert quick_totals(spec).flops == values
