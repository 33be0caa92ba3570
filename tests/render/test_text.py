"""The text view: totals, components, a tree that fits, and what it says about what it leaves out."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import made_report
from told import View, render_text

from archscope.documents.document import Column, Count, Document, Row, Table
from archscope.metrics import Figures
from archscope.render.text import Style, cell_width
from archscope.render.text import render_text as render_document
from archscope.report import UNASSIGNED, DtypeRow, Training, UncountedRow
from archscope.spec import Option

# The root owns 10 parameters itself; the neck is used twice.
TOY = {
    "": (UNASSIGNED, 10, 0, 7),
    "body": ("Body", 0, 0, 0),
    "body.0": ("Body", 600, 6_000, 12_000),
    "body.1": ("Body", 200, 1_000, 2_000),
    "neck": ("Neck", 150, 3_000, 6_100),
    "head": ("Head", 40, 0, 50),
}


def toy(**changes):
    report = made_report(TOY, name="toy", types={"body": "Sequential", "body.0": "Conv2d", "": "Toy"})
    return dataclasses.replace(report, **changes)


def with_module(report, changed, **changes):
    rows = tuple(dataclasses.replace(row, **changes) if row.path == changed else row for row in report.modules)
    return dataclasses.replace(report, modules=rows)


def incomplete():
    return toy(
        totals=dataclasses.replace(toy().totals, complete=False),
        uncounted=(UncountedRow(op="my::op", calls=3, modules=("body.1",)),),
        uncalled=("head",),
    )


def test_the_view_of_a_toy_is_as_it_was(golden):
    golden("toy.txt", render_text(toy()))


def test_the_view_of_a_model_with_unknown_operators_is_as_it_was(golden):
    report = with_module(incomplete(), "neck", aliases=("neck2", "neck3"))
    option = Option(name="width", value=32, default=64)
    model = dataclasses.replace(report.model, options=(option,), description="a toy", fallback="it reads values")
    golden("toy-incomplete.txt", render_text(dataclasses.replace(report, model=model), style=Style(blocks=False)))


def test_the_view_of_a_model_that_was_not_run_has_no_macs(golden):
    report = made_report(TOY, name="toy", run=False)
    text = render_text(report)
    golden("toy-unrun.txt", text)
    assert "MACs" not in text


def test_lower_bounds_are_marked_where_an_unknown_operator_runs_and_nowhere_else():
    lines = render_text(incomplete(), style=Style(blocks=False)).splitlines()
    marked = {line.split()[0] for line in lines if ">=" in line}
    # body.1 runs it (row "1"), body and Body contain it; the last is the note itself.
    assert marked == {"MACs", "FLOPs", "Body", "body", "1", "TOTAL"}


def test_a_model_of_several_dtypes_lists_their_bytes():
    rows = (DtypeRow(dtype="float32", parameters=900, nbytes=3_600), DtypeRow(dtype="int4", parameters=100, nbytes=50))
    text = render_text(toy(dtypes=rows))
    assert re.search(r"\n  float32 +3,600 +900 parameters\n  int4 +50 +100 parameters\n", text)
    assert "float32  " not in render_text(toy(dtypes=rows[:1])).split("\n\n")[1]


def test_a_training_step_is_a_section_of_its_own(golden):
    step = Training(
        optimizer="sgd",
        figures=Figures(
            forward_macs=10_000,
            forward_flops=20_157,
            backward_macs=20_000,
            backward_flops=40_314,
            unassigned_flops=403,
            gradient_bytes=4_000,
            saved_activation_bytes=100,
            optimizer_bytes=0,
            peak_bytes=5_000,
            memory_bytes=9_000,
        ),
        complete=False,
    )
    golden(
        "toy-training.txt",
        "\n\n".join(render_text(toy(totals=dataclasses.replace(toy().totals, training=step))).split("\n\n")[2:3])
        + "\n",
    )


def tree(report, **view):
    """The rows of the module tree."""
    text = render_text(report, View(**view)).split("\n\n")[3]
    return text.splitlines()


def test_rows_that_are_left_out_are_told_with_their_share():
    # Of body 800, neck 150, head 40 only body stays: 190 of 1,000 are left out.
    assert tree(toy(), depth=1, limit=1)[-3] == "+2 smaller rows, 19.0 % of parameters (-n 0 shows them)"
    assert tree(toy(), depth=1, limit=2)[-3].startswith("+1 smaller row, ")
    # With every outer row shown, what is left out is inside those.
    assert tree(toy(), limit=3)[-2] == "+2 smaller rows inside those shown (-n 0 shows them)"


def test_a_depth_leaves_the_totals_whole_and_says_what_it_hides():
    rows = tree(toy(), depth=1)
    assert rows[-1] == "2 modules below depth 1 (--depth 0 shows them)"
    assert rows[-2].startswith("TOTAL")


def test_the_rows_of_a_level_add_to_the_total():
    numbers = [int(row.split()[2].replace(",", "")) for row in tree(toy(), depth=1)[1:4]]
    own = next(row for row in tree(toy(), depth=1) if row.startswith("[the model itself]"))
    assert numbers == [800, 150, 40]
    assert " 10 " in own
    assert sum(numbers) + 10 == 1_000


@pytest.mark.parametrize(
    ("sort", "names"),
    [("order", ["body", "0", "1", "neck", "head"]), ("name", ["body", "0", "1", "head", "neck"]),
     ("macs", ["body", "0", "1", "neck", "head"]), ("parameters", ["body", "0", "1", "neck", "head"])],
)  # fmt: skip
def test_rows_stand_in_the_order_asked_for(sort, names):
    rows = tree(toy(), sort=sort)
    assert [row.split()[0] for row in rows[1:6]] == names


def test_operators_end_with_the_total():
    text = render_text(toy(), View(by="operators"))
    assert re.search(r"aten::convolution +counted +1 +10,000 +100\.0 % +20,157 +100\.0 %\nTOTAL", text)


def test_components_list_their_modules():
    text = render_text(toy(), View(by="components"))
    assert re.search(r"Body +body\.0 +600", text)


def test_without_a_width_nothing_is_cut():
    name = "n" * 300
    report = made_report({"": (UNASSIGNED, 0, 0, 0), name: ("C" * 100, 1, 0, 0)})
    text = render_text(report)
    assert name in text
    assert "C" * 100 in text


def test_a_narrow_terminal_cuts_names_and_no_number():
    name = "n" * 300
    report = made_report({"": (UNASSIGNED, 0, 0, 0), name: ("Neck", 123_456_789, 987_654_321, 0)})
    lines = tree(report)
    narrow = render_text(report, style=Style(width=60)).split("\n\n")[3].splitlines()
    assert max(map(len, lines)) > 300
    assert max(map(len, narrow)) <= 60
    assert "123,456,789" in narrow[1]
    assert "987,654,321" in narrow[1]
    assert "\u2026" in narrow[1]


def test_a_wide_character_takes_two_cells():
    assert cell_width("ab") == 2
    assert cell_width("\u7f51\u7edc") == 4
    columns = (Column(title="x", names=True), Column(title="n", figures=True))
    table = Table(columns=columns, rows=(Row(cells=("\u7f51\u7edc", Count(1))), Row(cells=("abcd", Count(2)))))
    assert render_document(Document(title="", blocks=(table,))) == "x     n\n\u7f51\u7edc  1\nabcd  2\n"


def test_colour_changes_no_character_of_the_text():
    plain = render_text(incomplete())
    coloured = render_text(incomplete(), style=Style(colour=True))
    assert coloured != plain
    assert re.sub(r"\x1b\[[0-9]+m", "", coloured) == plain


@pytest.mark.parametrize(
    ("part", "bar"), [(0, ""), (1, "\u258f"), (64, "\u2588" * 8), (32, "\u2588" * 4), (12, "\u2588\u258c")]
)
def test_a_bar_has_an_eighth_for_each_sixty_fourth(part, bar):
    assert Style().bar(part, 64) == bar


@settings(max_examples=60)
@given(st.text(min_size=1), st.text(), st.text())
def test_no_name_reaches_the_terminal_as_a_command(name, kind, description):
    report = made_report({"": (UNASSIGNED, 0, 0, 0), "x": ("C", 5, 5, 10)}, types={"x": kind}, name=name)
    report = with_module(report, "x", path=name.replace(".", "_"), aliases=(description,))
    component = dataclasses.replace(report.components[0], name=kind, description=description, modules=())
    model = dataclasses.replace(report.model, description=description, source=name, fallback=kind)
    report = dataclasses.replace(report, components=(component,), model=model, uncalled=(name,))
    for by in ("modules", "components", "operators"):
        text = render_text(report, View(by=by))
        assert all(char.isprintable() for char in text.replace("\n", ""))
        assert text == render_text(report, View(by=by))
