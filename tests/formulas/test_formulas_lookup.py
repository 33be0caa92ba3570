"""A formula that fails says where: the module, the operator and its shapes; defaults are those of torch."""

from __future__ import annotations

import warnings

import pytest
import torch
from opcalls import cost_of, meta
from torch import nn

from archscope import DEFAULT_FORMULAS, FormulaTable, Inputs, analyze
from archscope.errors import FormulaError
from archscope.formulas.lookup import cost_of as looked_up
from archscope.formulas.lookup import find_rule
from archscope.records import OpCall


def broken(*ops):
    """The default table, but with a formula for ``ops`` that reads an argument that is not there."""
    table = FormulaTable(rule for rule in DEFAULT_FORMULAS if rule.op not in ops)

    @table.counted(*ops, family="mine")
    def formula(call):
        """Raises KeyError."""
        return call.arguments["nothing"]

    return table


def test_an_error_names_the_module_in_which_the_operator_ran():
    model = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Sigmoid()))
    with pytest.raises(FormulaError) as caught:
        analyze(model, torch.rand(2, 3), formulas=broken("aten::sigmoid"))
    assert str(caught.value.where) == "1.0, aten::sigmoid of 2x3"


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({"self": meta(2, 3), "other": meta()}, "the model itself, aten::sigmoid of 2x3, a scalar"),
        ({}, "the model itself, aten::sigmoid of no tensors"),
    ],
)
def test_an_error_tells_the_shapes_also_where_there_are_none(inputs, told):
    rule = find_rule(broken("aten::sigmoid"), "aten::sigmoid")
    with pytest.raises(FormulaError) as caught:
        looked_up(rule, OpCall(0, "aten::sigmoid", "", "forward", inputs, ()))
    assert str(caught.value.where) == told


def test_a_sum_with_a_product_is_not_scaled_unless_it_says_so():
    for op in ("aten::addcmul", "aten::addcdiv"):
        assert cost_of(op, (3, 5), self=meta(3, 5)).flops == 2 * 15
        assert cost_of(op, (3, 5), self=meta(3, 5), value=0.5).flops == 3 * 15


def test_a_product_of_nested_tensors_is_that_of_each_constituent():
    """Sequences of 3 and 5 rows: each row and column of a product over 4."""
    assert cost_of("aten::matmul", (2, 3, 5), self=meta(2, 3, 4), other=meta(2, 4, 5)).macs == 2 * 3 * 5 * 4

    class Ragged(nn.Module):
        def forward(self, x, weight):
            left = torch.nested.nested_tensor([x[:3], x], layout=torch.strided)
            right = torch.nested.nested_tensor([weight, weight], layout=torch.strided)
            return torch.matmul(left, right).to_padded_tensor(0.0)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nested tensors are a prototype
        report = analyze(Ragged(), Inputs(args=(torch.rand(5, 4), torch.rand(4, 6))))
    assert (report.totals.macs, report.totals.complete) == ((3 + 5) * 4 * 6, True)
