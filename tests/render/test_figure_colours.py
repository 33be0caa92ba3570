"""A component has one colour in every picture of a report and of a comparison, which stands for nothing else there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from made import made_report
from synthetic import report_of

import archscope
import archscope.models
from archscope.documents.comparison import COMPARISON
from archscope.documents.pictures import GREY, PALETTE, component_colors, report_sheet
from archscope.documents.plan import PLAN
from archscope.documents.repeats import largest_groups, run_path
from archscope.documents.report_in_full import full_document
from archscope.documents.scaling_picture import bands
from archscope.judge.comparison import compare
from archscope.judge.plan import make_plan
from archscope.judge.plan_file import read_targets
from archscope.protocols.page.graph import component_graph
from archscope.render.formats.markdown import render_markdown
from archscope.report import UNASSIGNED

NAMES = ("Backbone", "BiFPN", "SSH", "CBAM", "Heads")
COLORS = dict(zip(NAMES, ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9"), strict=True))
TARGETS = Path(archscope.models.__file__).parent / "featherface" / "targets.toml"


LEGEND = """
    return [...document.querySelectorAll('#host-treemap .legend li')]
      .map(e => [e.querySelector('bdi').textContent, e.querySelector('rect').getAttribute('fill')]);
"""


def bar_colors(panel):
    return {bar.label: bar.color for bar in panel.bars if bar.label in COLORS}


def test_a_component_has_the_colour_of_its_place_in_every_picture(baseline, v2):
    assert bar_colors(report_sheet(baseline).panels[0]) == COLORS
    for panel in COMPARISON.picture(compare(baseline, v2)).panels:
        assert bar_colors(panel) == COLORS
    law = archscope.scale(archscope.load("featherface-baseline"), over={"size": range(320, 1281, 32)})
    assert {band.label: band.color for band in bands(law).bands} == COLORS  # there SSH is first: it costs most
    plan = make_plan(read_targets(TARGETS), baseline, "featherface-baseline", options={}, inputs=(), against=v2)
    today, *steps, left, other = PLAN.picture(plan).bars
    assert {part.label: part.color for part in today.parts} == COLORS
    assert {part.label: part.color for part in other.parts}.items() <= COLORS.items()
    assert [sum(part.value for part in bar.parts) for bar in (today, other)] == [592_371, 249_777]
    assert {bar.color for bar in (*steps, left)}.isdisjoint(PALETTE)  # a saving is no component
    drawn = component_graph(baseline)
    assert all(re.search(rf'{color}"[^§]*?>{name}<', drawn) for name, color in COLORS.items())


def test_operators_and_types_do_not_borrow_the_colour_of_a_component(v2):
    plain = made_report({"": (UNASSIGNED, 0, 0, 0), "a": ("A", 3, 4, 8), "b": ("B", 1, 2, 4)})
    for panel in report_sheet(plain).panels[2:]:
        assert {bar.color for bar in panel.bars}.isdisjoint(PALETTE)


def test_the_page_draws_in_the_colours_of_the_pictures(page, baseline_page, pair_page):
    for html in (baseline_page, pair_page):
        page.open(html)
        rows = "return [...document.querySelectorAll('#components tr[data-component]')]"
        found = page.js(f"{rows}.map(r => [r.dataset.component, r.querySelector('rect').getAttribute('fill')])")
        assert dict(found).items() >= COLORS.items()
        assert dict(found)[UNASSIGNED] == GREY
        page.view("treemap")
        found = page.js(LEGEND)
        assert dict(found).items() >= COLORS.items()


def test_twenty_components_have_twenty_colours_and_the_page_knows_them_all(page):
    names = [f"C{i}" for i in range(20)]
    colors = component_colors([*names, UNASSIGNED])
    assert len({*colors.values()}) == 21
    from archscope.protocols.page import render_html

    report = made_report({"": (UNASSIGNED, 0, 0, 0)} | {f"m{i}": (name, 20 - i, 1, 2) for i, name in enumerate(names)})
    page.open(render_html(report), "v=treemap")
    found = page.js(LEGEND)
    assert dict(found).items() >= {name: colors[name] for name in names}.items()


def test_the_panels_of_a_comparison_have_the_same_rows_in_the_order_of_the_components(baseline, v2):
    panels = COMPARISON.picture(compare(baseline, v2)).panels
    assert [[bar.label for bar in panel.bars] for panel in panels] == [[*NAMES], [*NAMES]]


def test_the_components_that_a_comparison_has_no_bar_for_share_one():
    def report(times):
        modules = {f"m{i}": (f"C{i}", times * (i + 1), 10 * i, 20 * i) for i in range(25)}
        return made_report({"": (UNASSIGNED, 0, 0, 0)} | modules)

    parameters, macs = COMPARISON.picture(compare(report(1), report(3))).panels
    assert [bar.label for bar in parameters.bars] == [*(f"C{i}" for i in range(16, 25)), "16 others"]
    assert [bar.label for bar in macs.bars] == [bar.label for bar in parameters.bars]
    assert [sum(bar.values[side] for bar in parameters.bars) for side in (0, 1)] == [325, 975]
    assert [sum(bar.values[side] for bar in macs.bars) for side in (0, 1)] == [3_000, 3_000]


def test_a_part_of_a_law_that_is_no_component_has_the_colour_of_none():
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Linear(8, 8)
            self.layers = nn.ModuleList(nn.ModuleDict({"a": nn.Linear(8, 8), "b": nn.Linear(8, 8)}) for _ in range(3))
            self.head = nn.Linear(8, 4)

        def forward(self, x):
            x = self.stem(x)
            for layer in self.layers:
                x = layer["b"](layer["a"](x))
            return self.head(x)

    law = archscope.scale(Net(), torch.zeros(1, 8), over={"batch": range(1, 9)})
    report = archscope.analyze(Net(), torch.zeros(1, 8))
    own = component_colors(row.name for row in report.components)
    drawn = {band.label: band.color for band in bands(law).bands}
    assert {"stem", "head", "layers.*.a", "layers.*.b"} == {*drawn}
    assert (drawn["stem"], drawn["head"]) == (own["stem"], own["head"])
    assert len({*drawn.values()}) == 4
    assert drawn["layers.*.a"] not in own.values()


@pytest.fixture(scope="module")
def repeating():
    """24 layers of 2 x (8 x 8 + 8) parameters each, beside an embedding of 50 x 8 and a head of 8 x 4 + 4."""
    import torch
    from torch import nn

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.up, self.down = nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, x):
            return self.down(self.up(x).relu())

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.emb = nn.Embedding(50, 8)
            self.layers = nn.ModuleList(Layer() for _ in range(24))
            self.head = nn.Linear(8, 4)

        def forward(self, ids):
            x = self.emb(ids)
            for layer in self.layers:
                x = layer(x)
            return self.head(x)

    return archscope.analyze(Net(), torch.zeros(1, 3, dtype=torch.int64))


def test_layers_that_repeat_are_one_of_the_largest_modules(repeating):
    panel = report_sheet(repeating).panels[1]
    assert panel.title == "The 3 largest modules: parameters"
    assert [(bar.label, bar.values) for bar in panel.bars] == [
        ("layers.0-23 x 24", (24 * 144,)),
        ("emb", (400,)),
        ("head", (36,)),
    ]
    assert panel.bars[0].notes == ("3,456 (9.2 K MACs)",)  # 24 x 2 x 64 x 3 = 9,216
    assert panel.bars[0].color == component_colors(row.name for row in repeating.components)["layers"]
    assert "`layers.0-23 x 24` | `Layer` | layers | 3,456 " in render_markdown(full_document(repeating))


def test_layers_that_are_not_alike_stay_apart():
    modules = {"": ("Net", 0, 0)} | {f"layers.{i}": ("Linear", 10 + i, 100) for i in range(4)}
    report = report_of(modules | {"layers": ("ModuleList", 0, 0)}, components={"Layers": "layers"})
    assert [run_path(group) for group in largest_groups(report)] == [f"layers.{i}" for i in (3, 2, 1, 0)]


def test_a_run_over_several_components_is_grey():
    import torch
    from torch import nn

    report = archscope.analyze(nn.Sequential(*(nn.Linear(4, 4) for _ in range(5))), torch.zeros(1, 4))
    (bar,) = report_sheet(report).panels[1].bars
    assert (bar.label, bar.values, bar.color) == ("0-4 x 5", (100,), GREY)
    assert report_sheet(report).panels[1].title == "The largest module: parameters"
