"""What a forward makes or leaves for later: layers, numbers worked out in Python, objects that reach modules."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import nn

import archscope

X = torch.linspace(-1, 1, 32).reshape(4, 8)


class Net(nn.Module):
    """A layer of 8 to 8 features (256 MACs for 4 rows), and ``work(model, x)`` as its forward."""

    def __init__(self, work):
        super().__init__()
        self.layer = nn.Linear(8, 8, bias=False)
        self.work = work

    def forward(self, x):
        return self.work(self, x)


def measured(work):
    return archscope.analyze(Net(work), X)


def made(model, x):
    if not hasattr(model, "late"):
        model.late = nn.Linear(8, 8, bias=False)
    return model.late(model.layer(x))


def appended(model, x):
    model.parts = nn.ModuleList()
    model.parts.append(nn.Linear(8, 8, bias=False))
    return model.parts[0](model.layer(x))


def registered(model, x):
    model.register_parameter("late", nn.Parameter(torch.rand(8, 8)))
    return model.layer(x) @ model.late


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize("work", [made, appended, registered])
def test_a_layer_that_forward_makes_is_told_and_the_model_does_not_keep_it(work, device):
    model = Net(work)
    report = archscope.analyze(archscope.trace(model, X, device=device))
    assert (report.totals.parameters, report.totals.macs) == (64, 512)
    (row,) = report.unregistered
    assert row.shape == (8, 8)
    assert [name for name, _ in model.named_parameters()] == ["layer.weight"]


def renewed(model, x):
    model.layer.weight = nn.Parameter(model.layer.weight.data * 1)
    return model.layer(x)


def test_a_parameter_that_takes_the_place_of_another_raises_no_alarm():
    assert measured(renewed).unregistered == ()


def products(x, place):
    """Each row's sum, worked out in Python, written to four rows of eight by ``place(out, i, j, number)``."""
    rows, out = x.tolist(), torch.zeros(4, 8)
    for i in range(4):
        for j in range(8):
            place(out, i, j, sum(value * (j + 1) for value in rows[i]))
    return out


def by_item(model, x):
    out = torch.zeros(4, 8)
    for i in range(4):
        for j in range(8):
            out[i, j] = sum(x[i, k].item() * (j + 1) for k in range(8))
    return model.layer(out)


def filled(out, i, j, number):
    out[i, j].fill_(number)


def added(out, i, j, number):
    out[i, j] += number


WRITTEN = {
    "stored": lambda m, x: m.layer(products(x, lambda out, i, j, number: out[i].__setitem__(j, number))),
    "stored, from single numbers": by_item,
    "filled": lambda m, x: m.layer(products(x, filled)),
    "added": lambda m, x: m.layer(products(x, added)),
    "full": lambda m, x: m.layer(torch.cat([torch.full((1, 8), sum(row)) for row in x.tolist()])),
    "scalar tensors": lambda m, x: m.layer(torch.stack([torch.scalar_tensor(sum(r)) for r in x.T.tolist()])),
    "tensors of numbers": lambda m, x: m.layer(torch.stack([torch.tensor(sum(row)) for row in x.T.tolist()])),
    "masks": lambda m, x: m.layer(
        functools.reduce(lambda y, n: y.masked_fill(x > n[0], 2 * n[1]), enumerate(x[0].tolist()), x)
    ),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_numbers_worked_out_in_python_and_written_back_are_work_out_of_sight(name):
    report = measured(WRITTEN[name])
    assert "outside" in {row.kind for row in report.unseen}
    assert not report.totals.complete


def carried(model, x):
    out = torch.zeros(4)
    for i, value in enumerate(x[:, 0].tolist()):
        out[i] = value
    return model.layer(x) + out[:, None]


# One number that scales or fills a whole tensor, and numbers that only go from here to there, are no work.
CARRIED = {
    "one scale": lambda m, x: m.layer(x) * (1 / x.abs().max().item()),
    "one fill": lambda m, x: m.layer(x).masked_fill(x > 0, x.min().item() - 1),
    "as they were": carried,
    "a constant": lambda m, x: m.layer(x) + torch.full((8,), 0.5) * (x.max().item() > -9),
}


@pytest.mark.parametrize("name", CARRIED)
def test_single_numbers_and_those_that_are_only_carried_are_no_work(name):
    assert measured(CARRIED[name]).totals.complete


class Held:
    def __init__(self, layer, x):
        self.layer, self.x = layer, x

    @property
    def result(self):
        return self.layer(self.x)


class Callable:
    def __init__(self, x):
        self.x = x

    def __call__(self):
        return self.x @ self.x.T


def iterable(model, x):
    class Rows:
        def __iter__(self):
            return (model.layer(row) for row in x)

    return Rows()


def lazy(model, x):
    class Lazy:
        @functools.cached_property
        def y(self):
            return model.layer(x)

    return model.layer(x), Lazy()


LATER = {
    "an object with a module": lambda m, x: {"found": Held(m.layer, x)},
    "an object to be called": lambda m, x: (m.layer(x), Callable(x)),
    "an object to be run through": iterable,
    "an object that works out its attributes": lazy,
}


@pytest.mark.parametrize("name", LATER)
def test_a_result_that_reaches_a_module_or_can_be_called_does_its_work_later(name):
    report = measured(LATER[name])
    assert {row.kind for row in report.unseen} == {"later"}
    assert not report.totals.complete


class Plain:
    """Attributes, properties and items, of its own tensors alone."""

    def __init__(self, y):
        self.y = y

    @property
    def first(self):
        return self.y[0]

    def __getitem__(self, place):
        return self.y[place]


@pytest.mark.parametrize("make", [Plain, lambda y: torch.distributions.Normal(y, torch.ones_like(y))])
def test_an_object_of_tensors_is_a_result_like_any_other(make):
    report = measured(lambda m, x: make(m.layer(x)))
    assert (report.totals.macs, report.totals.complete) == (256, True)


@pytest.mark.filterwarnings("ignore")  # torch warns of what it does inside
def test_a_linearised_function_is_counted_where_its_constants_are_worked_out():
    report = measured(lambda m, x: torch.func.linearize(m.layer, x)[1](x))
    assert (report.model.device, report.totals.complete) == ("cpu", True)


def mixed(model, x):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = model.layer(x)
        return torch.nn.functional.layer_norm(y, (8,), torch.ones(8), torch.zeros(8)), torch.nn.functional.mse_loss(
            y, x
        )


@pytest.mark.parametrize("training", [False, True])
def test_mixed_norms_and_losses_take_the_memory_that_they_take_on_the_cpu(training):
    meta, cpu = (archscope.trace(Net(mixed), X, device=device, training=training) for device in ("", "cpu"))
    assert sorted(s.nbytes for s in meta.storages) == sorted(s.nbytes for s in cpu.storages)
