"""Inputs and tensors of special makes: packed sequences, nested tensors, fake tensors; and what analyze() takes."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

import archscope
from archscope.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore:.*nested tensors is in prototype stage")
LAYOUTS = (torch.strided, torch.jagged)
ROWS = [torch.rand(3, 4), torch.rand(5, 4)]


class Adds(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x, y=None):
        return self.linear(x) + (0 if y is None else self.linear(y))


T = torch.zeros(2, 4)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        *((form, 24) for form in (T, (T,), [T], {"x": T}, (2, 4), [2, 4], torch.Size([2, 4]), ((2, 4),))),
        *((form, 48) for form in ((T, T), [(2, 4), (2, 4)], {"x": T, "y": T}, [T, T])),
        ((archscope.InputSpec(shape=(2, 4)), archscope.InputSpec(shape=(2, 4), name="y")), 48),
    ],
)
def test_analyze_takes_what_people_pass(given, expected):
    assert archscope.analyze(Adds(), given).totals.macs == expected


def test_text_that_is_no_input_is_refused_with_what_to_write():
    with pytest.raises(InputError, match="'y' is not a size"):
        archscope.analyze(Adds(), "2xy")


# --- packed sequences ------------------------------------------------------------------------------------------------

LENGTHS = (7, 3, 1)


def packed():
    return nn.utils.rnn.pack_sequence([torch.rand(length, 4) for length in LENGTHS])


@pytest.mark.parametrize("device", ["", "cpu"])
@pytest.mark.parametrize(
    ("layer", "macs"),
    [
        (nn.LSTM(4, 8), 11 * 4 * 8 * (4 + 8)),
        (nn.GRU(4, 8), 11 * 3 * 8 * (4 + 8)),
        (nn.RNN(4, 8), 11 * 8 * (4 + 8)),
        (nn.LSTM(4, 8, bidirectional=True), 2 * 11 * 4 * 8 * (4 + 8)),
    ],
)
def test_a_packed_sequence_costs_its_steps_and_no_padding(layer, macs, device):
    given = packed()
    seen = archscope.trace(layer, given, device=device)
    assert archscope.analyze(seen).totals.macs == macs
    assert seen.inputs[0].shape == (11, 4)
    assert given.data.device.type == "cpu"


def test_a_packed_sequence_inside_a_container_is_one_too():
    class Takes(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.GRU(4, 8)

        def forward(self, batch):
            output, _ = self.rnn(batch["sequence"])
            return nn.utils.rnn.pad_packed_sequence(output)[0]

    report = archscope.analyze(Takes(), archscope.Inputs(args=({"sequence": packed()},)))
    assert report.totals.macs == 11 * 3 * 8 * (4 + 8)


# --- nested tensors --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_nested_input_costs_its_rows(layout):
    given = torch.nested.nested_tensor(ROWS, layout=layout)
    report = archscope.analyze(nn.Sequential(nn.Linear(4, 6), nn.ReLU()), given, training="sgd")
    assert report.totals.macs == 8 * 4 * 6
    assert report.totals.flops == 2 * 8 * 4 * 6 + 8 * 6 + 8 * 6  # the bias and the ReLU
    assert report.totals.training.backward_macs == 8 * 4 * 6
    assert [record.shape for record in report.inputs] == [(3, 4), (5, 4)]
    assert report.modules[0].output_shapes == ((3, 6), (5, 6))
    assert report.totals.complete


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_nested_tensor_made_in_forward_costs_its_rows(layout):
    class Nests(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.norm = nn.Linear(4, 6), nn.LayerNorm(6)

        def forward(self, *rows):
            nested = torch.nested.as_nested_tensor(list(rows), layout=layout)
            return torch.nested.to_padded_tensor(self.norm(self.linear(nested)), 0.0)

    report = archscope.analyze(Nests(), tuple(ROWS))
    assert report.totals.macs == 8 * 4 * 6
    assert {row.path: row.macs for row in report.modules}["linear"] == 8 * 4 * 6


def test_products_of_nested_tensors_cost_each_pair():
    class Scores(nn.Module):
        def forward(self, nested):
            return torch.matmul(nested, nested.transpose(1, 2))

    given = torch.nested.nested_tensor(ROWS)
    assert archscope.analyze(Scores(), given).totals.macs == 3 * 4 * 3 + 5 * 4 * 5


@pytest.mark.parametrize("layout", LAYOUTS)
def test_attention_on_nested_tensors_costs_each_sequence_with_itself(layout):
    class Attends(nn.Module):
        def __init__(self):
            super().__init__()
            self.project = nn.Linear(4, 8)

        def forward(self, nested):
            q = self.project(nested)
            q = q.view(2, -1, 2, 4) if layout is torch.strided else q.unflatten(-1, [2, 4])
            q = q.transpose(1, 2)
            q = q.contiguous() if layout is torch.strided else q
            return nn.functional.scaled_dot_product_attention(q, q, q)

    report = archscope.analyze(Attends(), torch.nested.nested_tensor(ROWS, layout=layout))
    assert report.totals.macs == 8 * 4 * 8 + 2 * (3 * 3 + 5 * 5) * 8


# --- fake tensors ----------------------------------------------------------------------------------------------------


def conv():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))


CONV_MACS = 36 * 4 * 27 + 144 * 2


def test_a_model_and_an_input_of_fake_tensors_are_measured():
    with FakeTensorMode():
        report = archscope.analyze(conv(), torch.rand(1, 3, 8, 8), training="sgd")
        assert torch.rand(2).fake_mode is not None  # the mode is still on
    assert report.totals.macs == CONV_MACS
    assert report.totals.training.backward_macs == 36 * 4 * 27 + 2 * 144 * 2
    assert report.totals.parameters == 4 * 27 + 4 + 8 + 144 * 2 + 2


def test_a_fake_input_to_a_real_model_and_a_real_input_to_a_fake_one_are_measured():
    model, x = conv(), torch.rand(1, 3, 8, 8)
    with FakeTensorMode():
        fake, fake_x = conv(), torch.rand(1, 3, 8, 8)
    assert archscope.analyze(model, fake_x).totals.macs == CONV_MACS
    assert archscope.analyze(fake, x).totals.macs == CONV_MACS
    assert archscope.analyze(fake).totals.parameter_bytes == 4 * archscope.analyze(model).totals.parameters


def test_a_fake_model_that_reads_values_runs_with_made_up_ones():
    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 3)

        def forward(self, x):
            return self.linear(x) if float(x.sum()) >= 0 else x

    with FakeTensorMode():
        report = archscope.analyze(Reads(), torch.rand(2, 4))
    assert (report.totals.macs, report.model.device) == (24, "cpu")
