"""``archscope.compare``: two models are a Comparison, more stand side by side."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import archscope
from archscope.errors import NotComparableError


def net(width):
    return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 2))


def test_three_models_stand_side_by_side(tmp_path):
    x = torch.zeros(1, 4)
    small = archscope.analyze(net(2), x, name="small")
    found = archscope.compare(small, net(3), net(8), inputs=x)
    assert isinstance(found, archscope.SideBySide)
    assert [report.totals.macs for report in found.reports] == [12, 18, 48]
    assert repr(found) == (
        "<SideBySide of small, Sequential, Sequential #2: 16 parameters, 12 MACs; 23 parameters, 18 MACs; "
        "58 parameters, 48 MACs>"
    )
    lines = str(found).splitlines()
    assert lines[0] == "small · Sequential · Sequential #2"
    assert next(line.split()[1:] for line in lines if line.startswith("MACs")) == ["12", "18", "48"]
    assert ">58</td>" in found._repr_html_()
    assert "| 58 |" in found.save(tmp_path / "three.md").read_text()
    assert len(found.save(tmp_path / "three.csv").read_text().splitlines()) == 4


def test_two_are_compared_whether_reports_or_models():
    x = torch.zeros(1, 4)
    found = archscope.compare(net(2), archscope.analyze(net(3), x), inputs=x)
    assert isinstance(found, archscope.Comparison)
    assert found.totals.delta["parameters"] == 7


def test_what_cannot_be_compared_is_refused_among_several_too():
    reports = [archscope.analyze(net(2), torch.zeros(batch, 4)) for batch in (1, 1, 2)]
    with pytest.raises(NotComparableError):
        archscope.compare(*reports)
    assert archscope.compare(*reports, different_inputs=True).reports[2].totals.macs == 24
