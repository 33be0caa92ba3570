"""Mixed precision inside a forward pass: the figures are those of the device that the model asks for."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import archscope
from archscope.measure.quick_totals import quick_totals

X = torch.rand(3, 8)


class Casts(nn.Module):
    def __init__(self, how="context", *, dtype=torch.bfloat16, body=None):
        super().__init__()
        self.body = nn.Linear(8, 8, bias=False) if body is None else body
        self.how, self.dtype = how, dtype

    def forward(self, x):
        if self.how == "decorator":
            return torch.autocast("cpu", dtype=self.dtype)(self.body)(x)
        if self.how == "set":
            torch.set_autocast_dtype("cpu", self.dtype)
            torch.set_autocast_enabled("cpu", True)
            try:
                return self.body(x)
            finally:
                torch.set_autocast_enabled("cpu", False)
                torch.clear_autocast_cache()
        with torch.autocast("cpu", dtype=self.dtype):
            y = self.body(x)
            if self.how == "off inside":
                with torch.autocast("cpu", enabled=False):
                    return y.float() @ torch.ones(8, 8, device=y.device)
        return y


# the input 3 x 8 and the weight 8 x 8 cast to two bytes, and the output
WRITTEN = 3 * 8 * 2 + 8 * 8 * 2 + 3 * 8 * 2


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("how", ["context", "decorator", "set"])
def test_casts_and_results_take_two_bytes(how, dtype):
    report = archscope.analyze(Casts(how, dtype=dtype), X)
    assert (report.totals.bytes_written, report.totals.macs) == (WRITTEN, 3 * 8 * 8)
    assert (report.model.device, report.model.fallback) == ("meta", "")


def test_a_part_that_turns_it_off_runs_in_full_precision():
    report = archscope.analyze(Casts("off inside"), X)
    full = 3 * 8 * 4 + 8 * 8 * 4 + 3 * 8 * 4  # the result cast back, the ones, the product
    assert report.totals.bytes_written == WRITTEN + full


def figures(model, inputs, *, device="", training=False):
    calls = archscope.trace(model, inputs, device=device, training=training).calls
    return [(call.op, call.path, [(t.shape, t.dtype) for t in call.outputs[:1]]) for call in calls]


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.out = nn.Conv1d(3, 3, 1), nn.Linear(8, 2)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        y = self.conv(x)
        return torch.softmax(self.out(self.attention(y, y, y, need_weights=False)[0]), -1).sum()


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("body", [Block, lambda: nn.GRUCell(8, 8), lambda: nn.Sequential(nn.Linear(8, 8), nn.GELU())])
def test_the_operators_and_dtypes_are_those_of_a_run_on_the_cpu(body, training):
    model, x = Casts(body=body()), torch.rand(2, 3, 8) if body is Block else X
    assert figures(model, x, training=training) == figures(model, x, device="cpu", training=training)


def test_the_memory_of_a_training_step_is_that_of_the_cpu():
    model = Casts(body=nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4)))
    meta, cpu = (archscope.trace(model, X, training=True, device=device) for device in ("", "cpu"))
    held = [sorted((s.nbytes, s.born, s.freed or 0) for s in seen.storages) for seen in (meta, cpu)]
    assert held[0] == held[1]


def test_a_model_that_reads_values_too_runs_where_they_are():
    class Reads(Casts):
        def forward(self, x):
            y = super().forward(x)
            return y if float(y.sum()) < 1e9 else y * 2

    report = archscope.analyze(Reads(), X)
    assert report.model.device == "cpu"
    assert report.totals.bytes_written >= WRITTEN


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what a machine without a GPU says")
@pytest.mark.filterwarnings("ignore:.*CUDA is not available")
def test_a_gpu_that_is_not_there_is_told_and_full_precision_is_what_runs():
    class OnGpu(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(8, 8, bias=False)

        def forward(self, x):
            with torch.autocast("cuda", dtype=torch.float16):
                return self.body(x)

    report = archscope.analyze(OnGpu(), X)
    assert "autocast for cuda does nothing on a machine without such a device" in report.model.fallback
    assert report.totals.bytes_written == 3 * 8 * 4


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what a machine without a GPU says")
@pytest.mark.parametrize("device", ["cuda", "xpu"])
def test_a_device_that_is_not_there_is_told_also_when_it_is_turned_on_by_hand(device):
    class ByHand(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(8, 8, bias=False)

        def forward(self, x):
            torch.set_autocast_enabled(device, True)
            y = self.body(x)
            torch.set_autocast_enabled(device, False)
            return y

    report = archscope.analyze(ByHand(), X)
    assert f"autocast for {device} does nothing" in report.model.fallback
    assert report.totals.bytes_written == 3 * 8 * 4


def test_what_the_caller_has_around_the_call_and_torchs_own_functions_are_left_alone():
    before = torch.set_autocast_enabled
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert archscope.analyze(nn.Linear(8, 8, bias=False), X).totals.bytes_written == 3 * 8 * 4
        assert torch.is_autocast_enabled("cpu")
    assert torch.set_autocast_enabled is before


def test_quick_totals_are_those_of_the_report():
    spec = archscope.ModelSpec(name="casts", source="", build=Casts, inputs=(archscope.InputSpec(shape=(3, 8)),))
    found, report = quick_totals(spec), archscope.analyze(spec)
    assert (found.macs, found.flops) == (report.totals.macs, report.totals.flops)
