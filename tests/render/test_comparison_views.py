import csv
import dataclasses
import io

import pytest
from made import made_report
from told import COMPARISON_FORMATS, render_comparison_csv, render_comparison_markdown, render_comparison_text

from archscope.cli.report_folder import comparison_files, comparison_folder
from archscope.judge.comparison import compare
from archscope.render.formats.picture import drawn_from
from archscope.render.text import Style
from archscope.report import UNASSIGNED
from archscope.spec import Option

BASE = made_report(
    {
        "": (UNASSIGNED, 0, 0, 0),
        "body": ("Backbone", 1_000, 50_000, 100_000),
        "neck": ("Neck", 0, 0, 0),
        "neck.a": ("Neck", 300, 4_000, 8_000),
        "head": ("Head", 70, 700, 1_400),
    },
    name="before",
)
HEAD = made_report(
    {
        "": (UNASSIGNED, 0, 0, 0),
        "body": ("Backbone", 1_000, 50_000, 100_000),
        "neck": ("Neck", 0, 0, 0),
        "neck.a": ("Neck", 100, 5_000, 10_000),
        "shared": ("Shared", 7, 70, 140),
    },
    name="after",
    options=(Option(name="width", value=32, default=64), Option(name="cells", value=3, default=3)),
)


@pytest.fixture(scope="module")
def comparison():
    return compare(BASE, HEAD)


def lines_with(text, word):
    return [" ".join(line.split()) for line in text.splitlines() if line.startswith(word)]


def test_the_text_shows_both_identities_and_the_totals(comparison):
    text = render_comparison_text(comparison)
    assert lines_with(text, "base") == ["base before made:before"]
    assert lines_with(text, "head ")[0] == "head after (width=32) made:after"
    assert "input image 1x3x640x640 float32" in text
    # 1370 -> 1107 parameters: -263 of 1370 is -19.20 %; 54,700 -> 55,070 MACs: +370
    assert "parameters 1,370 1,107 -263 -19.20 %" in lines_with(text, "parameters")
    assert "MACs 54,700 55,070 +370 +0.68 %" in lines_with(text, "MACs")


def test_components_stand_by_the_size_of_their_change_with_the_total_last(comparison):
    text = render_comparison_text(comparison)
    section = text.split("\n\n")[2].splitlines()
    assert [line.split()[0] for line in section[1:]] == ["Neck", "Head", "Shared", "Backbone", UNASSIGNED, "TOTAL"]
    assert lines_with(text, "Neck") == ["Neck 2 300 100 -200 -66.67 % 4,000 5,000 +1,000 +25.00 %"]
    assert lines_with(text, "Shared") == ["Shared [NEW] 0 -> 1 0 7 +7 0 70 +70"]


def test_unchanged_modules_are_folded_and_counted(comparison):
    text = render_comparison_text(comparison)
    modules = text.split("\n\n")[3]
    assert "body" not in modules
    assert "1 unchanged module" in modules
    assert "[DEL]" in modules
    assert "neck.a" not in modules
    assert "neck.a" in render_comparison_text(comparison, depth=0)


def test_what_a_limit_leaves_out_is_said(comparison):
    assert "+2 smaller changes (-n 0 shows them)" in render_comparison_text(comparison, limit=1)


def test_sorting_by_another_metric_changes_the_order(comparison):
    def order(metric):
        section = render_comparison_text(comparison, metric=metric).split("\n\n")[3].splitlines()
        return [line.split()[0] for line in section[1:4]]

    assert order("parameters") == ["neck", "head", "shared"]
    assert order("macs") == ["neck", "head", "shared"]
    assert "FLOPs before" in render_comparison_text(comparison, metric="flops")


def test_lower_bounds_are_marked():
    partial = dataclasses.replace(HEAD, totals=dataclasses.replace(HEAD.totals, complete=False))
    text = render_comparison_text(compare(BASE, partial))
    assert ">= 55,070" in text
    assert ">= 54,700" not in text
    assert "lower bounds" in render_comparison_markdown(compare(BASE, partial))


def test_a_narrow_terminal_cuts_no_number(comparison):
    text = render_comparison_text(comparison, Style(width=60))
    for figure in ("1,370", "1,107", "-263", "54,700", "55,070"):
        assert figure in text


def test_the_csv_has_a_row_for_the_total_each_component_and_each_module(comparison):
    rows = list(csv.DictReader(io.StringIO(render_comparison_csv(comparison))))
    assert [row["kind"] for row in rows] == ["total"] + ["component"] * 5 + ["module"] * 6
    total = rows[0]
    assert (total["base_parameters"], total["head_parameters"], total["delta_parameters"]) == ("1370", "1107", "-263")
    assert sum(int(row["delta_macs"]) for row in rows if row["kind"] == "component") == int(total["delta_macs"])


def test_the_markdown_has_components_modules_and_what_is_inside(comparison):
    text = render_comparison_markdown(comparison, "figure.png")
    assert text.startswith("# before and after (width=32)\n")
    assert "| Neck |  | 2 | 300 | 100 | -200 | -66.67 % | 4,000 | 5,000 | +1,000 | +25.00 % |" in text
    assert "| **TOTAL** |  | **5** | **1,370** | **1,107** | **-263** | **-19.20 %** |" in text
    assert "![Parameters and MACs by component](figure.png)" in text
    assert "| `neck.a` |" in text.partition("## Inside them")[2]


def test_names_cannot_break_any_output():
    evil = "a|b\x1b[31m<script>"
    report = made_report({"": (UNASSIGNED, 0, 0, 0), evil: (evil, 5, 5, 10)}, name="=cmd|evil\n")
    comparison = compare(report, BASE)
    text, markdown = render_comparison_text(comparison), render_comparison_markdown(comparison)
    assert "\x1b" not in text
    assert "\x1b" not in markdown
    assert "<script>" not in markdown
    rows = list(csv.reader(io.StringIO(render_comparison_csv(comparison))))
    assert len({len(row) for row in rows}) == 1
    assert comparison_folder(comparison) == "cmd-evil-vs-before"


def test_rendering_is_pure_and_the_figure_remembers_its_data(comparison):
    first, second = comparison_files(comparison), comparison_files(comparison)
    assert first == second
    assert set(first) == {"comparison.md", "comparison.json", "comparison.csv", "components.png"}
    other = compare(BASE, made_report({"": ("Neck", 1, 1, 2)}, name="after"))
    assert drawn_from(first["components.png"])
    assert drawn_from(first["components.png"]) != drawn_from(COMPARISON_FORMATS["png"].render(other))
