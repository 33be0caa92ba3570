"""What chance or a clock decides is told with its line, by whatever name a model draws; what decides nothing, not."""

from __future__ import annotations

import os
import random
import secrets
import time
import uuid
import warnings
from random import random as drawn_at_random
from time import perf_counter

import numpy as np
import pytest
import torch
from numpy.random import rand
from told import render_text
from torch import nn

import archscope

GENERATOR = np.random.default_rng(3)
STATE = np.random.RandomState(3)


class Net(nn.Module):
    """Two layers of 64 parameters, and ``work(model, x)`` as its forward; generators in a class and an attribute."""

    of_class = np.random.default_rng(4)

    def __init__(self, work):
        super().__init__()
        self.layer = nn.Linear(8, 8, bias=False)
        self.other = nn.Linear(8, 8, bias=False)
        self.rng = np.random.default_rng(5)
        self.draw = random.random
        self.work = work

    def forward(self, x):
        return self.work(self, x)


def measured(work, device=""):
    return archscope.analyze(archscope.trace(Net(work), torch.rand(4, 8), device=device))


def skips_by(draw):
    def work(model, x):
        if draw(model) < 0.5:
            x = model.other(x)
        return model.layer(x)

    return work


DRAWS = {
    "Generator.random": lambda _m: np.random.default_rng().random(),
    "Generator.integers": lambda _m: GENERATOR.integers(2),
    "Generator.permutation": lambda m: m.rng.permutation(2)[0],
    "Generator.uniform": lambda m: m.of_class.uniform(),
    "RandomState.rand": lambda _m: STATE.rand(),
    "numpy.random.rand": lambda _m: rand(),  # noqa: NPY002
    "numpy.random.normal": lambda _m: np.random.normal(),  # noqa: NPY002
    "random.random": lambda _m: drawn_at_random(),  # noqa: S311
    "random.betavariate": lambda _m: random.betavariate(1, 1),
    "random.randbytes": lambda _m: random.randbytes(1)[0] / 256,  # noqa: S311
    "SystemRandom.random": lambda _m: random.SystemRandom().random(),
    "secrets.randbelow": lambda _m: secrets.randbelow(2),
    "secrets.choice": lambda _m: secrets.choice([0, 1]),
    "os.urandom": lambda _m: os.urandom(1)[0] / 256,
    "uuid.uuid4": lambda _m: uuid.uuid4().int % 2,
    "time.time_ns": lambda _m: time.time_ns() % 2,
    "time.perf_counter": lambda _m: perf_counter() % 1,
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_layer_that_is_skipped_by_chance_marks_the_totals_and_says_by_what_and_where(name):
    report = measured(skips_by(DRAWS[name]))
    (row,) = report.value_dependent
    assert row.op == name
    assert row.where.startswith("tests/measure/test_chances.py:")
    assert row.macs == report.totals.macs
    assert report.totals.macs in {256, 512}
    assert "for these values" in render_text(report)


def test_a_function_that_the_model_holds_draws_too():
    assert [row.op for row in measured(skips_by(lambda m: m.draw())).value_dependent] == ["random.random"]


def loops(model, x):
    for _ in range(GENERATOR.integers(1, 3)):
        x = model.layer(x)
    return x


def by_a_variable(model, x):
    keeps = STATE.uniform() < 0.5
    return model.layer(model.other(x) if keeps else x)


def until_time_is_up(model, x):
    start = time.monotonic()
    for _ in range(2):
        if time.monotonic() - start > 60:
            break
        x = model.layer(x)
    return x


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize("work", [loops, by_a_variable, until_time_is_up])
def test_loops_variables_and_deadlines_decide_too(work, device):
    assert {row.where.partition(":")[0] for row in measured(work, device).value_dependent} == {
        "tests/measure/test_chances.py"
    }


def timed(model, x):
    start = time.perf_counter()
    y = model.layer(x)
    model.took = time.perf_counter() - start
    return y


def named(model, x):
    model.name = f"run-{uuid.uuid4()}-{time.time()}"
    return model.layer(x)


def tells_if_slow(model, x):
    start = time.perf_counter()
    y = model.layer(x)
    if time.perf_counter() - start > 60:
        warnings.warn("slow", stacklevel=1)
    return y


HONEST = {
    "a measured time": timed,
    "a name": named,
    "a warning": tells_if_slow,
    "a noise": lambda m, x: m.layer(x) + torch.from_numpy(GENERATOR.normal(size=(4, 8)).astype("f4")),
    "a factor": lambda m, x: m.layer(x) * m.rng.random() + STATE.rand(),
    "a seed that is given": skips_by(lambda _m: np.random.default_rng(0).random()),
    "an order": lambda m, x: m.layer(x[GENERATOR.permutation(4).tolist()]),
}


@pytest.mark.parametrize("name", HONEST)
def test_chance_that_leaves_no_work_out_raises_no_alarm(name):
    report = measured(HONEST[name])
    assert report.value_dependent == ()
    assert report.totals.complete
    assert report.totals.macs in {256, 512}


def test_generators_and_functions_come_back_as_they_were():
    def held():
        return (GENERATOR, STATE, Net.of_class, drawn_at_random, rand, np.random.default_rng, time.time, os.urandom)

    before, states = held(), (GENERATOR.bit_generator.state, STATE.get_state()[2])
    measured(skips_by(lambda _m: GENERATOR.random() + STATE.rand() + rand()))  # noqa: NPY002
    with pytest.raises(archscope.errors.ForwardError):
        measured(lambda m, x: m.layer(x[:, : 3 + GENERATOR.integers(2)]))
    assert all(one is other for one, other in zip(held(), before, strict=True))
    assert states[0] == GENERATOR.bit_generator.state


def test_a_generator_of_the_model_goes_on_where_it_was():
    net = Net(skips_by(lambda m: m.rng.random()))
    archscope.analyze(net, torch.rand(4, 8))
    assert net.rng.random() == np.random.default_rng(5).random()
    assert type(net.rng) is np.random.Generator
