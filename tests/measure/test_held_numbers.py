"""Weights that stand in arrays and lists of numbers are told as those in tensors are, and constants are not."""

from __future__ import annotations

import array
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import archscope

RANDOM = np.random.default_rng(0).normal(size=(8, 5)).astype("f4")
ROWS = RANDOM.tolist()


class Model(nn.Module):
    """Holds what ``held`` gives in a plain attribute, beside a registered layer of 72 parameters."""

    def __init__(self, held, forward):
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.held = held
        self.work = forward

    def forward(self, x):
        return self.work(self, self.layer(x))


def in_mixed_precision(model, x):
    with torch.autocast("cpu", torch.bfloat16):
        return x @ torch.from_numpy(model.held)


def closure():
    rows = np.random.default_rng(1).normal(size=(8, 5)).tolist()
    return lambda _model, x: x @ torch.tensor(rows)


# What is held, how it is used, and how many elements of how many tensors are registered nowhere.
WEIGHTS = {
    "an array": (RANDOM, lambda m, x: x @ torch.from_numpy(m.held), 40, 1),
    "a list": (ROWS, lambda m, x: x @ torch.tensor(m.held), 40, 1),
    "a list, by the old call": (ROWS, lambda m, x: x @ torch.FloatTensor(m.held), 40, 1),
    "on the device of another": (RANDOM, lambda m, x: x @ torch.as_tensor(m.held, device=x.device), 40, 1),
    "of the kind of another": (ROWS, lambda m, x: x @ x.new_tensor(m.held), 40, 1),
    "in bfloat16": (ROWS, lambda m, x: x.bfloat16() @ torch.tensor(m.held, dtype=torch.bfloat16), 40, 1),
    "in mixed precision": (RANDOM, in_mixed_precision, 40, 1),
    "bytes": (RANDOM.tobytes(), lambda m, x: x @ torch.frombuffer(bytearray(m.held), dtype=x.dtype).view(8, 5), 40, 1),
    "Python's array": (array.array("f", RANDOM.ravel()), lambda m, x: x @ torch.tensor(m.held).view(8, 5), 40, 1),
    "through DLPack": (RANDOM, lambda m, x: x @ torch.from_dlpack(m.held), 40, 1),
    "an array in a dict in an object": (
        SimpleNamespace(all={"w": RANDOM}),
        lambda m, x: x @ torch.from_numpy(m.held.all["w"].astype("f4")),
        40,
        1,
    ),
    "a kernel": ([0.1, 0.5, 0.3], lambda m, x: functional.conv1d(x[:, None], torch.tensor(m.held)[None, None]), 3, 1),
    "halves": (
        (RANDOM[:4], RANDOM[4:]),
        lambda m, x: x @ torch.from_numpy(np.concatenate(m.held)),
        40,
        1,
    ),
    "quantised": (
        (RANDOM * 30).astype("i1"),
        lambda m, x: x @ torch.from_numpy(m.held * np.linspace(0.1, 0.2, 5, dtype="f4")),
        40,
        1,
    ),
    "rows": (ROWS, lambda m, x: x @ torch.stack([torch.tensor(row) for row in m.held]), 40, 8),
    "a closure's": (None, closure(), 40, 1),
    "a module's": (None, lambda _m, x: x @ torch.tensor(ROWS), 40, 1),
}


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize("name", WEIGHTS)
def test_a_weight_that_becomes_a_tensor_in_forward_is_told(name, device):
    held, forward, elements, tensors = WEIGHTS[name]
    report = archscope.analyze(archscope.trace(Model(held, forward), torch.rand(2, 8), device=device))
    assert (sum(row.numel for row in report.unregistered), len(report.unregistered)) == (elements, tensors)
    assert report.totals.parameters == 72
    assert report.totals.complete


def test_a_weight_that_forward_reads_from_a_file_is_told(tmp_path):
    torch.save(torch.rand(8, 5), tmp_path / "weight.pt")
    model = Model(None, lambda _m, x: x @ torch.load(tmp_path / "weight.pt"))
    assert [row.shape for row in archscope.analyze(model, torch.rand(2, 8)).unregistered] == [(8, 5)]


def gaussian(_model, x):
    kernel = torch.tensor([math.exp(-(place**2) / 2) for place in range(-1, 2)])
    return functional.conv1d(x[:, None], kernel[None, None])


CONSTANTS = {
    "worked out of sizes": (
        RANDOM,
        lambda _m, x: x @ torch.from_numpy(np.cos(np.arange(40.0, dtype="f4")).reshape(8, 5)),
    ),
    "worked out of numbers": (ROWS, gaussian),
    "written there": (ROWS, lambda _m, x: functional.conv1d(x[:, None], torch.tensor([[[0.25, 0.5, 0.25]]]))),
    "whole numbers": ([1, 0, -1], lambda m, x: functional.conv1d(x[:, None], torch.tensor(m.held).float()[None, None])),
    "a mean": ([0.485, 0.456] * 4, lambda m, x: x - torch.tensor(m.held)),
    "an average's": ([0.5] * 8, lambda m, x: x @ torch.tensor(m.held)[:, None]),
    "places": ([2, 0, 1], lambda m, x: x[:, torch.tensor(m.held)]),
    "a table that is added": (RANDOM.T, lambda m, x: x + torch.from_numpy(m.held[:2])),
}


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize("name", CONSTANTS)
def test_a_constant_raises_no_alarm(name, device):
    report = archscope.analyze(archscope.trace(Model(*CONSTANTS[name]), torch.rand(2, 8), device=device))
    assert report.unregistered == ()
    assert report.totals.complete
