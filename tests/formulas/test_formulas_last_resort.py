"""Operators beyond the table: a user's formula, torch's registry as the last resort, or an honest gap."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn
from torch.utils import flop_counter

from archscope import DEFAULT_FORMULAS, Cost, FormulaTable, Inputs, analyze
from archscope.errors import FormulaError


@torch.library.custom_op("archscope_tests::scan", mutates_args=())
def scan(x: torch.Tensor, weight: torch.Tensor, *, steps: int) -> torch.Tensor:
    """A kernel of somebody's own."""
    return x @ weight * steps


@scan.register_fake
def _(x, weight, *, steps):
    return x.new_empty(x.shape[0], weight.shape[1])


class OfItsOwn(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4, 6))

    def forward(self, x):
        return scan(x, self.weight, steps=3)


def test_an_unknown_operator_is_a_gap_that_is_told():
    report = analyze(OfItsOwn(), torch.rand(2, 4))
    assert [(row.op, row.calls, row.modules) for row in report.uncounted] == [("archscope_tests::scan", 1, ("",))]
    assert not report.totals.complete
    assert report.totals.macs == 0


def test_a_users_formula_fills_the_gap():
    formulas = DEFAULT_FORMULAS.copy()

    @formulas.counted("archscope_tests::scan", family="mine")
    def scan_cost(call):
        """A product of x and the weight for each step: macs = steps x rows x k x columns."""
        rows, k = call.arguments["x"].shape
        return Cost.of(macs=call.arguments["steps"] * rows * k * call.arguments["weight"].shape[1])

    report = analyze(OfItsOwn(), torch.rand(2, 4), formulas=formulas)
    assert report.totals.macs == 3 * 2 * 4 * 6
    assert report.totals.complete
    assert DEFAULT_FORMULAS.find("archscope_tests::scan") is None


def test_what_somebody_registered_with_torch_counts_as_the_last_resort():
    @flop_counter.register_flop_formula(torch.ops.archscope_tests.scan)
    def flops(x_shape, weight_shape, *, steps, out_shape=None):
        return 2 * steps * x_shape[0] * x_shape[1] * out_shape[1]

    try:
        report = analyze(OfItsOwn(), torch.rand(2, 4))
    finally:
        del flop_counter.flop_registry[torch.ops.archscope_tests.scan]
    assert report.totals.complete
    assert (report.totals.macs, report.totals.flops) == (144, 288)
    assert [row.kind for row in report.operators] == ["counted"]


def test_the_table_goes_before_torch():
    assert torch.ops.aten.mm in flop_counter.flop_registry
    report = analyze(nn.Linear(3, 5, bias=False), torch.rand(2, 3), formulas=FormulaTable())
    assert report.totals.macs == 30  # torch's rule for mm, where the table is empty
    assert [row.op for row in report.uncounted] == ["aten::t"]


def test_a_formula_that_raises_names_its_operator():
    formulas = DEFAULT_FORMULAS.copy()

    @formulas.counted("archscope_tests::scan", family="mine")
    def broken(call):
        """Reads an argument that is not there."""
        return Cost.of(macs=call.arguments["y"].numel)

    with pytest.raises(FormulaError, match=r"archscope_tests::scan raised KeyError") as caught:
        analyze(OfItsOwn(), torch.rand(2, 4), formulas=formulas)
    assert "2x4" in caught.value.where


def test_an_operator_is_registered_once():
    with pytest.raises(FormulaError, match="registered twice"):
        DEFAULT_FORMULAS.copy().free("aten::view", family="mine", because="again")
    with pytest.raises(FormulaError, match="no derivation"):
        DEFAULT_FORMULAS.copy().counted("mine::op", family="mine")(lambda _call: Cost())


def test_an_overload_goes_before_its_operator_and_that_before_its_plain_form():
    table = FormulaTable()
    table.free("x::f", family="a", because="plain")
    table.free("x::f.out", family="a", because="overload")
    assert table.find("x::f.out").derivation == "overload"
    assert table.find("x::f.other").derivation == "plain"
    assert table.find("x::f_.other").derivation == "plain"
    assert table.find("x::g") is None
    assert [rule.op for rule in table] == ["x::f", "x::f.out"]
    assert len(table) == 2


def test_flex_attention_is_counted_and_left_as_it_was():
    from torch.nn.attention import flex_attention as flex

    class Flex(nn.Module):
        def forward(self, q, k, v):
            return flex.flex_attention(q, k, v)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x = torch.rand(1, 2, 16, 8)
        report = analyze(Flex(), Inputs(args=(x, x, x)))
    assert report.totals.macs == 2 * 2 * 16 * 16 * 8
    assert report.totals.complete
    assert not report.model.fallback  # torch itself refuses meta tensors
    assert flex._FLEX_ATTENTION_DISABLE_COMPILE_DEBUG is False


def test_a_model_that_turns_inference_mode_on_is_counted_in_parts():
    class InInference(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.LSTM(4, 5, 2, bidirectional=True)

        def forward(self, x):
            with torch.inference_mode():
                return self.layer(x)[0]

    report = analyze(InInference(), torch.rand(7, 2, 4))
    assert report.uncounted == ()
    assert report.totals.macs == 14 * (2 * 20 * (4 + 5) + 2 * 20 * (10 + 5))
