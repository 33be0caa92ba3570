"""The page as text: pure, closed to the network, compact, and holding the figures of the report."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import report_of, transformer

from archscope.policy import BudgetResult, CheckResult
from archscope.protocols.page import Shown, render_html
from archscope.protocols.page.pack import pack

TREE = {"": ("Net", 5, 0), "a": ("Conv2d", 10, 100), "b": ("Sequential", 0, 0), "b.c": ("Linear", 2, 20)}


class Reader(HTMLParser):
    """Scripts, styles and every attribute that could load something."""

    def __init__(self):
        super().__init__()
        self.inside, self.texts, self.links, self.policy, self.tags = "", {}, [], "", []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append(tag)
        self.inside = f"{tag} {given.get('type') or ''}".strip()
        self.links += [value for key, value in attrs if key in {"src", "href", "srcset", "action", "data", "poster"}]
        assert not [key for key in given if key.startswith("on") or key == "style"], given
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"]

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        self.texts[self.inside] = self.texts.get(self.inside, "") + data


def read(html):
    reader = Reader()
    reader.feed(html)
    return reader


def data_of(html):
    return json.loads(read(html).texts["script application/json"])


def test_the_same_report_gives_the_same_page():
    assert render_html(report_of(TREE)) == render_html(report_of(TREE))


def test_the_page_names_its_styles_and_scripts_by_hash_and_allows_no_other():
    page = read(render_html(report_of(TREE)))

    def digest(text):
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    assert page.policy.split("; ") == [
        "default-src 'none'",
        f"script-src 'sha256-{digest(page.texts['script module'])}'",
        f"style-src 'sha256-{digest(page.texts['style'])}'",
        "img-src data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
    ]


def test_the_page_points_nowhere_but_into_itself():
    links = read(render_html(report_of(TREE, flows=(("[input]", "[unassigned]", (1,)),)))).links
    assert links
    assert all(link.startswith(("#", "data:image/svg+xml,")) for link in links)


def test_the_data_are_the_figures_of_the_report():
    report = report_of(TREE, components={"A": "a"})
    [packed] = data_of(render_html(report))["reports"]
    rows = packed["modules"]
    paths = []
    for parent, name in zip(rows["parent"], rows["name"], strict=True):
        above = paths[parent] if parent >= 0 else ""
        paths.append(f"{above}.{rows['names'][name]}" if above else rows["names"][name])
    assert paths == [*TREE]
    assert rows["parameters"] == [17, 10, 2, 2]
    assert rows["macs"] == [120, 100, 20, 20]
    assert [rows["components"][place] for place in rows["component"]] == ["[unassigned]", "A", *["[unassigned]"] * 2]
    assert packed["totals"]["macs"] == 120


def test_a_column_with_an_integer_that_javascript_would_round_is_text():
    huge = 2**53 + 1
    rows = pack(report_of({"": ("Net", 0, 0), "a": ("Linear", huge, 1)}), {})["modules"]
    assert rows["parameters"] == [str(huge), str(huge)]
    assert rows["macs"] == [1, 1]
    assert pack(report_of({"": ("Net", 2**53, 0)}), {})["modules"]["parameters"] == [2**53]


def test_what_was_not_measured_is_null():
    [packed] = data_of(render_html(report_of(TREE, ran=False)))["reports"]
    assert packed["modules"]["macs"] is None
    assert packed["totals"]["flops"] is None
    assert packed["modules"]["parameters"] == [17, 10, 2, 2]


@given(name=st.text(min_size=1, max_size=30).filter(lambda text: "." not in text))
def test_no_name_becomes_markup_or_gets_lost(name):
    evil = f"{name}</script><!--<script>"
    tree = {"": (evil, 1, 1), evil: (evil, 2, 2)}
    plain, page = (
        read(render_html(report_of(TREE, components={"A": "a"}))),
        render_html(report_of(tree, name=evil, components={evil: evil})),
    )
    made = read(page)
    assert made.texts["script module"] == plain.texts["script module"]
    rows = data_of(page)["reports"][0]["modules"]
    assert rows["types"] == [evil]
    assert rows["names"] == ["", evil]
    assert "<!--" not in page
    assert made.tags.count("script") == 2


def test_a_lone_surrogate_in_a_name_does_not_stop_the_page():
    page = render_html(report_of({"": ("Net", 1, 1), "\ud800": ("Linear", 2, 2)}, name="\ud800"))
    page.encode()  # as a file


@pytest.mark.parametrize(("modules", "limit"), [(400, 300_000), (5000, 1_000_000)])
def test_the_page_stays_small(modules, limit):
    assert len(render_html(transformer(modules)).encode()) <= limit


@pytest.fixture(scope="module")
def flat():
    """3,000 components: the k-th, counted from 0, has k parameters."""
    tree = {"": ("Net", 0, 0)} | {f"layer{k}": ("Linear", k, 1) for k in range(3000)}
    flows = [("[input]", "layer1", (1, 2))]
    return report_of(tree, components={name: name for name in reversed(tree) if name}, flows=flows)


def test_a_page_of_many_components_stays_small_too_and_adds_up(flat):
    page = render_html(flat)
    assert len(page.encode()) <= 1_000_000
    assert "2,941 smaller components" in page  # 3,000 and [unassigned], less the 60 largest
    assert f"{sum(range(2940)):,}" in page
    assert "is left to <code>--graph</code>" in page


def test_the_overview_shows_totals_components_and_their_shares():
    page = read(render_html(report_of(TREE, components={"A": "a"}))).texts
    text = re.sub(r"\s+", " ", " ".join(page.values()))
    assert "17" in text
    assert "58.8" in text  # 10 of 17 parameters
    assert "83.3" in text  # 100 of 120 MACs


def test_two_reports_show_before_after_and_the_change():
    before = report_of(TREE)
    after = report_of(TREE | {"a": ("Conv2d", 4, 40)})
    page = render_html(Shown(report=after, base=before))
    assert "\N{MINUS SIGN}6" in page  # 17 to 11 parameters
    assert "\N{MINUS SIGN}35.29 %" in page
    assert data_of(page)["views"] == ["overview", "table", "icicle", "treemap", "operators", "diff"]
    assert data_of(render_html(after))["views"][-1] == "operators"


def test_a_component_has_one_colour_in_both_reports_and_their_graphs():
    flows = (("[input]", "B", (1,)),)
    before = report_of(TREE, components={"A": "a", "B": "b"}, flows=flows)
    after = report_of(TREE, components={"B": "b"}, flows=flows)
    page = render_html(Shown(report=after, base=before))
    orange = "#E69F00"  # the second of the palette, though B is the first component of the new report
    graphs = re.findall(r'rx="2.5" fill="(#\w+)"></rect><text[^>]*>(\S+?)<', page)
    assert [color for color, name in graphs if name == "B"] == [orange, orange]


def test_an_operator_without_a_formula_is_announced():
    page = render_html(report_of(TREE, uncounted=(("custom::op", 3, ("a",)),)))
    assert "lower bounds" in page
    assert "<code>custom::op</code>, 3 calls in <code>a</code>" in page
    assert "≥ 120" in page  # the total, also that of [unassigned]: it holds a


def budget(**changes):
    given = {
        "name": "small",
        "model": "toy",
        "metric": "parameters",
        "component": "",
        "value": 150,
        "lower_bound": False,
        "max": 200,
        "status": "passed",
        "excess": 0,
        "location": None,
        "message": "",
    }
    return BudgetResult(**(given | changes))


def test_a_budget_is_drawn_to_the_scale_of_its_limit():
    check = CheckResult(
        results=(budget(), budget(name="over", value=400, status="failed"), budget(name="none", value=None))
    )
    page = render_html(Shown(report=report_of(TREE), check=check))
    bars = re.findall(r'class="use" width="([\d.]+)".*?class="mark" x="([\d.]+)"', page)
    assert bars == [("75.00", "99.40"), ("100.00", "49.40")]  # 150 of 200; 400 with the limit half way
    assert "200.00 %" in page
    assert page.count('<tr class="bad">') == 1


def test_the_bars_of_a_metric_fill_its_whole():
    page = render_html(report_of(TREE, components={"A": "a", "B": "b"}))
    rows = re.search(r'<span class="what">MACs</span>(.*?)</svg>', page, re.DOTALL)[1]
    parts = [tuple(map(float, part)) for part in re.findall(r'x="([\d.]+)" width="([\d.]+)"', rows)]
    assert parts == [(0.0, 833.333), (833.333, 166.667)]  # 100 and 20 of 120, in thousandths
