"""What comes in and goes out of the page: hostile names, CSV, PNG, paper, and no script at all."""

from __future__ import annotations

import csv

import pytest
from browser import VIEWS
from synthetic import report_of

from archscope.protocols.page import Shown, render_html

EVIL = "</script><img src=x onerror=window['pwned']=1>"


def test_names_that_look_like_markup_are_harmless_text(page):
    tree = {"": (EVIL, 1, 1), EVIL: (EVIL, 2, 2), f"{EVIL}.javascript:alert(1)": ("=1+1", 3, 3)}
    evil = report_of(
        tree,
        name=EVIL,
        components={EVIL: EVIL},
        uncounted=((EVIL, 1, (EVIL,)),),
        flows=(("[input]", EVIL, (1, 2)), (EVIL, "[unassigned]", (1, 2))),
    )
    page.open(render_html(Shown(report=evil, base=evil)))
    for view in (*VIEWS, "diff"):
        page.view(view)
    page.view("table")
    page.find("#open-all").click()
    assert [*page.rows()] == [*tree]
    page.js("document.querySelector('#host-table tr[data-path]').click()")
    assert page.js("return window.pwned ?? null") is None
    assert page.js("return document.querySelectorAll('img').length") == 0
    assert page.driver.title.startswith(EVIL)


def test_csv_is_the_view_in_exact_integers(page, baseline, baseline_page):
    page.open(baseline_page, "v=table&flat=1")
    folder = page.downloads()
    page.find("#csv").click()
    with page.downloaded(folder).open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    assert rows[-1]["Module"] == "TOTAL"
    assert {row["Module"]: int(row["MACs"]) for row in rows[:-1]} == {
        row.path or baseline.model.name: row.own_macs for row in baseline.modules
    }


def test_csv_disarms_names_that_are_formulas(page):
    page.open(render_html(report_of({"": ("Net", 1, 1), "=HYPERLINK(1)": ("@x", 2, 2)})), "v=table&flat=1")
    folder = page.downloads()
    page.find("#csv").click()
    assert "'=HYPERLINK(1)" in page.downloaded(folder).read_text(encoding="utf-8")


@pytest.mark.parametrize("view", [*VIEWS, "diff"])
def test_png_is_a_picture_of_the_view(page, pair_page, view):
    page.open(pair_page, f"v={view}")
    folder = page.downloads()
    page.find("#png").click()
    content = page.downloaded(folder).read_bytes()
    assert content.startswith(b"\x89PNG\r\n")
    assert int.from_bytes(content[16:20], "big") >= 1000  # pixels wide
    assert len(content) > 20_000


def test_the_overview_needs_no_script(page, baseline_page):
    page.open("<html data-ready=1><script>document.documentElement.dataset.ready = '1'</script>")
    page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        (page.folder / "page.html").write_text(baseline_page, encoding="utf-8")
        page.driver.refresh()
        text = page.find("#panel-overview").text
    finally:
        page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert "592,371" in text
    assert "1,243,802,176" in text


def test_paper_gets_every_view_in_the_light_theme(page, pair_page):
    page.open(pair_page, "v=table", dark=True)
    page.js("dispatchEvent(new Event('beforeprint'))")
    page.media(dark=True, media="print")
    assert page.js("return document.documentElement.dataset.theme") == "light"
    for view in (*VIEWS, "diff"):
        assert page.find(f"#panel-{view}").is_displayed()
    assert page.find("#bar").is_displayed() is False
    page.js("dispatchEvent(new Event('afterprint'))")
    page.media(dark=True)
    assert page.js("return document.documentElement.dataset.theme") == "dark"
    assert page.js("return [...document.querySelectorAll('.panel')].filter(p => !p.hidden).length") == 1
    assert page.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"]
