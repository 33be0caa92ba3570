"""Triton kernels: seen where a model launches them, run where they can, counted by a formula of one's own.

A stand-in takes the place of Triton, which needs a GPU; benchmarks/on_gpu.py holds the same against the real one.
"""

from __future__ import annotations

import sys
import threading
import types

import pytest
import torch
from torch import nn

import archscope
from archscope.errors import ForwardError
from archscope.measure.quick_totals import quick_totals


class KernelInterface:
    """What can be launched: ``kernel[grid](...)`` is ``kernel.run(..., grid=grid, warmup=False)``."""

    def __getitem__(self, grid):
        return lambda *args, **kwargs: self.run(*args, grid=grid, warmup=False, **kwargs)


class JITFunction(KernelInterface):
    def __init__(self, fn):
        self.fn = fn

    def run(self, *args, grid, warmup, **kwargs):
        return self.fn(*args, **kwargs)


class Autotuner(KernelInterface):
    """Runs its kernel a few times before it chooses how."""

    def __init__(self, fn):
        self.fn = fn

    def run(self, *args, **kwargs):
        for _ in range(3):
            self.fn.run(*args, **kwargs)


@pytest.fixture(autouse=True)
def triton(monkeypatch):
    jit = types.ModuleType("triton.runtime.jit")
    jit.KernelInterface = KernelInterface
    monkeypatch.setitem(sys.modules, "triton.runtime.jit", jit)


RAN: list[torch.device] = []


def scale(x, out, n, BLOCK):  # noqa: N803 - as Triton's users write constants
    RAN.append(x.device)
    out.copy_(x * 2)


class Scaled(nn.Module):
    def __init__(self, kernel, *, reads=False):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.kernel, self.reads = kernel, reads

    def forward(self, x):
        x = self.first(x)
        if self.reads and x.sum() > 1e9:
            return x
        out = torch.empty_like(x)
        self.kernel[(1,)](x, out, x.numel(), BLOCK=16)
        return self.second(out)


@pytest.mark.parametrize("kernel", [JITFunction(scale), Autotuner(JITFunction(scale))])
@pytest.mark.parametrize("reads", [False, True])
def test_a_kernel_is_one_uncounted_call_by_its_name_and_runs_only_on_real_tensors(kernel, reads):
    RAN.clear()
    report = archscope.analyze(Scaled(kernel, reads=reads), torch.ones(3, 4))
    assert [(row.op, row.calls, row.modules) for row in report.uncounted] == [("triton::scale", 1, ("",))]
    assert not report.totals.complete
    assert report.totals.macs == 2 * 3 * 4 * 4
    assert (report.model.device, bool(RAN)) == (("cpu", True) if reads else ("meta", False))


def test_a_kernel_is_counted_by_a_formula_of_one_s_own():
    formulas = archscope.DEFAULT_FORMULAS.copy()

    @formulas.counted("triton::scale", family="mine")
    def scaled(call):
        """One multiplication per element: n."""
        assert call.arguments["BLOCK"] == 16
        assert call.arguments["out"].shape == (3, 4)
        return archscope.Cost.of(other=call.arguments["n"])

    report = archscope.analyze(Scaled(JITFunction(scale)), torch.ones(3, 4), formulas=formulas)
    assert report.totals.complete
    assert report.totals.flops == 2 * (2 * 3 * 4 * 4 + 3 * 4) + 12


@torch.library.custom_op("archscope_tests::launched", mutates_args=())
def launched(x: torch.Tensor) -> torch.Tensor:
    out = torch.empty_like(x)
    JITFunction(scale)[(1,)](x, out, x.numel(), BLOCK=16)
    return out


launched.register_fake(torch.empty_like)


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_a_kernel_inside_an_operator_is_the_operator_s(device):
    class Wrapped(nn.Module):
        def forward(self, x):
            return launched(x) + 1

    report = archscope.analyze(archscope.trace(Wrapped(), torch.ones(3, 4), device=device))
    assert [row.op for row in report.uncounted] == ["archscope_tests::launched"]


class Bare(KernelInterface):
    """Something else that can be launched: it tells no function."""

    def run(self, x, out, n, *, grid, warmup, BLOCK):  # noqa: N803
        scale(x, out, n, BLOCK)


def test_what_tells_no_function_is_seen_by_the_name_of_its_class():
    report = archscope.analyze(Scaled(Bare()), torch.ones(3, 4))
    assert [(row.op, row.calls) for row in report.uncounted] == [("triton::Bare", 1)]


def test_a_sweep_s_totals_launch_nothing_on_meta_and_say_what_they_lack():
    RAN.clear()
    spec = archscope.ModelSpec(
        name="scaled",
        source="",
        build=lambda: Scaled(JITFunction(scale)),
        inputs=(archscope.InputSpec(shape=(3, 4)),),
    )
    found = quick_totals(spec)
    assert (found.macs, found.complete, RAN) == (2 * 3 * 4 * 4, False, [])


def test_an_installation_of_triton_that_is_broken_breaks_no_model(monkeypatch, tmp_path):
    (tmp_path / "triton.py").write_text("raise ImportError('no driver')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "triton.runtime.jit")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert archscope.analyze(nn.Linear(4, 4), torch.ones(1, 4)).totals.macs == 16


def test_threads_see_their_own_launches_and_leave_none_watched():
    before = KernelInterface.__getitem__
    kernel, launched = JITFunction(scale), []

    class Beside(Scaled):
        def forward(self, x):
            other = threading.Thread(target=lambda: launched.append(Scaled(kernel)(torch.ones(3, 4))))
            other.start()
            other.join(20)
            return super().forward(x)

    found = {}

    def measure(place):
        found[place] = archscope.trace(Beside(JITFunction(scale)), torch.ones(3, 4), device="meta").calls

    threads = [threading.Thread(target=measure, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [sum(call.op == "triton::scale" for call in found[place]) for place in range(2)] == [1, 1]
    assert [output.is_meta for output in launched] == [False, False]
    assert KernelInterface.__getitem__ is before


def test_launching_is_as_it_was_after_a_run_and_after_an_error():
    before = KernelInterface.__getitem__
    archscope.analyze(Scaled(JITFunction(scale)), torch.ones(3, 4))
    assert KernelInterface.__getitem__ is before
    with pytest.raises(ForwardError):
        archscope.trace(Scaled(JITFunction(scale)), torch.ones(3, 5), device="meta")
    assert KernelInterface.__getitem__ is before
