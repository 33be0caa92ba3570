"""What the page shows in a real browser is what the report says."""

from __future__ import annotations

import fnmatch

import pytest
from browser import integer
from selenium.webdriver.common.keys import Keys
from synthetic import BLOCKS, report_of, transformer

from archscope.judge.comparison import compare
from archscope.protocols.page import Shown, render_html

LABELS = {
    "parameters": "Parameters",
    "macs": "MACs",
    "flops": "FLOPs",
    "activations": "Activations",
    "parameter_bytes": "Parameter bytes",
}


def outermost(report, wanted):
    """The rows of ``wanted`` paths that lie inside no other one."""
    paths = {row.path for row in report.modules if wanted(row)}
    return [
        row
        for row in report.modules
        if row.path in paths and not any(row.path.startswith(f"{path}.") for path in paths)
    ]


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


def test_a_component_has_one_colour_everywhere(page, pair_page):
    page.open(pair_page, "v=table")
    fill = """
        const rows = [...document.querySelectorAll(arguments[0])].filter(row => row.querySelector('.swatch'));
        return Object.fromEntries(rows.map(row => [row.textContent, row.querySelector('rect').getAttribute('fill')]));
    """
    page.find("#open-all").click()
    in_table = page.js(fill, "#host-table tbody td:nth-child(9)")
    assert in_table == page.js(fill.replace("row.textContent", "row.dataset.component"), "#components tr")
    page.view("icicle")
    legend = page.js(fill.replace("row.textContent", "row.querySelector('bdi').textContent"), ".legend li")
    assert legend == in_table
    assert len(in_table) == 6


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
