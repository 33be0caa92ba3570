from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import made_report
from told import render_check_text

from archscope.errors import ConfigError, NotComparableError
from archscope.judge.budgets import check
from archscope.metrics import limitable
from archscope.policy import FAILED, PASSED, UNPROVEN, WARNED, Budget, Limit, Location, Share
from archscope.report import UncountedRow

# Own parameters 10 + 20 + 70 = 100, MACs 0 + 300 + 700 = 1000, FLOPs 5 + 600 + 1400 = 2005.
NET = {"": ("Rest", 10, 0, 5), "body": ("Body", 20, 300, 600), "neck": ("Neck", 70, 700, 1400)}


def budget(most, **words):
    words = {"name": "b", "model": "net", "metric": "parameters"} | words
    return Budget(max=Limit.parse(most), **words)


def uncounted(report):
    row = UncountedRow(op="custom::scan", calls=2, modules=("neck",))
    return dataclasses.replace(report, totals=dataclasses.replace(report.totals, complete=False), uncounted=(row,))


def only(report, *budgets, **others):
    (result,) = check(report, budgets, **others).results
    return result


@pytest.mark.parametrize(
    ("metric", "value"),
    [("parameters", 100), ("trainable", 100), ("macs", 1000), ("flops", 2005), ("parameter_bytes", 400)],
)
def test_a_value_that_is_equal_to_the_limit_passes_and_one_more_fails(metric, value):
    report = made_report(NET)
    holds = only(report, budget(value, metric=metric))
    assert (holds.status, holds.value, holds.excess) == (PASSED, value, 0)
    fails = only(report, budget(value - 1, metric=metric))
    assert (fails.status, fails.value, fails.max, fails.excess) == (FAILED, value, value - 1, 1)


@given(most=st.integers(0, 200), warn=st.integers(0, 200))
def test_the_status_follows_from_the_three_numbers(most, warn):
    result = only(made_report(NET), budget(most, warn=Limit.parse(warn)))
    expected = FAILED if most < 100 else WARNED if warn < 100 else PASSED
    assert result.status == expected


def test_a_strict_limit_excludes_its_value():
    assert only(made_report(NET), budget("<100")).status == FAILED
    assert only(made_report(NET), budget("<=100")).status == PASSED


def test_a_component_is_held_to_its_own_limit_and_names_its_largest_modules():
    result = only(made_report(NET), budget(69, component="Neck"))
    assert (result.value, result.status, result.largest) == (70, FAILED, (Share(name="neck", value=70),))


def test_nothing_unassigned_is_0_and_can_be_demanded():
    result = only(made_report(NET), budget(0, component="[unassigned]"))
    assert (result.status, result.value) == (PASSED, 0)
    stray = NET | {"stray": ("[unassigned]", 3, 1, 2)}
    assert only(made_report(stray), budget(0, component="[unassigned]")).excess == 3
    assert only(made_report(NET, run=False), budget(0, component="[unassigned]", metric="macs")).status == UNPROVEN


def test_a_share_is_of_the_models_own_total():
    # 70 of 100 parameters: 70 % holds, 69.9 % admits 69
    assert only(made_report(NET), budget("70%", component="Neck")).max == 70
    tight = only(made_report(NET), budget("69.9%", component="Neck"))
    assert (tight.status, tight.max) == (FAILED, 69)


def test_a_relative_share_is_of_the_other_model_and_of_its_component():
    large = made_report({path: (name, 2 * p, 2 * m, 2 * f) for path, (name, p, m, f) in NET.items()})
    relative = {"large": large}
    assert only(made_report(NET), budget("50%", relative_to="large", metric="macs"), relative=relative).max == 1000
    tight = only(made_report(NET), budget("<50%", relative_to="large", component="Neck"), relative=relative)
    assert (tight.status, tight.value, tight.max) == (FAILED, 70, 69)


def test_a_relative_budget_on_other_inputs_is_not_comparable():
    place = Location(file="archscope.toml", line=7)
    with pytest.raises(NotComparableError, match="1x3x640x640 float32 and 1x3x64x64 float32") as caught:
        check(
            made_report(NET),
            (budget("50%", relative_to="small", metric="macs", location=place),),
            relative={"small": made_report(NET, shape=(1, 3, 64, 64))},
        )
    assert caught.value.where == "archscope.toml:7"


def test_an_unknown_component_is_told_with_the_line_of_the_budget_and_those_there_are():
    place = Location(file="archscope.toml", line=7)
    with pytest.raises(ConfigError, match="no component 'Nek'") as caught:
        check(made_report(NET), (budget(1, component="Nek", location=place),))
    assert (caught.value.where, caught.value.help) == (
        "archscope.toml:7",
        "did you mean 'Neck'? known: Rest, Body, Neck",
    )


@pytest.mark.parametrize(
    "metric",
    [
        name
        for name, metric in limitable().items()
        if metric.run and not metric.of_training and name != "arena_bytes"  # of TFLite files alone
    ],
)
def test_a_lower_bound_within_its_limit_is_unproven_and_names_the_operators(metric):
    result = only(uncounted(made_report(NET)), budget("1M", metric=metric))
    assert (result.status, result.lower_bound) == (UNPROVEN, True)
    assert result.notes == ("uncounted: custom::scan, 2 calls in neck",)
    assert not check(uncounted(made_report(NET)), (budget("1M", metric=metric),)).passed


def test_an_arena_that_no_file_tells_of_is_unproven():
    result = only(made_report(NET), budget("1M", metric="arena_bytes"))
    assert (result.status, result.value) == (UNPROVEN, None)
    assert "only a TFLite file" in result.notes[0]


def test_a_lower_bound_over_its_limit_fails():
    assert only(uncounted(made_report(NET)), budget(999, metric="macs")).status == FAILED


def test_uncounted_operators_do_not_touch_parameters():
    result = only(uncounted(made_report(NET)), budget(100))
    assert (result.status, result.lower_bound) == (PASSED, False)


def test_over_a_limit_that_is_itself_a_lower_bound_is_unproven():
    relative = {"other": uncounted(made_report(NET))}
    result = only(made_report(NET), budget("50%", relative_to="other", metric="macs"), relative=relative)
    assert (result.value, result.max, result.status) == (1000, 500, UNPROVEN)


def test_what_was_not_measured_is_unproven_and_none():
    result = only(made_report(NET, run=False), budget("1M", metric="macs"))
    assert (result.value, result.excess, result.status) == (None, None, UNPROVEN)
    assert result.notes == ("not measured: the model was not run, because it has no inputs",)


def test_the_text_is_that_of_the_contract():
    # By hand: 251,144 - 249,999 = 1,145; 1,145 / 249,999 = 0.458 %
    report = made_report(
        {
            "": ("Rest", 0, 0, 0),
            "a": ("Backbone", 213_072, 9, 18),
            "b": ("BiFPN", 26_068, 1, 2),
            "c": ("SSH", 7_248, 1, 2),
            "d": ("Heads", 4_756, 1, 2),
        }
    )
    place = Location(file="archscope.toml", line=12)
    result = check(
        report,
        (
            budget(249_999, name="v2-params", model="v2", message="Flash limit of the camera", location=place),
            budget("0.6G", name="m", model="v2", metric="macs"),
        ),
    )
    assert render_check_text(result) == (
        " PASS  m           macs 12 <= max 600,000,000   599,999,988 left\n"
        " FAIL  v2-params   parameters 251,144 > max 249,999   over by 1,145 (+0.46 %)\n"
        "         largest: Backbone 213,072 · BiFPN 26,068 · SSH 7,248\n"
        '         archscope.toml:12   "Flash limit of the camera"\n'
        "1 failed, 1 passed  (1 model, input 1x3x640x640 float32)\n"
        "next: `archscope analyze v2 --sort parameters` shows where they are\n"
    )


def test_an_operator_of_many_modules_names_the_first_and_counts_the_rest():
    report = uncounted(made_report(NET))
    row = UncountedRow(op="x::y", calls=9, modules=("", *(f"m{n}" for n in range(7))))
    result = only(dataclasses.replace(report, uncounted=(row,)), budget("1M", metric="macs"))
    assert result.notes == ("uncounted: x::y, 9 calls in (the model itself), m0, m1, m2, m3, 3 more",)
