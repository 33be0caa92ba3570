from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import made_report
from told import render_why
from torch import nn, zeros

import archscope
from archscope.errors import SpecError
from archscope.formulas import DEFAULT_FORMULAS, FormulaTable
from archscope.judge.explanation import equation, explain
from archscope.records import ParameterRecord
from archscope.report import CallRow


class Net(nn.Module):
    """A convolution that runs twice, a transposed one, a product, and two linear layers that share their weight."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1, groups=2)
        self.up = nn.ConvTranspose2d(4, 2, 2, stride=2)
        self.left = nn.Linear(16, 16)
        self.right = nn.Linear(16, 16, bias=False)
        self.right.weight = self.left.weight

    def forward(self, x):
        x = self.up(self.conv(self.conv(x)))
        return self.right(self.left(x.flatten(0, 2))) @ zeros(16, 5)


@pytest.fixture(scope="module")
def report():
    return archscope.analyze(Net(), zeros(1, 4, 8, 8), name="net", keep_calls=True)


def text(report, path):
    return render_why(explain(report, path, DEFAULT_FORMULAS))


def test_a_convolution_shows_its_formula_with_the_figures_put_in(report):
    # 1 x 4 x 8 x 8 outputs, each of (4 / 2) x 3 x 3 = 18 MACs: 4,608; twice 9,216; a bias of 256 each: 2 x 9,216 + 512
    found = text(report, "conv")
    assert "called      2 times in one forward\ninput       1x4x8x8\noutput      1x4x8x8\n" in found
    assert "  weight  4 x 2 x 3 x 3 = 72  float32\n  bias  4 = 4  float32\n" in found
    assert "    MACs   1 x 4 x 8 x 8 outputs x (2 x 3 x 3) = 4,608, 2 times: 9,216\n" in found
    assert "    FLOPs  2 x 9,216 + 512 = 18,944\n" in found
    assert "    | Every output element takes one multiply-accumulate per weight" in found


def test_a_transposed_convolution_counts_from_its_inputs(report):
    # 4 x 8 x 8 inputs, each spread by 2 x 2 x 2 weights: 2,048
    assert "MACs   1 x 4 x 8 x 8 inputs x (2 x 2 x 2) = 2,048\n" in text(report, "up")


def test_shared_weights_name_each_other_and_count_once(report):
    found = text(report, "left")
    assert "  weight  16 x 16 = 256  float32  shared with right.weight\n" in found
    assert "parameters  0, of them its own 0" in text(report, "right")


def test_a_product_outside_of_any_submodule_belongs_to_the_model_itself(report):
    # 32 x 5 outputs of 16 MACs: 2,560 (2 x 16 x 16 numbers are 32 rows of 16)
    assert "MACs   32 x 5 outputs x (16) = 2,560\n" in text(report, "")


def test_parents_are_named_up_to_the_model_with_the_share(report):
    found = text(report, "conv")
    share = round(76 * 100 / report.totals.parameters, 2)
    assert f"part of\n  [the model itself]  Net  {report.totals.parameters:,} parameters" in found
    assert f"of which here {share:.2f} %" in found


def test_the_path_of_a_parameter_or_an_alias_leads_to_its_module(report):
    assert explain(report, "right.weight", DEFAULT_FORMULAS).module.path == "left"
    assert explain(report, "conv.bias", DEFAULT_FORMULAS).module.path == "conv"


def test_an_unknown_path_names_the_nearest(report):
    with pytest.raises(SpecError, match="no module 'cnv'") as caught:
        explain(report, "cnv", DEFAULT_FORMULAS)
    assert caught.value.help == "did you mean conv?"


def test_every_equation_that_is_shown_works_out(report):
    shown = [(row, equation(row)) for row in report.calls if row.macs]
    assert len(shown) == 5  # conv (both calls), up, left, right, the product
    for row, words in shown:
        left, _, right = words.partition(" = ")
        product = 1
        for number in re.findall(r"[0-9,]+", left):
            product *= int(number.replace(",", ""))
        assert product * row.times == int(right.replace(",", "")) * row.times == row.macs


def test_an_equation_that_would_be_wrong_is_not_shown():
    row = CallRow(path="", op="x::y", arguments="weight=float32[2,3,3]", outputs=((7,),), times=1, macs=10, flops=20)
    assert equation(row) == ""


def test_a_saved_report_without_calls_says_so():
    net = {"": ("Rest", 1, 0, 0), "a": ("A", 2, 3, 6)}
    assert "holds no calls" in text(made_report(net), "a")
    assert "not measured" in text(made_report(net, run=False), "a")


names = st.text(max_size=5).filter(lambda name: "." not in name)


@settings(max_examples=40)
@given(name=names, kind=names, alias=names)
def test_hostile_names_stay_on_their_line(name, kind, alias):
    name = f"\n::error ##[x]\x1b[31m{name}"
    report = made_report({"": ("C\n", 1, 0, 0), name: (f"c\r{kind}", 2, 3, 6)}, types={name: kind})
    record = ParameterRecord(
        path=f"{name}.\x1b", aliases=(alias,), shape=(2,), dtype="float32\n", trainable=True, nbytes=8
    )
    report = dataclasses.replace(report, parameters=(record,))
    for path in ("", name):
        found = text(report, path)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", found)
        assert not any(line.strip().startswith("::") for line in found.splitlines())
        assert "##[" not in found


def test_what_an_unknown_operator_leaves_out_is_a_lower_bound_up_to_the_model():
    some = FormulaTable(rule for rule in DEFAULT_FORMULAS if rule.op != "aten::relu")  # torch's registry lacks it too
    net = nn.Sequential(nn.Linear(4, 3), nn.Sequential(nn.ReLU()))
    found = archscope.analyze(net, zeros(2, 4), name="net", keep_calls=True, formulas=some)
    assert "MACs        >= 0, of them its own >= 0" in text(found, "1.0")
    assert "MACs        >= 0, of them its own 0" in text(found, "1")  # what is unknown is its child's
    assert "[the model itself]  Sequential  15 parameters, >= 24 MACs" in text(found, "1.0")
    assert ">=" not in text(found, "0").partition("part of")[0]
