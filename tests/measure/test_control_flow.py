"""Torch's control flow operators: the branch taken or the larger one, each step of a loop or one and a lower bound."""

from __future__ import annotations

import pytest
import torch
from told import render_markdown, render_text
from torch import nn
from torch._higher_order_ops.associative_scan import associative_scan
from torch._higher_order_ops.map import map as torch_map
from torch._higher_order_ops.scan import scan
from torch._higher_order_ops.while_loop import while_loop
from torch._ops import HigherOrderOperator

import archscope
from archscope.measure.quick_totals import quick_totals
from archscope.measure.running.tracing import trace
from archscope.serial import from_json, to_json
from archscope.spec import InputSpec, ModelSpec

ROW = 8 * 8  # MACs of one row through one layer


class Layers(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = (nn.Linear(8, 8) for _ in range(3))


class Branches(Layers):
    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda t: self.a(self.b(t)), self.c, (x,))


class Swapped(Layers):
    def forward(self, x):
        return torch.cond(x.sum() > 0, self.c, lambda t: self.a(self.b(t)), (x,))


class Nested(Layers):
    def forward(self, x):
        def inner(t):
            return torch.cond(t.min() > 9, self.a, lambda t: t.sin(), (t,))

        return torch.cond(x.sum() > 0, lambda t: self.c(inner(t)), lambda t: t.cos(), (x,))


class Counted(Layers):
    """A loop whose trip count stands in a constant."""

    def forward(self, x):
        return while_loop(lambda i, _t: i < 3, lambda i, t: (i + 1, self.a(t)), (torch.tensor(0), x))[1]


class UntilSmall(Layers):
    """A loop whose trip count depends on the input."""

    def forward(self, x):
        return while_loop(lambda t: t.abs().max() > 0.3, lambda t: (self.a(t) * 0 + t / 2,), (x,))[0]


class Mapped(Layers):
    def forward(self, x):
        return torch_map(self.a, x)


class Scanned(Layers):
    def forward(self, x):
        def step(carry, row):
            carry = self.a(row) + carry
            return carry, self.b(carry)

        return scan(step, torch.zeros(8, device=x.device), x, dim=0)[1]


class Combined(Layers):
    def forward(self, x):
        return associative_scan(lambda a, b: a * b, self.a(x), dim=0, combine_mode="generic")


def on_meta(model, rows=5):
    with torch.device("meta"):
        model = model()
    return archscope.analyze(model, torch.rand(rows, 8, device="meta"))


@pytest.mark.parametrize(("model", "dear"), [(Branches, 1), (Swapped, -1)])
def test_with_values_the_branch_that_is_taken_counts(model, dear):
    report = archscope.analyze(model(), torch.ones(5, 8) * dear)
    assert report.totals.macs == 5 * 2 * ROW
    assert (report.totals.complete, report.undecided) == (True, ())
    cheap = archscope.analyze(model(), torch.ones(5, 8) * -dear)
    assert cheap.totals.macs == 5 * ROW
    rows = {row.path: row.macs for row in cheap.modules}
    assert (rows["a"], rows["b"], rows["c"]) == (0, 0, 5 * ROW)
    assert set(cheap.uncalled) == {"a", "b"}


@pytest.mark.parametrize("model", [Branches, Swapped])
def test_without_values_the_larger_branch_counts_and_is_told(model):
    report = on_meta(model)
    assert report.totals.macs == 5 * 2 * ROW
    assert report.totals.complete
    assert {row.path: row.own_macs for row in report.modules if row.path} == {"a": 5 * ROW, "b": 5 * ROW, "c": 0}
    assert report.uncalled == ("c",)
    told = "cond in [the model itself]: which branch runs is not known, the one with more FLOPs is counted"
    assert told in render_text(report)
    assert "which branch runs is not known" in render_markdown(report)
    assert from_json(to_json(report)) == report


def test_branches_inside_of_branches():
    report = on_meta(Nested)
    assert report.totals.macs == 5 * 2 * ROW
    assert len(report.undecided) == 1  # two conds in one module are told once
    assert archscope.analyze(Nested(), torch.ones(5, 8)).totals.macs == 5 * ROW
    assert archscope.analyze(Nested(), -torch.ones(5, 8)).totals.macs == 0


def test_memory_of_a_branch_that_was_only_tried_is_none():
    both, alone = on_meta(Branches), archscope.analyze(Branches(), torch.ones(5, 8))
    assert both.totals.peak_activation_bytes == alone.totals.peak_activation_bytes
    assert both.totals.activations == alone.totals.activations


def test_a_loop_with_a_known_count_runs_each_step():
    for report in (archscope.analyze(Counted(), torch.rand(5, 8)), on_meta(Counted)):
        assert report.totals.macs == 3 * 5 * ROW
        assert report.totals.complete
        assert next(row.calls for row in report.modules if row.path == "a") == 3


def test_a_loop_on_values_runs_where_they_are():
    report = archscope.analyze(UntilSmall(), torch.ones(5, 8))
    assert report.totals.macs == 2 * 5 * ROW  # 1, 1/2, 1/4
    assert report.totals.complete
    assert report.model.device == "cpu"
    assert "while_loop" in report.model.fallback


def test_a_loop_that_nobody_can_follow_is_a_lower_bound_and_says_so():
    seen = trace(UntilSmall(), torch.ones(5, 8), device="meta")
    report = archscope.analyze(seen)
    assert report.totals.macs == 5 * ROW
    assert not report.totals.complete
    assert [row.op for row in report.uncounted] == ["higher_order::while_loop"]
    assert "while_loop in [the model itself]: how often it runs is not known, one step is counted" in render_text(
        report
    )


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize(("model", "layers"), [(Mapped, 1), (Scanned, 2), (Combined, 1)])
def test_maps_and_scans_run_every_step(model, layers, device):
    report = archscope.analyze(trace(model(), torch.rand(5, 8), device=device))
    assert report.totals.macs == layers * 5 * ROW
    assert report.totals.complete
    assert report.undecided == ()


@pytest.mark.filterwarnings("ignore")
def test_the_model_runs_afterwards_as_before():
    """Torch's compiler, met while a run was watched, would refuse the model from then on."""
    x = torch.rand(5, 8)
    for build in (Branches, Counted, Mapped, Scanned, Combined):
        model = build()
        archscope.analyze(model, x)
        with torch.no_grad():
            first = model(x)
        torch.testing.assert_close(model(x), first)
        assert archscope.analyze(model, x).totals.complete


def test_torch_is_as_it_was_after_a_run_and_after_a_failed_one():
    before = HigherOrderOperator.__call__
    archscope.analyze(Branches(), torch.ones(5, 8))
    with pytest.raises(archscope.ArchscopeError):
        archscope.analyze(Branches(), torch.ones(5, 7))
    assert HigherOrderOperator.__call__ is before


def test_an_exported_program_keeps_its_branches(tmp_path):
    program = torch.export.export(Branches(), (torch.ones(5, 8),))
    torch.export.save(program, tmp_path / "net.pt2")
    report = archscope.analyze(archscope.load(str(tmp_path / "net.pt2")))
    assert report.totals.macs == 5 * 2 * ROW
    assert report.totals.complete
    assert [row.op for row in report.undecided] == ["cond"]


def test_the_quick_way_agrees():
    spec = ModelSpec(name="net", source="", build=Counted, inputs=(InputSpec(shape=(5, 8), dtype="float32"),))
    assert quick_totals(spec).macs == 3 * 5 * ROW


@pytest.mark.parametrize(
    # every layer takes its weight's gradient, and all but the first its input's
    ("model", "forward", "backward"),
    [(Branches, 2, 3), (Mapped, 1, 1), (Scanned, 2, 3), (Counted, 3, 5)],
)
@pytest.mark.parametrize("given", [True, False])
def test_a_training_step_goes_back_through_control_flow(model, forward, backward, given):
    net = model() if given else model().to("meta")
    report = archscope.analyze(net, torch.ones(5, 8, device="cpu" if given else "meta"), training="sgd")
    step = report.totals.training
    assert (step.forward_macs, step.backward_macs) == (forward * 5 * ROW, backward * 5 * ROW)
    assert step.complete
    assert step.unassigned_flops < step.backward_flops
