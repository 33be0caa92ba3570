"""Figures that hold for one input's values alone are marked so, with the line that decides and what depends on it."""

from __future__ import annotations

import inspect
import warnings

import pytest
import torch
from click.testing import CliRunner
from told import render_markdown, render_text
from torch import nn
from torch.nn import functional

import archscope
from archscope.cli import main
from archscope.judge.budgets import check
from archscope.policy import Budget, Limit

X = torch.linspace(-1, 1, 32).reshape(4, 8)


class Net(nn.Module):
    """A stem and a head of 64 weights each; ``forward`` is ``work(model, stem(x))``."""

    def __init__(self, work):
        super().__init__()
        self.stem = nn.Linear(8, 8, bias=False)
        self.head = nn.Linear(8, 8, bias=False)
        self.register_buffer("steps", torch.tensor([2, 3]))
        self.work = work

    def forward(self, x):
        return self.work(self, self.stem(x))


def measured(work):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return archscope.analyze(Net(work), X)


def chosen(model, y):
    return model.head(y[y.sum(1) > -100])


def found(model, y):
    return model.head(y[(y.sum(1) > -100).nonzero()[:, 0]])


def looped(model, y):
    while y.abs().max() < 100:
        y = model.head(y) * 100
    return y


def counted(model, y):
    for _ in range(int(y.abs().max()) + 2):
        y = model.head(y)
    return y


def branched(model, y):
    if (y > -100).all():
        y = model.head(y)
    return y


def listed(model, y):
    return [model.head(y) for value in y[:, 0].tolist() if value > -100]


def routed(model, y):
    experts = y.argmax(1)
    out = torch.zeros_like(y)
    for expert in experts.unique():
        rows = torch.where(experts == expert)[0]
        out.index_add_(0, rows, model.head(y[rows]))
    return out


def drawn(model, y):
    return model.head(y) if torch.rand(()) < 2 else y


def sized(model, y):
    kept = (y.sum(1) > -100).nonzero()
    return model.head(torch.ones(len(kept), 8))


def repeated(model, y):
    return model.head(torch.repeat_interleave(y, (y.sum(1) > -100).long() + 1, dim=0))


# How the work depends on values, the operator that tells them, and the MACs of the head that depend on it.
DEPENDENT = {
    "a mask": (chosen, "aten::index.Tensor", 256),
    "places": (found, "aten::nonzero", 256),
    "a loop until": (looped, "aten::_local_scalar_dense", None),
    "a number of times": (counted, "aten::_local_scalar_dense", None),
    "a branch": (branched, "aten::_local_scalar_dense", 256),
    "a list": (listed, "Tensor.tolist", 1024),
    "routing": (routed, "aten::_unique2", None),
    "chance": (drawn, "aten::_local_scalar_dense", 256),
    "a size, as a number": (sized, "aten::nonzero", 256),
    "repeats": (repeated, "aten::repeat_interleave.Tensor", 512),
}


@pytest.mark.parametrize("name", DEPENDENT)
def test_a_line_that_decides_by_values_is_named_with_what_depends_on_it(name):
    work, op, macs = DEPENDENT[name]
    report = measured(work)
    row = next(row for row in report.value_dependent if row.op == op)
    lines, first = inspect.getsourcelines(work)
    file, _, line = row.where.rpartition(":")
    assert file == "tests/measure/test_value_dependent.py"
    assert first < int(line) < first + len(lines)
    assert "head" in row.modules
    assert "stem" not in row.modules
    assert 0 < row.macs <= report.totals.macs - 256
    if macs is not None:
        assert row.macs == macs
    assert report.totals.complete


def asserted(model, y):
    assert y.sum() == y.sum(), "not a number"
    return model.head(y)


def refused(model, y):
    if torch.isnan(y).any():
        raise ValueError("not a number")
    return model.head(y)


def warned(model, y):
    if y.min() < -100:
        warnings.warn("very small", stacklevel=2)
    return model.head(y)


def asserted_by_torch(model, y):
    torch._assert(bool((y > -100).all()), "very small")
    return model.head(y)


def printed(model, y):
    print("largest", y.max().item())  # noqa: T201 - what a model does
    return model.head(y)


def encoded(model, y):
    classes = functional.one_hot(y.argmax(1), 8)
    if y.isnan().any():
        raise ValueError("not a number")
    return model.head(classes.float())


def from_buffers(model, y):
    for _ in range(int(model.steps[0])):
        y = model.head(y)
    return y


def from_constants(model, y):
    for _ in range(int(torch.tensor([1, 2]).sum())):
        y = model.head(y)
    return y


def put(model, y):
    y[y < 0] = 0
    return model.head(y)


def told_at_the_end(model, y):
    return model.head(y).argmax(1).tolist()


CHECKS = [asserted, refused, warned, asserted_by_torch, printed, encoded, from_constants, put, told_at_the_end]


@pytest.mark.parametrize("work", [*CHECKS, from_buffers])
def test_values_that_are_only_checked_or_known_raise_no_alarm(work, capsys):
    report = measured(work)
    assert report.value_dependent == ()
    assert report.unseen == ()
    assert report.totals.complete


def test_work_before_the_line_does_not_depend_on_it():
    def work(model, y):
        y = model.head(y)
        return y[y > 0]

    report = measured(work)
    assert not any(row.macs for row in report.value_dependent)


def test_the_notice_names_the_line_and_no_switch_of_torch():
    text = render_text(measured(found))
    line = inspect.getsourcelines(found)[1] + 1
    assert (
        f"not on meta: the model reads values, which meta tensors do not have: aten::nonzero at {_file()}:{line}"
        in text
    )
    assert "torch.fx" not in text
    assert f"{_file()}:{line} (aten::nonzero) decides by values: 256 MACs and 512 FLOPs hold for the values" in text
    assert "in head" in text
    assert "for these values" in text.partition("MACs")[2].partition("\n")[0]
    assert "decides by values" in render_markdown(measured(found))


def _file():
    return "tests/measure/test_value_dependent.py"


def test_a_saved_report_keeps_it():
    report = measured(routed)
    assert archscope.from_json(archscope.to_json(report)) == report


def status(report, metric, most):
    result = check(report, [Budget(name="b", model="m", metric=metric, max=Limit.parse(most))]).results[0]
    return result.status, " ".join(result.notes)


def test_a_budget_on_a_figure_that_depends_on_values_is_unproven_and_others_pass():
    report = measured(found)
    told, notes = status(report, "macs", 10_000)
    assert told == "unproven"
    assert "decides by values: 256 MACs" in notes
    assert status(report, "macs", 100)[0] == "failed"
    assert status(report, "parameters", 10_000)[0] == "passed"
    after = measured(lambda model, y: (y := model.head(y), y[y > 0] * 2)[1])
    assert status(after, "macs", 10_000)[0] == "passed"
    assert status(after, "flops", 10_000)[0] == "unproven"
    assert status(measured(asserted), "macs", 10_000)[0] == "passed"


SOURCE = """
from torch import nn
class Net(nn.Linear):
    def __init__(self):
        super().__init__(8, 8)
    def forward(self, x):
        return super().forward(x[x.sum(1) > 0])
"""


def test_strict_asks_that_all_is_counted_and_a_lock_compares_the_same_values(tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "archscope.toml").write_text('[models.net]\nsource = "net.py:Net"\ninputs = ["4x8"]\n')

    def run(*words):
        return CliRunner().invoke(main, words)

    told = run("analyze", "net", "--strict", "--no-files")
    assert told.exit_code == 0, told.output
    assert "net.py:7 (aten::index.Tensor) decides by values" in told.output.replace("\n", " ")
    assert run("lock").exit_code == 0
    held = run("check")
    assert held.exit_code == 0, held.output


@pytest.mark.parametrize("chosen", [0, 2])
def test_what_ran_on_nothing_depends_on_the_values_that_chose_nothing(chosen):
    class Chooses(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(8, 4)

        def forward(self, x):
            return self.head(x[x[:, 0] > 0])

    x = torch.zeros(5, 8)
    x[:chosen] = 1
    report = archscope.analyze(Chooses(), x)
    assert report.totals.macs == chosen * 8 * 4
    (row,) = report.value_dependent
    assert (row.macs, row.modules) == (chosen * 8 * 4, ("head",))
    assert not archscope.check(Chooses(), x, macs="<1000").passed
