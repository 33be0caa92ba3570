"""The figure is drawn from plain data that add up, and the same report gives the same bytes."""

from __future__ import annotations

import dataclasses
import struct
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import made_report
from told import render_png, render_svg

import archscope
from archscope.documents.pictures import report_sheet as sheet
from archscope.render.bars import draw
from archscope.render.formats.picture import drawn_from
from archscope.report import UNASSIGNED

TOY = {
    "": (UNASSIGNED, 10, 0, 7),
    "body": ("Body", 600, 6_000, 12_000),
    "gate": ("Gate", 50, 100, 300),
    "head": ("Head", 340, 900, 2_000),
}


def toy(modules=TOY, **changes):
    return made_report(modules, name="toy", **changes)


def with_roles(report, **roles):
    rows = tuple(dataclasses.replace(row, role=roles.get(row.name, "")) for row in report.components)
    return dataclasses.replace(report, components=rows)


@pytest.fixture(scope="module")
def baseline():
    return archscope.analyze(archscope.load("featherface-baseline"))


def test_the_sheet_of_the_baseline_shows_the_four_panels_that_were_asked_for(baseline):
    drawn = sheet(baseline)
    assert drawn.title == "featherface-baseline"
    assert "592,371 parameters" in drawn.subtitle
    assert "1.244 G MACs" in drawn.subtitle
    assert "1x3x640x640" in drawn.subtitle
    components, largest, attention, heads = drawn.panels
    assert [bar.label for bar in components.bars][:5] == ["Backbone", "BiFPN", "SSH", "CBAM", "Heads"]
    assert [sum(bar.values[index] for bar in components.bars) for index in (0, 1)] == [592_371, 1_243_802_176]
    assert [bar.label for bar in largest.bars][:3] == ["body", "bifpn", "ssh1"]
    assert len(largest.bars) == 10
    assert sorted(bar.values[0] for bar in attention.bars) == [680, 680, 680, 680, 2_284, 8_564]
    assert [(bar.label, bar.values) for bar in heads.bars] == [
        ("ClassHead", (780,)),
        ("BboxHead", (1_560,)),
        ("LandmarkHead", (3_900,)),
    ]


def test_a_model_without_attention_or_heads_gets_operators_and_types_instead():
    titles = [panel.title for panel in sheet(toy()).panels]
    assert titles[2:] == ["Operators: FLOPs", "Module types: their own parameters"]
    titles = [panel.title for panel in sheet(with_roles(toy(), Gate="attention")).panels]
    assert titles[2:] == ["Attention (Gate), 1: parameters", "Operators: FLOPs"]


def test_a_model_that_was_not_run_shows_parameters_alone():
    drawn = sheet(toy(run=False))
    assert drawn.panels[0].series == ("parameters",)
    assert "MACs" not in drawn.subtitle


def test_many_components_are_folded_and_still_add_to_the_whole():
    modules = {"": (UNASSIGNED, 0, 0, 0)} | {f"m{i}": (f"C{i}", i + 1, 10 * i, 20 * i) for i in range(25)}
    panel = sheet(toy(modules)).panels[0]
    assert len(panel.bars) == 10
    assert panel.bars[-1].label == "16 others"
    assert sum(bar.values[0] for bar in panel.bars) == sum(range(1, 26))


def test_the_same_report_gives_the_same_png_and_svg(baseline):
    assert render_png(baseline) == render_png(baseline)
    assert render_svg(baseline) == render_svg(baseline)


def test_the_settings_of_the_user_do_not_show(monkeypatch):
    import matplotlib as mpl

    before = render_png(toy())
    monkeypatch.setitem(mpl.rcParams, "font.size", 30.0)
    monkeypatch.setitem(mpl.rcParams, "axes.facecolor", "red")
    assert render_png(toy()) == before
    assert mpl.rcParams["font.size"] == 30.0


def test_a_png_carries_the_digest_of_its_data_and_no_word_of_software():
    png = render_png(toy())
    assert struct.unpack(">II", png[16:24]) == (1650, 1260)
    assert drawn_from(png) == sheet(toy()).digest
    assert b"atplotlib" not in png


def test_an_svg_carries_the_digest_and_no_date():
    svg = render_svg(toy()).decode()
    ET.fromstring(svg)  # noqa: S314 - our own output
    assert sheet(toy()).digest in svg
    assert "<dc:date>" not in svg


@given(st.integers(0, 2**40), st.integers(0, 2**40))
def test_figures_of_different_data_have_different_digests(first, second):
    digests = [sheet(toy({"": ("A", value, 0, 0)})).digest for value in (first, second)]
    assert (digests[0] == digests[1]) == (first == second)


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n\x00\x00", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"\xff" * 40]
)
def test_any_other_file_was_drawn_from_nothing(content):
    assert drawn_from(content) == ""


@settings(max_examples=5)
@given(st.text(min_size=1), st.text(min_size=1))
def test_a_name_is_drawn_and_not_obeyed(name, kind):
    hostile = toy({"": (UNASSIGNED, 0, 0, 0), name.replace(".", "_"): (kind, 5, 5, 10)})
    drawn = sheet(hostile)
    texts = [label.get_text() for axes in draw(drawn).axes for label in axes.get_yticklabels()]
    assert texts
    assert all(text.isascii() and len(text) <= 26 for text in texts)
    ET.fromstring(render_svg(hostile))  # noqa: S314 - our own output


def test_a_dollar_is_no_mathematics():
    hostile = toy({"": (UNASSIGNED, 0, 0, 0), "$\\frac{": ("$x$", 5, 5, 10)})
    assert drawn_from(render_png(hostile)) == sheet(hostile).digest
