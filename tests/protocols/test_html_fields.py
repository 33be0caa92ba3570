"""Receptive fields and strides on the page, where somebody asked for them."""

from __future__ import annotations

import pytest
from synthetic import report_of
from torch import nn

import archscope
from archscope.protocols.page import render_html


@pytest.fixture(scope="module")
def looking():
    """Fields by hand: 3; 3 + 2 x 2 = 7 at stride 2 x 2 = 4 with the pool's 7 + 2 = 9; all of it; a doubled one."""
    net = nn.Sequential()
    net.add_module("first", nn.Conv2d(3, 4, 3, stride=2, padding=1))  # field 3, stride 2
    net.add_module("wide", nn.Conv2d(4, 4, (3, 5), padding=(1, 2)))  # 3 + 2 x 2 = 7 high, 3 + 4 x 2 = 11 wide
    net.add_module("pool", nn.MaxPool2d(2))  # 2 more of stride 2: 9 and 13, stride 4
    net.add_module("mean", nn.AdaptiveAvgPool2d(1))
    return archscope.analyze(net, (1, 3, 64, 64), receptive_fields=True)


def cells(page, column):
    return {path: row[column] for path, row in page.rows().items() if path}


def test_the_table_has_a_column_for_the_field_and_one_for_the_stride(page, looking):
    page.open(render_html(looking), "v=table")
    assert cells(page, "Receptive field") == {"first": "3", "wide": "7 x 11", "pool": "9 x 13", "mean": "all"}
    assert cells(page, "Stride") == {"first": "2", "wide": "2", "pool": "4", "mean": "-"}


def test_the_field_sorts_by_its_size_with_all_of_the_input_on_top(page, looking):
    page.open(render_html(looking), "v=table&s=extent:desc")
    assert [path for path in page.rows() if path] == ["mean", "pool", "wide", "first"]
    page.open(render_html(looking), "v=table&s=stride:asc")
    assert [path for path in page.rows() if path][-2:] == ["pool", "mean"]  # one without a stride comes last


def test_the_panel_says_how_far_a_module_looks(page, looking):
    page.open(render_html(looking), "v=icicle&p=wide")
    terms = page.js(
        "return [...document.querySelectorAll('#inspector dt')].map(dt => [dt.textContent, dt.nextSibling.textContent])"
    )
    assert ["Receptive field", "7 x 11"] in terms
    assert ["Stride", "2"] in terms


def test_the_saved_table_has_them_too(page, looking):
    page.open(render_html(looking), "v=table")
    folder = page.downloads()
    page.find("#csv").click()
    head, *rows = [line.split(",") for line in page.downloaded(folder).read_text(encoding="utf-8").splitlines()]
    place = head.index("Receptive field")
    assert [row[place] for row in rows if row[0] == "pool"] == ["9 x 13"]


@pytest.mark.parametrize(("kernel", "rows"), [(1, {"0": "1"}), (3, {"0": "3", "1": "5", "2": "7", "3": "9"})])
def test_blocks_that_look_differently_far_are_not_one_row(page, kernel, rows):
    net = nn.Sequential(*(nn.Conv2d(3, 3, kernel, padding=kernel // 2) for _ in range(4)))
    whole = [archscope.Component(name="Net", patterns=("**",))]
    report = archscope.analyze(net, (1, 3, 16, 16), receptive_fields=True, components=whole)
    page.open(render_html(report), "v=table&fold=1")
    assert cells(page, "Receptive field") == rows


def test_without_them_there_are_no_such_columns(page):
    page.open(render_html(report_of({"": ("Net", 5, 0), "a": ("Conv2d", 10, 100)})), "v=table")
    assert "Receptive field" not in next(iter(page.rows().values()))


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_window_and_axe_finds_nothing(page, looking, width):
    page.open(render_html(looking), "v=table", width=width, height=900)
    assert page.js("return document.scrollingElement.scrollWidth") <= width
    assert page.axe() == []
