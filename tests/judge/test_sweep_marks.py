"""A sweep says of each setting what analyze says of its model: figures for these values, weights in no count."""

import csv
import io
import json
import textwrap

import pytest
from click.testing import CliRunner
from told import render_sweep_csv, render_sweep_markdown, render_sweep_png, render_sweep_text, written

from archscope.cli import main
from archscope.documents.sweep import SWEEP
from archscope.judge.sweep import measure_setting, run_sweep
from archscope.judge.sweep_options import parse_axes, parse_vary
from archscope.measure.measuring import analyze
from archscope.results.sweep import Limit, Setting
from archscope.sources import load
from archscope.spec import InputSpec

NET = textwrap.dedent(
    """
    import torch
    from torch import nn
    from torch.nn import functional

    class Holder:
        pass

    class Net(nn.Module):
        def __init__(self, kind: str = "plain"):
            super().__init__()
            self.kind = kind
            self.layer = nn.Linear(8, 8, bias=False)
            self.hidden = [nn.Linear(8, 8, bias=False)]
            self.scale = Holder()
            self.scale.weight = nn.Parameter(torch.ones(8))
            self.mask = torch.ones(8)

        def forward(self, x):
            y = self.layer(x + self.mask)
            if self.kind == "hidden":
                y = self.hidden[0](y)
            if self.kind == "transposed":
                y = y @ self.hidden[0].weight.t()
            if self.kind == "scaled":
                y = y * self.scale.weight
            if self.kind == "picked":
                y = self.layer(y[y.sum(1) > -1e9])
            if self.kind == "asked" and y.sum() > -1e9:
                y = self.layer(y)
            return y
    """
)
X = (InputSpec(shape=(4, 8)),)
KINDS = ("plain", "hidden", "transposed", "scaled", "picked", "asked")
HIDDEN = {"hidden": 64, "transposed": 64, "scaled": 8}  # the elements that no parameter count holds
DECIDED = {"picked", "asked"}


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    file = tmp_path_factory.mktemp("net") / "net.py"
    file.write_text(NET)
    return f"{file}:Net"


@pytest.fixture(scope="module")
def sweep(net):
    """Every kind at once, under limits that all but the marks would meet."""
    limits = (Limit(metric="parameters", max=64), Limit(metric="macs", max=10_000))
    return run_sweep(
        net,
        parse_vary([f"kind={','.join(KINDS)}"], load(net)),
        options={},
        inputs=X,
        limits=limits,
        axes=parse_axes("parameters:min,macs:max"),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_setting_has_the_marks_of_its_report(net, kind):
    point = measure_setting(net, {}, X, (Setting(name="kind", value=kind),))
    report = analyze(load(net, kind=kind), X)
    assert sum(row.numel for row in point.unregistered) == HIDDEN.get(kind, 0)
    assert bool(point.value_dependent) == (kind in DECIDED)
    assert (point.unregistered, point.value_dependent) == (report.unregistered, report.value_dependent)
    assert (point.parameters, point.macs, point.flops) == tuple(
        report.totals[name] for name in ("parameters", "macs", "flops")
    )


def test_a_marked_setting_meets_no_limit_and_is_on_no_front(sweep):
    rows = list(csv.DictReader(io.StringIO(render_sweep_csv(sweep))))
    assert {row["kind"]: row["status"] for row in rows} == {
        kind: "front" if kind == "plain" else "unproven" for kind in KINDS
    }
    assert {row["kind"]: int(row["unregistered"]) for row in rows if row["unregistered"] != "0"} == HIDDEN
    assert {row["kind"] for row in rows if row["value_dependent"] == "True"} == DECIDED
    assert [row["reason"] for row in rows] == [""] * len(KINDS)


def test_marks_touch_no_limit_on_a_figure_that_they_leave_alone(sweep):
    """Hidden weights do not change MACs, and values that decide what runs change no parameter."""
    points = dict(zip(KINDS, sweep.points, strict=True))
    assert points["hidden"].meets((Limit(metric="macs", max=512),))
    assert points["asked"].meets((Limit(metric="parameters", max=64),))
    assert not points["asked"].meets((Limit(metric="macs", max=512),))
    assert points["asked"].exceeds((Limit(metric="macs", max=511),))


def test_every_view_tells_the_marks(sweep):
    for view in (render_sweep_text(sweep), render_sweep_markdown(sweep)):
        assert "64 more parameters registered nowhere" in view
        assert "for these values" in view
        assert "3 settings with weights that are registered nowhere" in view
        assert "decides by values: MACs and FLOPs of 1 setting hold" in view
        assert "1 meet the limits, 5 are unproven, 0 are over, 0 refused" in view
    points = json.loads(written(SWEEP, "json", sweep))["points"]
    assert [bool(point["unregistered"]) for point in points] == [kind in HIDDEN for kind in KINDS]
    assert [row["op"] for point in points for row in point["value_dependent"]] != []
    assert render_sweep_png(sweep)


def test_a_sweep_without_marks_says_nothing_of_them(net):
    plain = run_sweep(
        net, parse_vary(["kind=plain"], load(net)), options={}, inputs=X, limits=(), axes=parse_axes("macs:min")
    )
    assert "registered" not in render_sweep_text(plain)
    assert "values" not in render_sweep_text(plain)


def test_the_command_tells_them(net):
    done = CliRunner().invoke(
        main, ["plan", net, "--vary", "kind=hidden,picked", "--input", "4x8", "--max-params", "1M", "--max-macs", "1M"]
    )
    assert done.exit_code == 0, done.output
    assert "0 meet the limits, 2 are unproven" in done.stdout
