"""The page of a law of size: what it evaluates in a real browser are the integers of Python, and it can be used."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest
from browser import integer
from made_laws import HOSTILE, LARGE, odd_law, some_sizes, wide_law
from selenium.webdriver.common.keys import Keys
from sized_models import Pieces
from synthetic import report_of

import archscope
from archscope.documents.scaling import TOLD
from archscope.protocols.page import Shown, render_html, render_scaling_html

TREE = {"": ("Net", 5, 0), "a": ("Conv2d", 10, 100)}
SET = """
    const box = document.getElementById(`size-${arguments[0]}-box`);
    box.value = arguments[1];
    box.dispatchEvent(new Event('input'));
"""
READ = """
    const text = (node) => node.textContent;
    const totals = Object.fromEntries([...document.querySelectorAll('#law-totals [data-metric]')].map(
      card => [card.dataset.metric, text(card.querySelector('output'))]));
    const rows = [...document.querySelectorAll('#host-scale tr[data-part]')].map(row => [row.dataset.part,
      Object.fromEntries([...row.querySelectorAll('[data-metric]')].map(cell => [cell.dataset.metric, text(cell)]))]);
    return [totals, Object.fromEntries(rows)];
"""


@pytest.fixture(scope="module")
def pieces():
    return archscope.scale(Pieces(), (1, 3, 32, 32), over={"size": range(33, 97), "batch": range(1, 5)})


@pytest.fixture(scope="module")
def whole_page(pieces):
    """The page of a report with the tab."""
    return render_html(Shown(report=report_of(TREE), scaling=pieces))


def choose(page, law, sizes):
    for place, one in enumerate(law.dimensions):
        page.js(SET, place, str(sizes[one.name]))


def figure(text):
    return None if text == "no formula" else integer(text.replace("≥ ", ""))


def shown(page):
    """The figures in the page: totals by metric, and parts by name and metric."""
    totals, rows = page.js(READ)
    parts = {name: {metric: figure(text) for metric, text in row.items()} for name, row in rows.items() if name}
    return {metric: figure(text) for metric, text in totals.items()}, parts


def expected(law, sizes):
    """The same from the law itself."""
    found = law.at(**sizes)
    if found is None:
        return {}, {}
    totals = {name: found.totals.figures.get(name) for name in TOLD}
    return totals, {row.name: dict(row.figures) for row in found.components}


def agree(page, law, sizes):
    choose(page, law, sizes)
    totals, parts = shown(page)
    wanted, components = expected(law, sizes)
    assert totals == {metric: wanted.get(metric) for metric in totals}, sizes
    assert parts == {name: {m: row[m] for m in next(iter(parts.values()))} for name, row in components.items()}, sizes
    return totals


def test_figures_of_every_kind_of_formula_are_the_integers_of_python(page):
    law = odd_law("large")
    page.open(render_scaling_html(law))
    seen = [agree(page, law, sizes) for sizes in some_sizes(law, 60)]
    assert any(value and value > 2**90 for totals in seen for value in totals.values())
    assert any(value is None for totals in seen for value in totals.values())
    assert agree(page, law, {"size": 60, "large": 2})["macs"] == 2**70 + 3  # a run, between two pieces
    assert set(agree(page, law, {"size": 60, "large": 1}).values()) == {None}  # nothing is known there
    # 3 x 1^2 - 5 floor(-5 / 3)^3 + 2 x 0 x 1 + 11 + 7, and (2^60 + 1) 1 - floor((1 + 3) / 4)
    assert agree(page, law, {"size": 1, "large": 1})["flops"] == 3 - 5 * (-2) ** 3 + 11 + 7 + 2**60 + 1 - 1


def test_a_law_of_a_real_model_is_evaluated_as_python_does(page, pieces):
    page.open(render_scaling_html(pieces))
    # 9 x 3 x 8 MACs for each output of the first, 9 x 8 x 8 for each of the second, which runs above 60.
    for size, batch in ((33, 1), (60, 4), (61, 1), (96, 3)):
        choose(page, pieces, {"size": size, "batch": batch})
        totals, _ = shown(page)
        assert totals["macs"] == batch * ((size + 1) // 2) ** 2 * (216 + (576 if size > 60 else 0))
    for sizes in some_sizes(pieces, 20):
        choose(page, pieces, sizes)
        totals, _ = shown(page)
        assert totals == {name: pieces.at(**sizes).totals.figures[name] for name in totals}


def test_the_slider_and_the_box_are_one_size(page, pieces):
    page.open(render_scaling_html(pieces))
    page.js("document.getElementById('size-0').focus()")
    page.press(Keys.HOME)
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    box = "return document.getElementById('size-0-box').value"
    assert page.js(box) == "35"
    assert figure(page.text("#law-totals [data-metric=macs] output")) == 18**2 * 216
    assert page.find("#size-0").get_attribute("aria-valuetext") == "35"
    page.press(Keys.END)
    assert page.js(box) == "96"
    page.js("document.getElementById('size-1-box').focus()")
    page.press(Keys.ARROW_UP)
    assert page.find("#size-1").get_attribute("aria-valuetext") == "2"
    assert figure(page.text("#law-totals [data-metric=macs] output")) == 2 * 48**2 * 792


def test_a_size_that_the_law_does_not_have_is_said_and_a_button_leads_to_the_nearest(page):
    law = odd_law("large")
    page.open(render_scaling_html(law))
    page.js(SET, 0, "51")
    assert "says nothing of size 51" in page.text("#law-message")
    assert page.find("#size-0-box").get_attribute("aria-invalid") == "true"
    assert page.text("#law-totals output") == "no formula"
    page.js("document.querySelector('#law-message button').click()")
    assert page.find("#size-0-box").get_attribute("value") in {"50", "52"}
    page.js(SET, 0, "70")
    assert "No formula at size 70" in page.text("#law-message")
    page.js("document.querySelector('#law-message button').click()")  # the only run
    assert shown(page)[0]["macs"] == 2**70 + 3
    page.js(SET, 0, "1e3")
    assert page.find("#size-0-box").get_attribute("aria-invalid") == "true"


def test_a_lower_bound_is_marked(page):
    page.open(render_scaling_html(odd_law("large")))
    page.js(SET, 0, "100")
    assert page.text("#law-totals [data-metric=macs] output").startswith("≥ ")
    assert not page.text("#law-totals [data-metric=parameters] output").startswith("≥")
    page.js(SET, 0, "48")
    assert not page.text("#law-totals [data-metric=macs] output").startswith("≥")


def test_the_picture_shows_pieces_runs_and_the_chosen_size(page):
    law = odd_law("large")
    page.open(render_scaling_html(law), "law=48_2~macs~0~0")
    count = "return document.querySelectorAll('#law-picture ' + arguments[0]).length"
    assert page.js(count, "circle.run") == 1
    assert page.js(count, "line.chosen") == 1
    below = page.js("return document.querySelector('line.chosen').getAttribute('x1')")
    page.js(SET, 0, "150")
    above = page.js("return document.querySelector('line.chosen').getAttribute('x1')")
    assert float(above) > float(below)
    page.js("document.getElementById('law-log').click()")
    assert page.js(count, "path.curve") > 0
    page.js("document.querySelector('[name=law-metric][value=peak_activation_bytes]').click()")
    assert page.js("return document.querySelector('#law-picture svg').getAttribute('aria-label')").startswith(
        "peak activation bytes over size"
    )


def test_a_curve_goes_through_the_figures(page, pieces):
    page.open(render_scaling_html(pieces), "law=96_1~macs~0~0")
    path = page.js("return [...document.querySelectorAll('path.whole')].map(path => path.getAttribute('d'))")
    points = [[tuple(map(float, at.split())) for at in re.split("[ML]", d) if at] for d in path]
    assert [len(piece) for piece in points] == [28, 36]  # 33 to 60, 61 to 96: nothing is drawn between them
    flat = [y for piece in points for _, y in piece]
    values = [pieces.at(size=size, batch=1).macs for size in range(33, 97)]
    floor, top = 290, 10  # of the picture, at 0 and at the largest figure
    for y, value in zip(flat, values, strict=True):
        assert y == pytest.approx(floor - (floor - top) * value / values[-1], abs=0.06)


def test_many_components_still_add_up(page):
    page.open(render_scaling_html(wide_law(300)), "law=10~macs~0~0")
    text = "return [...document.querySelectorAll('#host-scale tr[data-part]')].map(row => row.textContent)"
    rows = page.js(text)
    assert len(rows) == 60 + 2
    assert rows[0].startswith("c299")  # the largest first
    assert rows[60].startswith("240 smaller ones")
    assert f"{10 * sum(range(240)):,}" in rows[60]
    assert f"{10 * sum(range(300)):,}" in rows[61]
    legend = page.js("return [...document.querySelectorAll('#law-picture .legend li')].map(li => li.textContent)")
    assert legend == [*(f"c{k}" for k in range(289, 300)), "289 others"]
    band = page.js("return document.querySelector('path[data-band=\"11\"]').getAttribute('d')")
    points = [tuple(map(float, at.split())) for at in re.split("[MLZ]", band) if at]
    assert points[len(points) // 2 - 1][1] == pytest.approx(10, abs=0.06)  # the others end where the whole does


def test_a_link_holds_sizes_figure_and_axes(page, pieces):
    html = render_scaling_html(pieces)
    page.open(html)
    choose(page, pieces, {"size": 77, "batch": 3})
    page.js("document.querySelector('[name=law-metric][value=flops]').click()")
    link = page.js("return location.hash.slice(1)")
    page.open(html, link)
    assert page.find("#size-0-box").get_attribute("value") == "77"
    assert page.find("[name=law-metric][value=flops]").is_selected()
    page.open(html, "law=zero_9~nothing~7~x")
    assert page.find("#size-0-box").get_attribute("value") == "33"  # the link asks for what the law does not have


def test_the_tab_lies_beside_those_of_the_report(page, pieces, whole_page):
    page.open(whole_page)
    assert page.find("#panel-scale").is_displayed()
    choose(page, pieces, {"size": 70, "batch": 2})
    assert shown(page)[0]["macs"] == 2 * 35**2 * 792
    page.view("table")
    assert page.find("#panel-scale").is_displayed() is False
    page.view("scale")
    assert page.find("#size-0-box").get_attribute("value") == "70"
    assert page.hash()["law"].startswith("70_2~")
    folder = page.downloads()
    page.find("#csv").click()
    lines = page.downloaded(folder).read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("size,batch,Part,MACs")
    assert lines[-1].startswith(f"70,2,TOTAL,{2 * 35**2 * 792},")


def test_names_are_text(page):
    page.open(render_scaling_html(odd_law()))
    assert page.text("#size-1-name") == HOSTILE
    assert page.js("return document.querySelectorAll('img, script:not([type])').length") == 0
    page.js(SET, 1, str(LARGE[-1]))
    assert HOSTILE in page.js("return document.querySelector('#law-over').textContent")


def test_the_page_names_its_styles_and_scripts_by_hash_and_asks_for_nothing(pieces):
    html = render_scaling_html(pieces)
    script = re.search(r'<script type="module">(.*?)</script>', html, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1]
    assert policy.startswith(f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'sha256-")
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", html)
    assert "54" in re.search(r"The law(.*?)</section>", html, re.DOTALL)[1]  # in words, without a script too
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html)[1])
    assert data["scaling"]["dimensions"][0]["runs"] == [[33, 1, 64]]


def test_integers_that_javascript_would_round_come_as_text():
    html = render_scaling_html(odd_law())
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html)[1])

    def integers(value):
        if isinstance(value, dict | list):
            for item in value.values() if isinstance(value, dict) else value:
                yield from integers(item)
        elif isinstance(value, int):
            yield value

    assert max(map(abs, integers(data))) <= 2**53


def test_the_same_law_gives_the_same_page():
    assert render_scaling_html(odd_law()) == render_scaling_html(odd_law())


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_window(page, pieces, whole_page, width):
    for html in (render_scaling_html(pieces), whole_page, render_scaling_html(odd_law())):
        page.open(html, width=width, height=900)
        assert page.js("return document.scrollingElement.scrollWidth") <= width


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing(page, pieces, whole_page, dark):
    for html in (render_scaling_html(pieces), whole_page):
        page.open(html, dark=dark)
        assert page.axe(contrast_only=dark) == []
        page.js(SET, 0, "1000")
        assert page.find("#law-message").is_displayed()
        assert page.axe(contrast_only=dark) == []
        page.find("#theme").click()
