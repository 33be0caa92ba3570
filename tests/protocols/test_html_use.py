"""Every part of the page can be used, with and without a mouse, in a real browser."""

from __future__ import annotations

import pytest
from browser import VIEWS
from selenium.webdriver.common.keys import Keys

from archscope.protocols.page import render_html


def test_every_view_opens_without_an_error_and_without_a_request(page, baseline_page):
    page.open(baseline_page)
    for view in VIEWS:
        page.view(view)
        assert page.find(f"#panel-{view}").is_displayed()
        assert page.js("return [...document.querySelectorAll('.panel')].filter(p => !p.hidden).length") == 1
        page.check()
    assert page.hash() == {"v": "operators"}


def test_zoom_has_a_breadcrumb_a_link_and_a_way_back(page, baseline_page):
    page.open(baseline_page, "v=icicle")
    page.js("document.querySelector('.stage').focus()")
    page.press(Keys.ARROW_RIGHT, Keys.ENTER)  # the first child: body
    assert page.hash()["at"] == "body"
    crumbs = "return [...document.querySelectorAll('#crumbs > :not([aria-hidden])')].map(e => e.textContent)"
    assert page.js(crumbs) == ["featherface-baseline", "body"]
    page.view("table")
    assert next(iter(page.rows())) == "body"
    assert page.foot()[-1]["Module"] == "TOTAL of body"
    page.driver.back()
    page.driver.back()
    page.wait("return !location.hash.includes('at=')")
    assert page.find("#crumbs").is_displayed() is False
    page.driver.forward()
    page.wait("return location.hash.includes('at=body')")
    page.js("document.querySelector('#crumbs button').click()")
    assert "at" not in page.hash()


def test_a_click_into_the_drawing_zooms_and_escape_goes_back(page, blocks):
    for view in ("icicle", "treemap"):
        page.open(render_html(blocks), f"v={view}")
        edges = "const { x, y, width, height } = document.querySelector(arguments[0]).getBoundingClientRect();"
        box = page.js(f"{edges} return [x, y, width, height]", f"#host-{view} canvas")
        x, y = box[0] + box[2] * 0.35, box[1] + box[3] * 0.5  # layers holds 372 of 387 parameters
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            event = {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1}
            page.driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)
        page.wait("return location.hash.includes('at=')")
        assert page.hash()["at"].startswith("layers")
        page.js("document.querySelector('#host-' + arguments[0] + ' .stage').focus()", view)
        for _ in range(page.hash()["at"].count(".") + 1):
            page.press(Keys.ESCAPE)
        assert "at" not in page.hash()


def test_hovering_shows_all_that_is_known_of_a_module(page, baseline, baseline_page):
    page.open(baseline_page, "v=icicle&m=macs&at=ssh1.conv3X3.0&p=ssh1.conv3X3.0")
    row = next(row for row in baseline.modules if row.path == "ssh1.conv3X3.0")
    text = page.text("#inspector")
    for part in (row.path, row.type, "1×64×80×80", "1×32×80×80", f"{row.macs:,}", f"{row.own_macs:,}"):
        assert part in text
    assert "archscope::deform_conv2d" in text
    assert "bilinearly sampled" in text  # the formula, from the cost table


def test_a_link_opens_what_was_shown(page, baseline_page):
    page.open(baseline_page, "v=treemap&m=flops&c=type&at=bifpn.0&q=conv")
    assert page.find("#panel-treemap").is_displayed()
    assert page.find("[name=metric][value=flops]").is_selected()
    assert page.find("#colour").get_attribute("value") == "type"
    assert page.find("#filter").get_attribute("value") == "conv"
    assert page.text("#crumbs").endswith("0")


def test_a_link_to_a_module_opens_the_table_at_it(page, baseline_page):
    page.open(baseline_page, "v=table&p=ssh2.conv3X3.0")
    active = "const row = document.activeElement; return [row.dataset.path, row.getAttribute('aria-selected')]"
    assert page.js(active) == ["ssh2.conv3X3.0", "true"]
    page.press(Keys.ARROW_UP)
    assert page.js(active) == ["ssh2.conv3X3", "true"]
    assert page.js("return document.querySelectorAll('[aria-selected=true]').length") == 2  # the row and the tab


def test_the_panel_leads_to_the_row_of_a_module(page, baseline_page):
    page.open(baseline_page, "v=icicle&at=bifpn&p=bifpn.1.conv4_up")
    page.js("[...document.querySelectorAll('#inspector button')].find(b => b.textContent === 'Show in table').click()")
    assert page.js("return document.activeElement.dataset.path") == "bifpn.1.conv4_up"
    assert page.hash() == {"v": "table", "p": "bifpn.1.conv4_up"}


def test_a_link_from_another_report_falls_back(page, baseline_page):
    page.open(baseline_page, "v=diff&m=colour&c=delta&at=no.such.module&side=7&s=macs:up")
    assert page.find("#panel-overview").is_displayed()


def test_the_page_can_be_used_without_a_mouse(page, baseline_page):
    page.open(baseline_page)
    page.js("document.body.focus()")
    page.press("/")
    assert page.js("return document.activeElement.id") == "filter"
    assert page.hash()["v"] == "table"
    page.press("ssh1", Keys.ENTER)
    page.wait("return location.hash.includes('q=ssh1')")
    page.js("document.querySelector('#host-table tr[tabindex=\"0\"]').focus()")
    page.press(Keys.HOME)
    page.press(Keys.ARROW_DOWN)
    active = "return [document.activeElement.dataset.path, document.activeElement.getAttribute('aria-expanded')]"
    assert page.js(active) == ["ssh1", "false"]
    page.press(Keys.ARROW_RIGHT)
    assert page.js(active) == ["ssh1", "true"]
    page.press(Keys.ARROW_RIGHT)
    assert page.js(active)[0] == "ssh1.conv3X3"
    page.press(Keys.ARROW_LEFT)
    page.press(Keys.ARROW_LEFT)
    assert page.js(active) == ["ssh1", "false"]
    page.press(Keys.ENTER)
    assert page.hash()["at"] == "ssh1"
    page.press("u")
    assert "at" not in page.hash()
    page.press("m")
    assert page.hash()["m"] == "macs"
    page.press("3")
    assert page.find("#panel-icicle").is_displayed()
    page.press(Keys.ARROW_RIGHT)
    assert page.hash()["v"] == "treemap"
    page.press("?")
    assert page.js("return document.getElementById('keys').open") is True
    page.press(Keys.ESCAPE)
    assert page.js("return document.getElementById('keys').open") is False


def test_single_keys_can_be_turned_off(page, baseline_page):
    page.open(baseline_page, "v=table")
    page.js("document.getElementById('single').click()")
    page.js("document.querySelector('#tab-table').focus()")
    page.press("m")
    assert "m" not in page.hash()


def test_the_theme_follows_the_system_and_the_switch(page, baseline_page):
    shade = "return getComputedStyle(document.body.parentElement).backgroundColor"
    page.open(baseline_page, "v=icicle", dark=True)
    assert page.js(shade) == "rgb(18, 22, 28)"
    page.media(dark=False)
    page.wait(f"{shade} === 'rgb(255, 255, 255)'")
    page.find("#theme").click()  # light
    page.find("#theme").click()  # dark
    assert page.js(shade) == "rgb(18, 22, 28)"
    assert page.text("#theme") == "Theme: dark"
    corner = """
        const c = document.querySelector('.stage canvas');
        return [...c.getContext('2d').getImageData(c.width - 2, c.height - 2, 1, 1).data];
    """
    assert page.js(corner)[:3] == [18, 22, 28]  # the drawing is dark where nothing stands


def test_the_path_of_a_module_can_be_copied(page, baseline_page):
    page.open(baseline_page, "v=table&p=ssh1")
    page.js("navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }")
    page.press("y")
    page.wait("return window.copied === 'ssh1'")


@pytest.mark.parametrize("width", [360, 800, 2560])
def test_nothing_is_wider_than_the_window(page, pair_page, width):
    page.open(pair_page, width=width, height=900)
    for view in (*VIEWS, "diff"):
        page.view(view)
        assert page.js("return document.scrollingElement.scrollWidth") <= width, view


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_in_any_view(page, pair_page, dark):
    page.open(pair_page, dark=dark)
    for view in (*VIEWS, "diff"):
        page.view(view)
        assert page.axe(contrast_only=dark) == [], view
    page.view("table")
    page.filter("cbam")
    page.find("#help").click()
    assert page.axe(contrast_only=dark) == []
