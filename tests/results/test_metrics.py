"""The table of metrics: a line that is added while a program runs is told everywhere."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from told import (
    render_comparison_text,
    render_csv,
    render_markdown,
    render_text,
    written,
)
from torch import nn, zeros

import archscope
from archscope import metrics
from archscope.documents.columns import further_columns
from archscope.documents.comparison import COMPARISON
from archscope.documents.report_tables import View
from archscope.judge.budgets import check
from archscope.metrics import METRICS, FigureRow, Figures, Metric, Rows, carried_by
from archscope.policy import Budget, Limit
from archscope.protocols.page import render_html

VALUES = st.dictionaries(st.sampled_from([*METRICS]), st.none() | st.integers(-(2**70), 2**70), min_size=1)


@pytest.fixture
def launches():
    """A metric of our own: the operator calls of each module."""
    line = Metric("launches", "operator calls", rows=Rows.PARTS, of_call=lambda _call: 1, budget=True)
    metrics.register("launches", line)
    yield line
    del METRICS["launches"]
    del FigureRow.launches


def measured(width):
    net = nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 2))
    return archscope.analyze(net, archscope.Inputs(args=(zeros(3, 4),)), keep_calls=True)


def test_a_metric_added_in_one_place_is_told_everywhere(launches):
    report, other = measured(8), measured(16)
    # each linear layer is a transposition (free, but a call) and an addmm, the ReLU one call
    calls = report.totals["launches"]
    assert calls == report.totals.launches == sum(row.own["launches"] for row in report.modules) == 5
    assert sum(row["launches"] for row in report.components) == calls
    assert f"launches  {calls}" in " ".join(render_text(report).split()).replace("launches ", "launches  ")
    assert "launches" in render_text(report, View(columns=("launches",))).split("\n\n")[2]
    assert f"| Launches | {calls} |" in render_markdown(report)
    assert "launches,own_parameters" in render_csv(report).splitlines()[0]
    saved = json.loads(archscope.to_json(report))
    assert saved["totals"]["launches"] == saved["modules"][0]["launches"] == calls
    assert archscope.from_json(archscope.to_json(report)).totals["launches"] == calls
    comparison = archscope.compare(report, other)
    assert "launches" in render_comparison_text(comparison)
    assert json.loads(written(COMPARISON, "json", comparison))["totals"]["delta"]["launches"] == 0
    budget = Budget(name="calls", model="net", metric="launches", max=Limit.parse(4))
    (row,) = check(report, [budget]).results
    assert (row.status, row.value, row.excess) == ("failed", calls, calls - 4)
    assert "launches" in further_columns()
    page = render_html(report)
    assert '"key":"launches"' in page
    assert '"launches":[5,' in page


def test_a_name_is_taken_once():
    with pytest.raises(ValueError, match="macs"):
        metrics.register("macs", Metric("other MACs", "others", rows=Rows.TOTALS))


@given(VALUES)
def test_figures_are_frozen_pickled_and_opposite_twice_the_same(values):
    figures = Figures(values)
    opposite = -figures
    assert -opposite == figures
    assert pickle.loads(pickle.dumps(figures)) == figures  # noqa: S301 - our own
    assert hash(Figures(values)) == hash(figures)
    assert {*(figures - figures).values()} <= {0, None}
    with pytest.raises(AttributeError, match="frozen"):
        figures.macs = 1


def test_a_row_says_what_it_does_not_carry():
    report = measured(8)
    with pytest.raises(AttributeError, match="ComponentRow does not carry peak_activation_bytes"):
        _ = report.components[0].peak_activation_bytes


def test_every_metric_is_named_and_explained_once():
    assert len({metric.label for metric in METRICS.values()}) == len(METRICS)
    assert all(metric.help for metric in METRICS.values())
    assert set(carried_by(Rows.COMPONENTS)) <= set(carried_by(Rows.MODULES))
