"""A module at several paths: its cost is counted once, and every caller is told what it runs of it."""

from __future__ import annotations

import pytest
import torch
from told import render_text, render_why
from torch import nn
from toys import SharedAndTied

import archscope
from archscope.formulas import DEFAULT_FORMULAS
from archscope.judge.explanation import explain
from archscope.measure.running.tracing import trace
from archscope.report import SharedRow


def shared(report):
    return {(row.caller, row.owner): (row.calls, row.macs, row.flops) for row in report.shared}


class Heads(nn.Module):
    """One convolution in the trunks of two heads, over maps of 6 x 6 and 3 x 3."""

    # 3x3 convolution of 2 channels into 4, padded: 4 x 18 per place
    LARGE, SMALL = 36 * 4 * 18, 9 * 4 * 18

    def __init__(self):
        super().__init__()
        conv = nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.first = nn.Sequential(conv, nn.ReLU())
        self.second = nn.Sequential(conv, nn.BatchNorm2d(4))

    def forward(self, x):
        return self.first(x), self.second(x[:, :, :3, :3])


def test_each_caller_is_told_its_part_of_what_is_counted_once():
    report = archscope.analyze(Heads(), (1, 2, 6, 6))
    assert shared(report) == {
        ("first", "first.0"): (1, Heads.LARGE, 2 * Heads.LARGE),
        ("second", "first.0"): (1, Heads.SMALL, 2 * Heads.SMALL),
    }
    macs = {row.path: row.macs for row in report.modules}
    assert (macs["first"], macs["second"], macs[""]) == (Heads.LARGE + Heads.SMALL, 0, Heads.LARGE + Heads.SMALL)


def test_why_and_the_notes_tell_it():
    report = archscope.analyze(Heads(), (1, 2, 6, 6), keep_calls=True)
    caller = render_why(explain(report, "second", DEFAULT_FORMULAS))
    assert "shared      runs 648 MACs and 1,296 FLOPs (1 call) of first.0, counted there" in caller
    owner = render_why(explain(report, "second.0", DEFAULT_FORMULAS))
    assert "run by      first: 2,592 MACs and 5,184 FLOPs (1 call)" in owner
    assert "run by      second: 648 MACs" in owner
    assert "shared: second runs 648 MACs of first.0, counted there" in render_text(report)
    assert "first runs" not in render_text(report)


def test_a_shared_block_with_modules_inside_and_calls_by_the_model_itself():
    block = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))

    class Loops(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = block, nn.ModuleList([block])

        def forward(self, x):
            return self.two[0](self.one(x))

    report = archscope.analyze(Loops(), (3, 4))
    assert shared(report)[("", "one")] == (2, 4 * 48, 2 * (4 * 48 + 2 * 12))
    assert shared(report)[("one", "one.0")] == (2, 96, 2 * (96 + 12))


def test_a_module_that_calls_itself_is_told_once():
    class Again(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 4, bias=False)

        def forward(self, x, depth=2):
            return self(self.linear(x), depth - 1) if depth else x

    again = Again()
    report = archscope.analyze(nn.ModuleDict({"a": again}) and nn.Sequential(again, nn.Sequential(again)), (3, 4))
    assert shared(report)[("", "0")] == (1, 96, 192)
    assert shared(report)[("1", "0")] == (1, 96, 192)


def test_direct_calls_and_the_way_through_the_cpu_tell_the_same():
    class Direct(Heads):
        def forward(self, x):
            return self.first[0].forward(x) + self.second(x) * float(x.sum() > 1e9)

    seen = trace(Direct(), torch.zeros(1, 2, 6, 6))
    assert seen.device == "cpu"
    assert shared(archscope.analyze(seen)) == {
        ("", "first.0"): (1, Heads.LARGE, 2 * Heads.LARGE),
        ("second", "first.0"): (1, Heads.LARGE, 2 * Heads.LARGE),
    }


def test_a_model_without_shared_modules_has_no_rows_and_saved_reports_keep_them():
    assert archscope.analyze(nn.Sequential(nn.Linear(4, 4)), (3, 4)).shared == ()
    report = archscope.analyze(SharedAndTied(), (archscope.InputSpec(shape=(1, 3), dtype="int64"),))
    assert report.shared == (SharedRow(caller="", owner="first", calls=2, macs=96, flops=2 * (96 + 12)),)
    assert archscope.from_json(archscope.to_json(report)) == report


@pytest.mark.parametrize(("path", "macs"), [("ssh2.conv3X3", 2_764_800), ("ssh3.conv3X3", 691_200)])
def test_the_heads_of_v2_tell_what_they_run_of_the_first(v2, path, macs):
    assert shared(v2)[(path, "ssh1.conv3X3.0")][:2] == (1, macs)
