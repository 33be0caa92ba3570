"""A law of size in every format: names stay as they are, nothing that has no formula is a curve or left out."""

from __future__ import annotations

import csv
import io
import re

import pytest
from made_laws import HOSTILE, odd_law, polynomial
from sized_models import Bits, Pieces
from told import written
from torch import nn

import archscope
from archscope.documents.scaling import SCALING, crossing_words
from archscope.documents.scaling_picture import bands
from archscope.judge.scaling.parts import Crossing
from archscope.render import writers
from archscope.render.text import render_text
from archscope.results.formula_text import naming, say
from archscope.results.polynomial import Quantity


@pytest.fixture(scope="module")
def points():
    return archscope.scale(Bits(), (1, 32, 4), over={"sequence": range(32, 257)})


@pytest.fixture(scope="module")
def pieces():
    return archscope.scale(Pieces(), (1, 3, 32, 32), over={"size": range(33, 97), "batch": range(1, 5)})


def test_every_format_is_offered():
    assert {*writers(SCALING)} == {"csv", "html", "json", "latex", "md", "png", "svg"}


@pytest.mark.parametrize("key", ["csv", "html", "json", "latex", "md", "png", "svg"])
def test_every_format_takes_a_law_of_every_kind(key, points, pieces):
    for law in (points, pieces, odd_law(), archscope.scale(nn.Linear(4, 4), (2, 4), over={"batch": [2]})):
        assert written(SCALING, key, law) == written(SCALING, key, law) != b""


def test_a_dimension_keeps_its_name_in_markdown(pieces):
    text = written(SCALING, "md", pieces).decode()
    assert "| `size` | 33 to 96 |" in text
    assert "| size | batch | MACs |" in text
    assert HOSTILE not in written(SCALING, "md", odd_law()).decode()


def test_figures_of_runs_stand_where_there_is_no_formula(points):
    rows = list(csv.DictReader(io.StringIO(written(SCALING, "csv", points).decode())))
    totals = {int(row["sequence"]): row["macs"] for row in rows if row["component"] == "total"}
    assert len(totals) == points.runs
    assert totals == {size: str(16 * size * size.bit_count()) for size in totals}
    shown = re.findall(r"^ *([0-9]+) +([0-9,]+) ", render_text(SCALING.brief(points)), re.MULTILINE)
    assert len(shown) > 10
    assert all(int(macs.replace(",", "")) == 16 * int(size) * int(size).bit_count() for size, macs in shown)


def test_the_picture_draws_runs_as_dots_and_never_as_a_curve(points):
    drawn = bands(points)
    assert drawn.bands == drawn.sizes == ()
    assert {dot.size: dot.value for dot in drawn.dots} == {
        size: 16 * size * size.bit_count() for (size,) in (region.low for region in points.regions if region.measured)
    }


def test_the_picture_ends_a_band_where_other_formulas_begin(pieces):
    drawn = bands(pieces)
    assert [drawn.sizes[place] for place in drawn.starts] == [33, 61]
    assert {band.label: band.values[0] for band in drawn.bands} == {"second": 0, "first": 216 * 17**2}
    assert drawn.dots == ()
    made = bands(odd_law("large"))
    assert [made.sizes[place] for place in made.starts][-1] == 100  # between 50 and 100 nothing is known
    assert not [size for size in made.sizes if 50 < size < 100]


def test_latex_says_what_has_no_formula_and_where_a_formula_holds(points, pieces):
    assert r"\text{MACs} &= \text{no formula: aten::addmm in layer" in written(SCALING, "latex", points).decode()
    text = written(SCALING, "latex", pieces).decode()
    assert r"\text{MACs} &= 216\,\text{batch}\,s_{2}^{2} && \text{for size $\le$ 60} \\" in text
    assert r"s_{2} &= \left\lceil \frac{\text{size}}{2} \right\rceil" in text
    hostile = written(SCALING, "latex", odd_law("a_b$%")).decode()
    assert r"a\_b\$\%" in hostile
    assert r"\text{MACs} &\ge 5\," in hostile  # a lower bound is no equation


def test_a_shift_below_zero_is_a_minus():
    third = polynomial((1, (Quantity(("size",), times=2, plus=-7, by=3), 1)))
    _, defined = say(third, naming({"size": (1, 99)}, [third]))
    assert defined[0].endswith("floor((2 size - 7) / 3)")


def test_a_crossing_is_a_sentence():
    one = Crossing(dimension="size", size=2048, upper="decoder", lower="encoder", fixed=(("batch", 4),))
    assert crossing_words(one) == "decoder costs more MACs than encoder from size 2,048 on (at batch 4)"
