"""The tables for a paper."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from synthetic import report_of
from told import render_latex, render_latex_comparison

from archscope.judge.comparison import compare
from archscope.render.formats.latex import latex

TREE = {"": ("Net", 5, 0), "a": ("Conv2d", 1000, 3000), "b": ("Linear", 995, 1000)}


def rows(table):
    """The cells of each line that ends like a row."""
    return [line.strip().removesuffix(r" \\").split(" & ") for line in table.splitlines() if line.endswith(r"\\")]


def test_components_and_total_stand_in_exact_integers():
    table = render_latex(report_of(TREE, components={"A": "a", "B": "b"}))
    head, first, second, rest, total = rows(table)
    assert head == ["Component", "Parameters", r"\%", "MACs", r"\%", "FLOPs", r"\%", "Activations", r"\%"]
    assert first[:5] == ["A", "1,000", "50.00", "3,000", "75.00"]
    assert second[:5] == ["B", "995", "49.75", "1,000", "25.00"]
    assert rest[:5] == ["{[}unassigned{]}", "5", "0.25", "0", "0.00"]
    assert total[:5] == ["Total", "2,000", "100.00", "4,000", "100.00"]
    assert table.count(r"\begin") == table.count(r"\end") == 2
    assert all(len(row) == len(head) for row in rows(table))
    assert "{lrrrrrrrr}" in table


def test_a_lower_bound_says_so():
    table = render_latex(report_of(TREE, components={"A": "a"}, uncounted=(("x::y", 1, ("a",)),)))
    _, first, rest, total = rows(table)
    assert first[3] == total[3].replace("4,000", "3,000") == r"$\geq$ 3,000"
    assert rest[3] == "1,000"
    assert first[1] == "1,000"


def test_without_a_run_there_are_parameters_only():
    assert rows(render_latex(report_of(TREE, ran=False)))[0] == ["Component", "Parameters", r"\%"]


def test_a_comparison_shows_before_after_and_difference():
    before = report_of(TREE, components={"A": "a", "B": "b"})
    after = report_of(TREE | {"a": ("Conv2d", 400, 6000)}, components={"A": "a", "B": "b"})
    found = {row[0]: row[1:] for row in rows(render_latex_comparison(compare(before, after)))}
    assert found["A"] == ["1,000", "400", "$-600$", "$-60.00$", "3,000", "6,000", "$+3{,}000$", "$+100.00$"]
    assert found["Total"][:4] == ["2,000", "1,400", "$-600$", "$-30.00$"]


@given(st.text(max_size=40))
def test_no_character_of_a_name_is_a_command(name):
    written = latex(name)
    bare = re.sub(r"\\(?:text[a-z]+\{\}|[{}$&#_%])|\{[\[\]*]\}", "", written)
    assert not set(bare) & set('\\{}$&#_%^~<>|"`[]*')
    assert "\n" not in written
