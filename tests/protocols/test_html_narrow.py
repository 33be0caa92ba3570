"""The page on a phone and on a small laptop: what is read, what scrolls and what stands in a row, measured as boxes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archscope.protocols.page import render_html

PHONE, LAPTOP = 360, 1280
BOXES = """
    const edges = (e) => e.getBoundingClientRect();
    return [...document.querySelectorAll(arguments[0])].filter(e => edges(e).width)
      .map(edges).map(({ left, right, top, bottom }) => [left, right, top, bottom]);
"""


@pytest.fixture(params=["baseline_page", "pair_page"])
def html(request):
    return request.getfixturevalue(request.param)


def test_on_a_phone_every_figure_of_the_component_table_is_seen(page, html):
    page.open(html, width=PHONE, height=800)
    assert page.js("return document.documentElement.scrollWidth") == PHONE
    for region in ("#components", ".totals"):
        wide, seen = page.js(
            "const e = document.querySelector(arguments[0]); return [e.scrollWidth, e.clientWidth]", region
        )
        assert wide <= seen
    cells = page.js(BOXES, "#components td, #components tbody th")
    assert len(cells) > 6 * 10
    assert all(0 <= left < right <= PHONE for left, right, _, _ in cells)
    heights = [bottom - top for _, _, top, bottom in page.js(BOXES, "#components td.num")]
    assert max(heights) < 2 * min(heights)  # no figure is broken into lines, none stands in an empty tower
    assert "332,851,200" in page.text("#components")
    cell = "#components tr[data-component=Backbone] td.num:not(.share)"
    title = "return [...document.querySelectorAll(arguments[0])].map(e => getComputedStyle(e, '::before').content)"
    titles = page.js(title, cell)
    assert titles[:2] == ['"parameters"', '"MACs"']
    page.check()


def test_on_a_phone_the_tabs_scroll_and_the_chosen_one_is_in_sight(page, html):
    page.open(html, width=PHONE, height=800)
    last = page.js("return [...document.querySelectorAll('[role=tab]')].at(-1).id.slice(4)")
    strip = "const t = document.querySelector('.tabs'); return [t.scrollWidth > t.clientWidth, t.scrollLeft > 0]"
    assert page.js(strip) == [True, False]
    page.view(last)
    assert page.js(strip) == [True, True]
    for view in (last, "overview"):
        page.view(view)
        ((left, right, _, _),) = page.js(BOXES, f"#tab-{view}")
        assert 0 <= left < right <= PHONE


def test_a_swatch_stands_beside_its_link(page, html):
    for width in (PHONE, LAPTOP):
        page.open(html, width=width, height=800)
        swatches, links = page.js(BOXES, "#components .swatch"), page.js(BOXES, "#components .link")
        assert len(swatches) == len(links) >= 6
        for swatch, link in zip(swatches, links, strict=True):
            assert 0 < link[0] - swatch[1] < 14
            assert link[2] < (swatch[2] + swatch[3]) / 2 < link[3]


def test_on_a_small_laptop_the_toolbar_is_one_row_in_every_view(page, html):
    for view in ("table", "icicle", "treemap", "operators"):
        page.open(html, f"v={view}", width=LAPTOP - 15, height=800)  # a scroll bar takes 15 pixels
        boxes = page.js(BOXES, "#bar > *")
        assert len(boxes) >= 2
        assert max(top for _, _, top, _ in boxes) < min(bottom for _, _, _, bottom in boxes)
        ((left, right, _, _),) = page.js(BOXES, "#filter")
        assert right - left > 120  # there is room to type


def test_a_name_longer_than_a_phone_is_wide_pushes_nothing_out_of_it(page, v2):
    long = "a_component_whose_name_is_longer_than_any_phone_is_wide_" * 2
    named = {"BiFPN": long}
    rows = tuple(replace(row, name=named.get(row.name, row.name)) for row in v2.components)
    modules = tuple(replace(row, component=named.get(row.component, row.component)) for row in v2.modules)
    page.open(render_html(replace(v2, components=rows, modules=modules, flows=())), width=PHONE, height=800)
    assert page.js("return document.documentElement.scrollWidth") == PHONE
    assert all(right <= PHONE for _, right, _, _ in page.js(BOXES, "#components td, #components .key *"))
