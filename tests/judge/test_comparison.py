import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import made_report
from told import written

from archscope.documents.comparison import COMPARISON
from archscope.errors import NotComparableError
from archscope.judge.comparison import compare
from archscope.report import UNASSIGNED
from archscope.results.comparison import ComparedFigures

BASE = made_report(
    {
        "": (UNASSIGNED, 0, 0, 5),
        "body": ("Backbone", 100, 1000, 2100),
        "body.conv": ("Backbone", 20, 300, 700),
        "neck": ("Neck", 50, 400, 900),
        "head": ("Head", 7, 70, 150),
    },
    name="before",
    types={"neck": "Sequential"},
)
HEAD = made_report(
    {
        "": (UNASSIGNED, 0, 0, 5),
        "body": ("Backbone", 100, 1000, 2100),
        "body.conv": ("Backbone", 20, 300, 700),
        "neck": ("Neck", 10, 450, 1000),
        "shared": ("Shared", 3, 30, 65),
    },
    name="after",
    types={"neck": "BiFPN"},
)


def test_components_add_to_both_totals_and_to_the_difference():
    comparison = compare(BASE, HEAD)
    for side in ("base", "head", "delta"):
        total = getattr(comparison.totals, side)
        rows = [getattr(row, side) for row in comparison.components]
        for figure in ("modules", "parameters", "trainable", "parameter_bytes", "macs", "flops", "activations"):
            assert sum(getattr(row, figure) for row in rows) == getattr(total, figure), (side, figure)
    # by hand: 177 -> 133 parameters; 1770 -> 1780 MACs; flops 3855 -> 3870
    assert (comparison.totals.base.parameters, comparison.totals.head.parameters) == (177, 133)
    assert comparison.totals.delta.macs == 10
    assert comparison.totals.delta.flops == 15


def test_own_figures_of_modules_add_to_the_totals():
    comparison = compare(BASE, HEAD)
    assert sum(row.own.base.parameters for row in comparison.modules) == 177
    assert sum(row.own.delta.parameters for row in comparison.modules) == 133 - 177
    assert sum(row.own.head.macs for row in comparison.modules) == 1780


def test_unmatched_rows_are_new_or_deleted_and_stand_against_zero():
    comparison = compare(BASE, HEAD)
    assert {row.path: row.status for row in comparison.modules} == {
        "": "both",
        "body": "both",
        "body.conv": "both",
        "neck": "both",
        "head": "deleted",
        "shared": "new",
    }
    shared = next(row for row in comparison.components if row.name == "Shared")
    assert shared.status == "new"
    assert (shared.base.parameters, shared.head.parameters, shared.delta.parameters) == (0, 3, 3)


def test_a_changed_type_at_the_same_path_shows_both_types():
    neck = next(row for row in compare(BASE, HEAD).modules if row.path == "neck")
    assert (neck.base_type, neck.head_type, neck.delta.parameters) == ("Sequential", "BiFPN", -40)


def test_rows_stand_by_the_size_of_their_change():
    assert [row.name for row in compare(BASE, HEAD).components] == ["Neck", "Head", "Shared", "Backbone", UNASSIGNED]


PATHS = ("a", "a.x", "b", "b.y", "c")
figures = st.tuples(st.sampled_from(["P", "Q", UNASSIGNED]), *[st.integers(0, 10**12)] * 3)


@st.composite
def reports(draw):
    modules = {"": draw(figures)} | draw(st.dictionaries(st.sampled_from(PATHS), figures))
    return made_report({path: modules[path] for path in sorted(modules)}, run=draw(st.booleans()))


@given(reports())
def test_a_model_compared_with_itself_is_all_zeros(report):
    comparison = compare(report, report)
    rows = [*comparison.components, *comparison.modules, *(row.own for row in comparison.modules), comparison.totals]
    assert all(value in {0, None} for row in rows for value in row.delta.values())
    assert all(row.status == "both" for row in (*comparison.components, *comparison.modules))


@given(reports(), reports())
def test_the_comparison_the_other_way_round_is_the_negative(a, b):
    assert compare(a, b, different_inputs=True) == -compare(b, a, different_inputs=True)


@given(reports(), reports())
def test_whatever_is_compared_components_and_own_figures_add_to_the_totals(a, b):
    comparison = compare(a, b, different_inputs=True)
    delta = comparison.totals.delta
    for rows in ([row.delta for row in comparison.components], [row.own.delta for row in comparison.modules]):
        assert sum(row.parameters for row in rows) == delta.parameters
        assert sum(row.modules for row in rows) == delta.modules
        if delta.macs is not None:
            assert sum(row.macs for row in rows) == delta.macs


def test_different_inputs_are_not_comparable_unless_asked_for():
    smaller = made_report({"": (UNASSIGNED, 1, 1, 2)}, name="small", shape=(1, 3, 320, 320))
    with pytest.raises(NotComparableError, match="1x3x640x640 float32 and 1x3x320x320 float32") as caught:
        compare(BASE, smaller)
    assert caught.value.exit_code == 2
    assert "before and small" in caught.value.where
    assert compare(BASE, smaller, different_inputs=True).head.inputs == smaller.inputs


def test_a_model_that_was_not_run_is_not_comparable_with_one_that_was():
    still = made_report({"": (UNASSIGNED, 1, 1, 2)}, run=False)
    with pytest.raises(NotComparableError, match="float32 and none"):
        compare(BASE, still)
    asked = compare(BASE, still, different_inputs=True)
    assert asked.totals.delta.macs is None
    assert asked.totals.delta.parameters == 1 - 177


@pytest.mark.parametrize("other", [{"rules": 2}, {"mode": "train"}])
def test_other_rules_and_other_modes_are_not_comparable_even_when_asked(other):
    report = made_report({"": (UNASSIGNED, 1, 1, 2)}, **other)
    with pytest.raises(NotComparableError):
        compare(BASE, report, different_inputs=True)


def test_the_json_holds_raw_integers_of_both_sides_and_the_difference():
    plain = json.loads(written(COMPARISON, "json", compare(BASE, HEAD)))
    assert set(plain) == {"comparison_version", "base", "head", "totals", "components", "modules"}
    assert plain["base"]["model"]["name"] == "before"
    neck = plain["components"][0]
    assert (neck["base"]["parameters"], neck["head"]["parameters"], neck["delta"]["parameters"]) == (50, 10, -40)
    assert plain["totals"]["delta"]["peak_activation_bytes"] == 0


def test_the_negative_of_unmeasured_figures_stays_unmeasured():
    assert -ComparedFigures(parameters=3, macs=None) == ComparedFigures(parameters=-3, macs=None)
