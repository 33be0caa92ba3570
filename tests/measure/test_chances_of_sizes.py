# ruff: noqa: S311 - chance is what is tested
"""Chance that decides sizes or picks a layer is told; clocks in a log and draws of training alone are not."""

from __future__ import annotations

import logging
import random
import secrets
import time
import uuid
import weakref

import pytest
import torch
from torch import nn

import archscope

LOG = logging.getLogger(__name__)


class Net(nn.Module):
    """Two layers of 64 parameters, and ``work(model, x)`` as its forward."""

    def __init__(self, work):
        super().__init__()
        self.a, self.b = nn.Linear(8, 8, bias=False), nn.Linear(8, 8, bias=False)
        self.last = 0.0
        self.work = work

    def forward(self, x):
        return self.work(self, x)


def rows(model, x):
    return model.a(x[: random.randint(1, 4)])


def columns(model, x):
    height = random.randrange(1, 4)
    return model.a(x[:height])


def zeros(model, x):
    return model.a(torch.zeros(random.randint(1, 4), 8))


def repeated(model, x):
    times = random.choice([1, 2, 3])
    return model.a(x.repeat(times, 1))


def handed_over(model, x):
    return several(model, x, secrets.randbelow(3))


def several(model, x, count):
    return model.a(x[:count])


def a_layer(model, x):
    return random.choice([model.a, model.b])(x)


def a_layer_by_name(model, x):
    layer = secrets.choice([model.a, model.b])
    return layer(x)


@pytest.mark.parametrize("work", [rows, columns, zeros, repeated, handed_over, a_layer, a_layer_by_name])
def test_sizes_and_layers_that_chance_picks_mark_the_totals(work):
    report = archscope.analyze(Net(work), torch.ones(4, 8))
    assert report.value_dependent
    assert report.value_dependent[0].where.startswith("tests/measure/test_chances_of_sizes.py:")


def a_time_told(model, x):
    start = time.perf_counter()
    y = model.a(x)
    return y, {"ms": 1000 * (time.perf_counter() - start)}


def a_start_kept(model, x):
    state = {"start": time.time()}
    return {"y": model.a(x), "t": state}


def a_name(model, x):
    name = str(uuid.uuid4())
    return {"y": model.a(x), "id": name}


def a_log_now_and_then(model, x):
    if time.time() - model.last > 10:
        LOG.info("alive")
        model.last = time.time()
    return model.a(x)


def layer_drop(model, x):
    probability = random.uniform(0, 1)
    if model.training and probability < 0.1:
        return x
    return model.a(x)


def stochastic_depth(model, x):
    if random.random() < 0.2 and model.training:
        return x
    return model.a(x)


def a_shift(model, x):
    return model.a(x.roll(random.randint(0, 3), 1)) + random.randint(0, 9)


def a_seed(model, x):
    torch.manual_seed(random.randint(0, 9))
    return model.a(x + torch.rand(8))


QUIET = [a_time_told, a_start_kept, a_name, a_log_now_and_then, layer_drop, stochastic_depth, a_shift, a_seed]


@pytest.mark.parametrize("work", QUIET)
def test_what_decides_nothing_in_a_forward_pass_is_no_chance(work):
    report = archscope.analyze(Net(work), torch.ones(4, 8))
    assert report.value_dependent == ()
    assert (report.totals.macs, report.totals.complete) == (4 * 64, True)


class Linked(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)
        self.link = weakref.proxy(self.b)

    def forward(self, x):
        return self.link(self.a(x))


def test_a_proxy_of_a_module_is_another_path_to_it_and_leaves_no_hooks():
    model = Linked()
    report = archscope.analyze(model, torch.ones(2, 8))
    assert (report.totals.macs, report.totals.parameters) == (2 * 2 * 64, 2 * 72)
    assert report["b"].aliases == ("link",)
    assert not any(vars(model.b)[name] for name in vars(model.b) if "hooks" in name)
