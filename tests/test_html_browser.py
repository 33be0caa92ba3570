"""The page in a real browser: what it shows is what the report says, and every part of it can be used."""

from __future__ import annotations

import csv
import fnmatch

import pytest
from browser import Page, chromium, integer
from selenium.webdriver.common.keys import Keys
from synthetic import report_of, transformer

from archscope.judge.comparison import compare
from archscope.measure.measuring import analyze
from archscope.models.featherface.spec import featherface_baseline, featherface_v2
from archscope.render.html import Shown, render_html

LABELS = {
    "parameters": "Parameters",
    "macs": "MACs",
    "flops": "FLOPs",
    "activations": "Activations",
    "parameter_bytes": "Weight bytes",
}
VIEWS = ("overview", "table", "icicle", "treemap", "operators")
BLOCKS = {"": ("Net", 5, 0), "stem": ("Conv2d", 10, 100), "layers": ("Sequential", 0, 0)} | {
    path: what
    for k in range(12)
    for path, what in (
        (f"layers.{k}", ("Block", 1, 0)),
        (f"layers.{k}.conv", ("Conv2d", 30, 300)),
        (f"layers.{k}.act", ("ReLU", 0, 0)),
    )
}
EVIL = "</script><img src=x onerror=window['pwned']=1>"


@pytest.fixture(scope="session")
def driver():
    with chromium() as made:
        yield made


@pytest.fixture
def page(driver, tmp_path):
    made = Page(driver, tmp_path)
    yield made
    made.check()
    made.js("localStorage.clear()")


@pytest.fixture(scope="module")
def baseline():
    return analyze(featherface_baseline(), keep_calls=True)


@pytest.fixture(scope="module")
def v2():
    return analyze(featherface_v2(), keep_calls=True)


@pytest.fixture(scope="module")
def baseline_page(baseline):
    return render_html(baseline)


@pytest.fixture(scope="module")
def pair_page(baseline, v2):
    return render_html(Shown(report=v2, base=baseline))


@pytest.fixture(scope="module")
def blocks():
    return report_of(BLOCKS, components={"Stem": "stem", "Layers": "layers"})


def outermost(report, wanted):
    """The rows of ``wanted`` paths that lie inside no other one."""
    paths = {row.path for row in report.modules if wanted(row)}
    return [
        row
        for row in report.modules
        if row.path in paths and not any(row.path.startswith(f"{path}.") for path in paths)
    ]


def test_every_view_opens_without_an_error_and_without_a_request(page, baseline_page):
    page.open(baseline_page)
    for view in VIEWS:
        page.view(view)
        assert page.find(f"#panel-{view}").is_displayed()
        assert page.js("return [...document.querySelectorAll('.panel')].filter(p => !p.hidden).length") == 1
        page.check()
    assert page.hash() == {"v": "operators"}


def test_every_integer_of_the_table_is_that_of_the_report(page, baseline, baseline_page):
    page.open(baseline_page, "v=table")
    page.find("#open-all").click()
    page.js("dispatchEvent(new Event('beforeprint'))")  # on paper, and so now, no row is left out
    rows = page.rows()
    assert [*rows] == [row.path for row in baseline.modules]
    for row in baseline.modules:
        shown = rows[row.path]
        assert {key: integer(shown[label]) for key, label in LABELS.items()} == {
            key: getattr(row, key) for key in LABELS
        }, row.path
        assert shown["Type"] == row.type
        assert shown["Component"] == row.component
        assert integer(shown["Calls"]) == row.calls
    [total] = page.foot()
    assert {key: integer(total[label]) for key, label in LABELS.items()} == {
        "parameters": 592_371,
        "macs": 1_243_802_176,
        "flops": baseline.totals.flops,
        "activations": baseline.totals.activations,
        "parameter_bytes": 4 * 592_371,
    }


def test_the_flat_table_holds_own_figures_that_add_up_to_the_whole(page, baseline, baseline_page):
    page.open(baseline_page, "v=table&flat=1")
    page.js("dispatchEvent(new Event('beforeprint'))")
    rows = page.rows()
    own = {row.path: (row.own_parameters, row.own_macs, row.own_flops, row.own_activations) for row in baseline.modules}
    shown = {
        path: tuple(integer(row[LABELS[key]]) for key in ("parameters", "macs", "flops", "activations"))
        for path, row in rows.items()
    }
    assert shown == own
    assert sum(figures[0] for figures in shown.values()) == 592_371
    parameters = [figures[0] for figures in shown.values()]
    assert parameters == sorted(parameters, reverse=True)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("cbam", lambda row: "cbam" in row.path.lower()),
        ("CONV", lambda row: "conv" in row.path.lower()),
        ("ssh?.*", lambda row: row.path.count(".") == 1 and fnmatch.fnmatchcase(row.path, "ssh?.*")),
        ("bifpn.**", lambda row: row.path == "bifpn" or row.path.startswith("bifpn.")),
        ("**.offset_conv", lambda row: row.path.split(".")[-1] == "offset_conv"),
        ("body.stage[12]", lambda row: row.path in {"body.stage1", "body.stage2"}),
        ("type:BatchNorm2d", lambda row: row.type == "BatchNorm2d"),
        ("nothing-is-called-so", lambda row: False),
    ],
)
def test_the_filter_adds_up_its_matches_each_parameter_once(page, baseline, baseline_page, query, wanted):
    page.open(baseline_page, "v=table")
    page.filter(query)
    matches = outermost(baseline, wanted)
    sums, total = page.foot()
    for key, label in LABELS.items():
        assert integer(sums[label]) == sum(getattr(row, key) for row in matches), key
        assert integer(total[label]) == getattr(baseline.totals, key)
    assert integer(page.text("#match-sum")) == sum(row.parameters for row in matches)


def test_the_published_cbam_figure_cannot_come_out_of_the_filter(page, baseline_page):
    """54,272 was the sum over 72 nested modules; 13,568 is what the six gates hold."""
    page.open(baseline_page, "v=table&q=cbam")
    assert page.text("#matches") == "13,568 parameters = 2.3 % in 6 outermost of 72 matches (nested ones count once)"


def test_a_component_filter_gives_the_figures_of_the_component(page, baseline, baseline_page):
    page.open(baseline_page)
    for row in baseline.components:
        page.view("overview")
        page.js(
            "[...document.querySelectorAll('#components button')].find(b => b.textContent === arguments[0]).click()",
            row.name,
        )
        assert page.hash()["v"] == "table"
        sums = page.foot()[0]
        assert {key: integer(sums[label]) for key, label in LABELS.items()} == {
            key: getattr(row, key) for key in LABELS
        }


def test_a_header_sorts_and_says_so(page, baseline, baseline_page):
    page.open(baseline_page, "v=table")
    header = "[...document.querySelectorAll('#host-table thead th')].find(th => th.textContent === 'MACs')"
    top = [row for row in baseline.modules if row.depth == 1]
    for way, reverse in (("descending", True), ("ascending", False)):
        page.js(f"{header}.querySelector('button').click()")
        assert page.js(f"return {header}.getAttribute('aria-sort')") == way
        shown = [integer(row["MACs"]) for path, row in page.rows().items() if path and "." not in path]
        assert shown == sorted((row.macs for row in top), reverse=reverse)
    page.js(f"{header}.querySelector('button').click()")
    assert [path for path in page.rows() if path and "." not in path] == [row.path for row in top]


def test_equal_blocks_fold_into_one_with_the_figures_of_all(page, blocks):
    page.open(render_html(blocks), "v=table&fold=1")
    page.find("#open-all").click()
    names = [row["Module"].lstrip("▾▸") for row in page.rows().values()]
    assert names == ["toy", "stem", "layers", "0 … 11 × 12", "conv", "act"]
    rows = page.rows()
    assert integer(rows["layers.0"]["Parameters"]) == 12 * 31
    assert integer(rows["layers.0.conv"]["MACs"]) == 12 * 300
    page.find("#fold").click()
    assert len(page.rows()) == len(BLOCKS)


def test_blocks_that_differ_in_one_figure_do_not_fold(page):
    tree = BLOCKS | {"layers.5.conv": ("Conv2d", 30, 301)}
    page.open(render_html(report_of(tree)), "v=table&fold=1")
    names = [row["Module"].lstrip("▾▸") for path, row in page.rows().items() if path.count(".") == 1]
    assert names == ["0 … 4 × 5", "5", "6 … 11 × 6"]


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


def test_a_lower_bound_is_marked_in_every_view(page):
    report = report_of(BLOCKS, uncounted=(("custom::op", 3, ("layers.1.conv",)),))
    page.open(render_html(report), "v=table")
    page.find("#open-all").click()
    marked = {path for path, row in page.rows().items() if row["MACs"].startswith("≥ ")}
    assert marked == {"", "layers", "layers.1", "layers.1.conv"}
    assert not any(row["Parameters"].startswith("≥") for row in page.rows().values())
    assert page.foot()[-1]["FLOPs"].startswith("≥ ")
    page.view("operators")
    assert page.rows("operators")["custom::op"]["MACs"] == "unknown"
    assert "TOTAL (lower bound)" in page.foot("operators")[0]["Operator"]
    page.view("overview")
    assert "custom::op" in page.text(".alert")


def test_a_report_without_a_run_offers_parameters_only(page):
    page.open(render_html(report_of(BLOCKS, ran=False)), "v=icicle&m=macs")
    assert page.find("[name=metric][value=parameters]").is_selected()
    assert page.find("[name=metric][value=macs]").is_enabled() is False
    page.view("table")
    assert {row["MACs"] for row in page.rows().values()} == {"–"}
    page.view("operators")
    assert "not run" in page.text("#host-operators")


def test_integers_beyond_2_to_the_53_are_not_rounded(page):
    huge = 2**53 + 1  # the first integer that a double cannot hold
    tree = {"": ("Net", 1, 0), "a": ("Linear", huge, huge), "b": ("Linear", huge, 1), "b.c": ("Linear", 3, 5)}
    report = report_of(tree)
    page.open(render_html(report), "v=table")
    page.find("#open-all").click()
    rows = page.rows()
    assert integer(rows[""]["Parameters"]) == 2 * huge + 4 == report.totals.parameters
    assert integer(rows["b"]["Parameters"]) == huge + 3
    assert integer(rows["a"]["FLOPs"]) == 2 * huge + 7
    page.filter("a")
    assert integer(page.text("#match-sum")) == huge
    page.filter("")
    for view in ("icicle", "treemap"):
        page.view(view)


def test_a_large_table_keeps_few_rows_in_the_page_and_reaches_all(page):
    report = transformer(5000)
    page.open(render_html(report), "v=table")
    page.find("#open-all").click()
    assert page.js("return document.querySelectorAll('#host-table tbody tr').length") < 150
    count = int(page.find("#host-table table").get_attribute("aria-rowcount")) - 1
    assert count == len(report.modules)
    page.js("document.querySelector('#host-table tr[tabindex=\"0\"]').focus()")
    page.press(Keys.END)
    assert page.js("return document.activeElement.dataset.path") == "head"
    page.press(Keys.HOME)
    assert page.js("return document.activeElement.dataset.path") == ""
    page.filter("blocks.3*.attention")
    wanted = [row for row in report.modules if fnmatch.fnmatchcase(row.path, "blocks.3*.attention")]
    assert integer(page.text("#match-sum")) == sum(row.parameters for row in wanted)


def test_the_diff_holds_the_figures_of_the_comparison(page, baseline, v2, pair_page):
    page.open(pair_page, "v=diff&changed=0")
    comparison = compare(baseline, v2)
    for metric in ("parameters", "macs"):
        page.js("document.querySelector(`[name=metric][value=${arguments[0]}]`).click()", metric)
        page.find("#open-all").click()
        page.js("dispatchEvent(new Event('beforeprint'))")
        rows = page.rows("diff")
        assert len(rows) == len(comparison.modules)
        for row in comparison.modules:
            shown = rows[row.path]
            base, head, delta = (getattr(side, metric) for side in (row.base, row.head, row.delta))
            assert integer(shown["Before"]) == (None if row.status == "new" else base)
            assert integer(shown["After"]) == (None if row.status == "deleted" else head)
            assert int(shown["Delta"].replace(",", "").replace("\N{MINUS SIGN}", "-")) == delta
            assert shown["Status"] == {"new": "[NEW]", "deleted": "[DEL]", "both": ""}[row.status]
        page.js("dispatchEvent(new Event('afterprint'))")


def test_the_diff_of_a_report_with_itself_is_empty(page, blocks):
    page.open(render_html(Shown(report=blocks, base=blocks)), "v=diff")
    assert [*page.rows("diff")] == [""]
    assert page.rows("diff")[""]["Delta"] == "0"


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
