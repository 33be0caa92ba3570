"""Kernels that a library registers between two measurements are those that run: nothing is kept of an earlier one."""

from __future__ import annotations

import torch
from torch import nn

import archscope


class Distance(nn.Module):
    """An operator that torch makes of others, where inference mode shows it whole."""

    def forward(self, x):
        with torch.inference_mode():
            return torch.pairwise_distance(x, x + 1)


def operators(device):
    report = archscope.analyze(archscope.trace(Distance(), torch.rand(4, 8), device=device))
    return {row.op for row in report.operators}, {row.op for row in report.uncounted}


def test_an_operator_of_torch_that_gets_a_kernel_of_its_own_is_seen_whole_from_then_on():
    for device in ("meta", "cpu"):
        ran, uncounted = operators(device)
        assert "aten::pairwise_distance" not in ran
        assert not uncounted
    library = torch.library.Library("aten", "IMPL")
    library.impl("pairwise_distance", lambda x1, x2, p=2.0, eps=1e-6, keepdim=False: x1.sum(1), "CPU")
    try:
        ran, uncounted = operators("cpu")
        assert uncounted == {"aten::pairwise_distance"}
    finally:
        library._destroy()
    assert operators("cpu")[1] == set()


@torch.library.custom_op("archscope_tests::late", mutates_args=())
def late(x: torch.Tensor) -> torch.Tensor:
    raise NotImplementedError("not on this device yet")


class Late(nn.Module):
    def forward(self, x):
        return late(x) + 1


def test_a_kernel_and_a_fake_that_a_library_registers_later_are_found():
    late.register_kernel("cpu", torch.clone)
    first = archscope.analyze(Late(), torch.rand(2, 3))
    assert (first.model.device, [row.op for row in first.uncounted]) == ("cpu", ["archscope_tests::late"])
    late.register_fake(torch.empty_like)
    second = archscope.analyze(Late(), torch.rand(2, 3))
    assert (second.model.device, [row.op for row in second.uncounted]) == ("meta", ["archscope_tests::late"])
