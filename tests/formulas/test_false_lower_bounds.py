"""What only watches, differentiates forwards or vectorises leaves a complete report complete."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as torch's own documentation has it
from torch import nn
from torch.autograd import forward_ad
from torch.profiler import record_function

import archscope

MACS = 4 * 8 * 8  # of the layer, for four rows


class Layer(nn.Module):
    """A linear layer in a forward pass that a test gives."""

    def __init__(self, run):
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.run = run

    def forward(self, x):
        return self.run(self.layer, x)


def ranged(layer, x):
    with record_function("block"):
        return layer(x)


def decorated(layer, x):
    return record_function("block")(layer)(x)


def profiled(layer, x):
    with torch.autograd.profiler.record_function("outer", "with arguments"), torch.profiler.itt.range("inner"):
        return layer(x)


def asserted(layer, x):
    torch._assert(x.shape[0] > 0, "rows")
    torch._assert_async(x.sum() == x.sum())
    torch._check(x.shape[1] == 8)
    return layer(x)


def dual(layer, x):
    with forward_ad.dual_level():
        value, tangent = forward_ad.unpack_dual(layer(forward_ad.make_dual(x, x)).relu())
        return value + tangent


def dual_gate(layer, x):
    with forward_ad.dual_level():
        return forward_ad.unpack_dual(F.glu(layer(forward_ad.make_dual(x, x)))).tangent


def jvp(layer, x):
    return torch.func.jvp(lambda t: layer(t).tanh().sum(), (x,), (x,))[1]


def jvp_of_norms(layer, x):
    return torch.func.jvp(lambda t: F.layer_norm(F.gelu(layer(t)), [8]).softmax(-1), (x,), (x,))[1]


COMPLETE = {
    "a profiler's range": (ranged, 1),
    "a decorated range": (decorated, 1),
    "nested ranges": (profiled, 1),
    "DataParallel": (lambda layer, x: nn.DataParallel(layer)(x), 1),
    "assertions": (asserted, 1),
    "forward-mode differentiation": (dual, None),
    "of a gated unit": (dual_gate, None),
    "jvp": (jvp, None),
    "jvp of norms": (jvp_of_norms, None),
    "vmap": (lambda layer, x: torch.vmap(layer)(x), 1),
    "vmap of a jvp": (lambda layer, x: torch.vmap(lambda t: torch.func.jvp(layer, (t,), (t,))[1])(x), None),
    "jacfwd": (lambda layer, x: torch.func.jacfwd(lambda t: layer(t).sin().sum(0))(x), None),
    "hessian": (lambda layer, x: torch.func.hessian(lambda t: layer(t).sin().sum())(x), None),
    "functionalize": (lambda layer, x: torch.func.functionalize(lambda t: layer(t).add_(1))(x), 1),
    "reference code": (lambda layer, x: torch._refs.softmax(layer(x), -1), 1),
    "more reference code": (lambda layer, x: torch._refs.var(torch._refs.nn.functional.gelu(layer(x)), -1), 1),
}


@pytest.mark.parametrize("name", COMPLETE)
@pytest.mark.filterwarnings("ignore")
def test_a_report_stays_complete(name):
    run, times = COMPLETE[name]
    report = archscope.analyze(Layer(run), torch.rand(4, 8))
    assert report.uncounted == ()
    assert report.totals.complete
    assert report.totals.macs == times * MACS if times else report.totals.macs > MACS
