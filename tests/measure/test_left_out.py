"""Where values, texts of values or chance left work out, the report says which line did, although nothing ran."""

from __future__ import annotations

import hashlib
import logging
import pickle
import random

import numpy as np
import pytest
import torch
from torch import nn

import archscope
from archscope.judge.budgets import check
from archscope.judge.reservations import reservations
from archscope.policy import Budget, Limit

ONE = 4 * 8 * 8


class Net(nn.Module):
    """Two layers, of which ``work`` may leave the second out."""

    def __init__(self, work):
        super().__init__()
        self.first = nn.Linear(8, 8, bias=False)
        self.second = nn.Linear(8, 8, bias=False)
        self.work = work

    def forward(self, x):
        return self.work(self, self.first(x))


def measured(work):
    torch.manual_seed(0)
    return archscope.analyze(Net(work), torch.rand(4, 8))


def early(model, x):
    if x.max() > -1e9:
        return x
    return model.second(x)


def by_name(model, x):
    sure = (x.max() > -1e9).item()
    if not sure:
        x = model.second(x)
    return x


def is_sure(x):
    return x.max() > -1e9


def by_helper(model, x):
    if is_sure(x):
        return x
    return model.second(x)


def by_loop(model, x):
    while x.max() > 1e9:
        x = model.second(x)
    return x


def by_count(model, x):
    for _ in range(int(x.max().clamp(max=0))):
        x = model.second(x)
    return x


def by_size(model, x):
    for _ in (x > 1e9).nonzero():
        x = model.second(x)
    return x


def by_table(model, x):
    return {False: lambda same: same, True: model.second}[bool(x.max() > 1e9)](x)


def by_list(model, x):
    values = x.tolist()
    return x if values[0][0] > -1e9 else model.second(x)


def by_array(model, x):
    return x if x.numpy().max() > -1e9 else model.second(x)


def leaves_a_loop(model, x):
    for layer in (model.second, model.second):
        if x.mean() > -1e9:
            break
        x = layer(x)
    return x


def by_chance(model, x):
    return model.second(x) if random.random() > 2 else x  # noqa: S311 - no secret


def by_a_generator_of_numbers(model, x):
    if random.Random(0).uniform(0, 1) < 2:  # noqa: S311 - the same
        return x
    return model.second(x)


def by_numpy(model, x):
    if np.random.rand() < 2:  # noqa: NPY002 - older code draws so
        return x
    return model.second(x)


LEFT_OUT = [early, by_name, by_helper, by_loop, by_count, by_size, by_table, by_list, by_array, leaves_a_loop]
LEFT_OUT += [by_chance, by_a_generator_of_numbers, by_numpy]


@pytest.mark.parametrize("work", LEFT_OUT)
def test_a_line_that_left_work_out_is_told(work):
    report = measured(work)
    assert (report.totals.macs, report.totals.complete) == (ONE, True)
    (row,) = report.value_dependent
    assert (row.macs, row.modules) == (0, ())
    assert row.where.startswith("tests/measure/test_left_out.py:")
    assert "what it left out in this run is in no figure" in reservations(report)[0]


def test_a_budget_on_what_ran_is_not_proven_by_a_branch_not_taken():
    budget = Budget(name="b", model="m", metric="macs", max=Limit.parse(10_000))
    assert check(measured(early), [budget]).results[0].status == "unproven"


def keeps(model, x):
    model.seen = x.mean().item()
    return x


def checks(_model, x):
    if x.isnan().any():
        raise ValueError(f"not a number in {x}")
    return x


def logs(_model, x):
    logging.getLogger(__name__).debug(f"{x}")  # noqa: G004 - the text is made, whoever listens
    print(f"{x.shape}: {x}")  # noqa: T201 - so do models
    return x


def noise(_model, x):
    return x * random.random()  # noqa: S311 - no secret


@pytest.mark.parametrize("work", [keeps, checks, logs, noise])
def test_what_decides_nothing_raises_no_alarm(work):
    report = measured(work)
    assert report.value_dependent == ()
    assert report.totals.complete


# Each makes a text or bytes of values, and decides by them.
TEXTS = {
    "str": lambda x: "nan" in str(x),
    "repr": lambda x: len(repr(x)) < 10,
    "a format": lambda x: "nan" in f"{x}",
    "a format of one number": lambda x: f"{x.sum():.3f}" == "7",
    "an old format": lambda x: "nan" in "%s" % x,  # noqa: UP031 - that is the point
    "a list's": lambda x: "nan" in str([x]),
    "a parameter's": lambda x: "nan" in repr(nn.Parameter(x)),
    "pickled": lambda x: hashlib.sha256(pickle.dumps(x)).hexdigest() == "",
    "an array's bytes": lambda x: x.numpy().tobytes() == b"",
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_of_values_is_read_as_values_are(name):
    asks = TEXTS[name]

    def work(model, x):
        return model.second(x) if asks(x) else x

    report = measured(work)
    assert report.model.device == "cpu"
    assert report.value_dependent
