"""Models that need values are run where values are: figures are neither silently those of zeros nor refused."""

from __future__ import annotations

import importlib
import subprocess

import pytest
import torch
from torch import nn

import archscope

X = torch.linspace(-1, 1, 32).reshape(4, 8)


class Net(nn.Module):
    """A layer of 64 weights; ``forward`` is ``work(layer, x)``."""

    def __init__(self, work):
        super().__init__()
        self.layer = nn.Linear(8, 8, bias=False)
        self.work = work

    def forward(self, x):
        return self.work(self.layer, x)


def rows_with_values(b):
    return b[b.abs().sum(1) > 0]


def by_slice(layer, x):
    b = torch.zeros(6, 8)
    b[:4] = x
    return layer(rows_with_values(b))


def by_index(layer, x):
    b = torch.zeros(6, 8)
    b[torch.arange(4)] = x
    return layer(rows_with_values(b))


def by_out(layer, x):
    b = torch.zeros(4)
    torch.sum(x, 1, out=b)
    return layer(x[b.abs() > 0])


def by_data(layer, x):
    b = torch.zeros(4, 8)
    b.data.copy_(x.data)
    return layer(rows_with_values(b))


def by_one_value(layer, x):
    b = torch.zeros(4, 8)
    b.fill_(x.max())
    return layer(rows_with_values(b))


def in_place(layer, x):
    b = torch.zeros(4, 8)
    b += x.max()
    return layer(rows_with_values(b))


@pytest.mark.parametrize("work", [by_slice, by_index, by_out, by_data, by_one_value, in_place])
def test_what_is_written_into_a_tensor_made_without_a_device_is_there_when_it_is_read(work):
    report = archscope.analyze(Net(work), X)
    assert report.totals.macs == 4 * 64
    assert [row.macs for row in report.value_dependent] == [256]


def test_a_recurrent_layer_over_packed_sequences_is_measured_where_the_lengths_are():
    class Packed(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.LSTM(8, 16, batch_first=True)

        def forward(self, x, lengths):
            return self.layer(nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True))[1][0]

    lengths = torch.tensor([16, 9])
    report = archscope.analyze(Packed(), archscope.Inputs(args=(torch.rand(2, 16, 8), lengths)))
    assert report.totals.macs == (16 + 9) * 4 * 16 * (8 + 16)


# Checks whose outcome the model uses later; in a file of their own, since pytest rewrites the assertions of this one.
LOOP = """
    for _ in range(times):
        x = layer(x)
    return x
"""
USED = {
    "named in an assertion": "    assert (times := int(x.abs().max()) + 1) > 0" + LOOP,
    "named in a refusal": "    if (times := int(x.abs().max()) + 1) > 100:\n        raise ValueError(times)" + LOOP,
    "on the line of an assertion": "    assert x.dim() == 2; times = int(x.abs().max()) + 1" + LOOP,
    "caught": """
    try:
        assert x.sum() < -1000
    except AssertionError:
        return layer(layer(x))
    return layer(x)
""",
}


@pytest.mark.parametrize("name", USED)
def test_a_check_whose_outcome_is_used_is_more_than_a_check(name, tmp_path, monkeypatch):
    module = name.replace(" ", "_")
    (tmp_path / f"{module}.py").write_text("def work(layer, x):\n" + USED[name])
    monkeypatch.syspath_prepend(tmp_path)
    report = archscope.analyze(Net(importlib.import_module(module).work), X)
    assert report.totals.macs == 2 * 256
    assert len(report.value_dependent) == 1


def test_another_program_that_the_model_starts_is_noticed():
    def work(layer, x):
        subprocess.run(["true"], check=True)
        return layer(x)

    report = archscope.analyze(Net(work), X)
    assert {row.kind for row in report.unseen} == {"process"}
    assert not report.totals.complete


def test_a_write_from_outside_is_noticed_in_a_result_that_is_an_object():
    class Result:
        def __init__(self, scores):
            self.scores = scores

    def work(layer, x):
        scores = torch.zeros(4, 8)
        scores.numpy()[:] = x.numpy() @ layer.weight.detach().numpy()
        return {"result": Result(scores)}

    assert not archscope.analyze(Net(work), X).totals.complete
