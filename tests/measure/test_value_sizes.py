"""A size that values decided decides in turn: loops, branches and sums by it are marked with the line."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import archscope

X = torch.linspace(-1, 1, 32).reshape(4, 8)


class Net(nn.Module):
    """A stem and a head of 64 weights each; ``forward`` is ``work(model, stem(x))``."""

    def __init__(self, work):
        super().__init__()
        self.stem, self.head = nn.Linear(8, 8, bias=False), nn.Linear(8, 8, bias=False)
        self.work = work

    def forward(self, x):
        return self.work(self, self.stem(x))


def measured(work):
    return archscope.analyze(Net(work), X)


def times(count):
    """A model that runs its head as often as ``count(y)`` says."""

    def work(model, y):
        z = y
        for _ in range(count(y)):
            z = model.head(z)
        return z

    return work


def over(values):
    """A model that runs its head once for each of ``values(y)``."""

    def work(model, y):
        return [model.head(y) for _ in values(y)]

    return work


def until_empty(model, y):
    left, z = y[y > -100], y
    while left.numel() > 0:
        z, left = model.head(z), left[8:]
    return z


def early_exit(model, y):
    rows = (y.sum(1) > -100).nonzero()[:, 0]
    if len(rows) == 0:
        return y
    return model.head(y)


def chosen(model, y):
    found = torch.masked_select(y, y > -100)
    return model.head(y) if found.shape[0] else y


def attribute(model, y):
    model.count = len(y[y.sum(1) > -100])
    for _ in range(model.count):
        y = model.head(y)
    return y


def _rows(boxes):
    return boxes.shape[0]


def helper(model, y):
    count = _rows(y[y.sum(1) > -100])
    for _ in range(count):
        y = model.head(y)
    return y


def arithmetic(model, y):
    count = y[y.sum(1) > -100].shape[0]
    return model.head(torch.arange(count * 8.0).view(-1, 8))


# How the work depends on a size, the operator whose size values decide, and the runs of the head.
DEPENDENT = {
    "how many differ": (times(lambda y: len(torch.unique(torch.ones_like(y) * (y > -100)))), "aten::_unique2", 1),
    "how many are chosen": (times(lambda y: y[y.sum(1) > -100].shape[0]), "aten::index.Tensor", 4),
    "how many places": (times(lambda y: (y.sum(1) > -100).nonzero().size(0)), "aten::nonzero", 4),
    "masked_select": (times(lambda y: torch.masked_select(y[:, 0], y[:, 0] > -100).numel()), "aten::masked_select", 4),
    "argwhere": (times(lambda y: torch.argwhere(y.sum(1) > -100).shape[0]), "aten::nonzero", 4),
    "bins": (times(lambda y: torch.bincount((y[:, 0] > -100).long()).shape[0]), "aten::bincount", 2),
    "repeats": (
        times(lambda y: torch.repeat_interleave(y[:, 0], (y[:, 0] > -100).long()).shape[0]),
        "aten::repeat_interleave.Tensor",
        4,
    ),
    "values of a sparse tensor": (times(lambda y: (y[:, 0] > -100).float().to_sparse()._nnz()), "aten::_to_sparse", 4),
    "each place": (over(lambda y: (y.sum(1) > -100).nonzero()), "aten::nonzero", 4),
    "each row": (over(lambda y: y[y.sum(1) > -100].unbind()), "aten::index.Tensor", 4),
    "each part": (over(lambda y: y[y.sum(1) > -100].split(2)), "aten::index.Tensor", 2),
    "a while loop": (until_empty, "aten::index.Tensor", 4),
    "an early exit": (early_exit, "aten::nonzero", 1),
    "a choice": (chosen, "aten::masked_select", 1),
    "an attribute": (attribute, "aten::index.Tensor", 4),
    "a helper": (helper, "aten::index.Tensor", 4),
    "a sum": (arithmetic, "aten::index.Tensor", 1),
}


@pytest.mark.parametrize("name", DEPENDENT)
def test_a_size_that_values_decided_is_told_where_the_model_steers_by_it(name):
    work, op, runs = DEPENDENT[name]
    report = measured(work)
    row = next(row for row in report.value_dependent if row.op == op)
    assert row.where.startswith("tests/measure/test_value_sizes.py:")
    assert (row.macs, "head" in row.modules, "stem" in row.modules) == (256 * runs, True, False)
    assert report.totals.macs == 256 * (runs + 1)
    assert report.totals.complete


# Arrays decide as numbers do.
ARRAYS = {
    "a branch on an array": lambda m, y: m.head(y) if y.numpy().max() > -100 else y,
    "a loop over an array": over(lambda y: np.unique(np.asarray(y[:1, :1]))),
    "a loop over memory": over(lambda y: memoryview(y.numpy()[0, :1])),
    "a loop over a DLPack array": over(lambda y: np.from_dlpack(y)[:1, 0]),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_what_is_read_as_an_array_decides_too(name):
    report = measured(ARRAYS[name])
    (row,) = report.value_dependent
    assert (row.macs, row.modules) == (256, ("head",))


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support:UserWarning")
@pytest.mark.parametrize("product", [torch.sparse.mm, torch.matmul])
@pytest.mark.parametrize("form", ["to_sparse", "to_sparse_csr"])
def test_the_values_of_a_sparse_tensor_made_of_activations_are_told(form, product):
    report = measured(lambda m, y: product(getattr(y.relu(), form)(), m.head.weight))
    assert [row.op.startswith("aten::_to_sparse") for row in report.value_dependent] == [True]
    assert report.value_dependent[0].macs == report.totals.macs - 256


def test_a_size_that_only_shapes_other_tensors_decides_nothing_else():
    report = measured(lambda m, y: (m.head(y), y[y.sum(1) > -100].reshape(y.shape[0], 8) * 2))
    (row,) = report.value_dependent
    assert (row.macs, row.flops) == (0, 32)


KNOWN = {
    "its own size": times(lambda y: y.shape[0]),
    "constants": times(lambda _: len(torch.unique(torch.tensor([1, 2, 2, 3, 4])))),
    "the best four": times(lambda y: y.flatten().topk(4).values.numel()),
    "places of a fixed number": times(lambda y: torch.nonzero_static(y > 0, size=4).shape[0]),
}


@pytest.mark.parametrize("name", KNOWN)
def test_sizes_that_are_known_raise_no_alarm(name):
    report = measured(KNOWN[name])
    assert report.value_dependent == ()
    assert report.totals.macs == 5 * 256


ONE_LINE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 8, bias=False)

    def forward(self, y):
        if y.max() > 100: print()
        else: y = self.head(y)
        return y
"""


def test_a_branch_that_prints_on_one_side_decides_about_the_other(tmp_path, monkeypatch):
    (tmp_path / "oneline.py").write_text(ONE_LINE)
    monkeypatch.syspath_prepend(str(tmp_path))
    import oneline

    (row,) = archscope.analyze(oneline.Net(), X).value_dependent
    assert row.macs == 256
