"""Who asks whether its tensors are on meta is run where they are not; other questions about devices are free."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import archscope
from archscope.measure.quick_totals import quick_totals
from archscope.spec import ModelSpec

X = torch.rand(4, 8)


class Net(nn.Module):
    """Two layers of 256 MACs each for 4 rows, and ``work(model, x)`` as its forward."""

    def __init__(self, work):
        super().__init__()
        self.first, self.second = nn.Linear(8, 8, bias=False), nn.Linear(8, 8, bias=False)
        self.work = work

    def both(self, x):
        return self.second(self.first(x))

    def forward(self, x):
        return self.work(self, x)


def by_branch(model, x):
    if x.device.type == "meta":
        return model.first(x)
    return model.both(x)


def by_variable(model, x):
    where = model.first.weight.device
    y = model.first(x)
    return y if str(where).startswith("meta") or where.type == "meta" else model.second(y)


def by_pattern(model, x):
    match x.device.type:
        case "meta":
            return model.first(x)
    return model.both(x)


def _place(x):
    return x.device


def by_helper(model, x):
    return model.first(x) if _place(x) == torch.device("meta") else model.both(x)


# On meta each of these runs the first layer alone.
DECIDED = {
    "is_meta": lambda m, x: m.first(x) if x.is_meta else m.both(x),
    "is_meta of a weight": lambda m, x: m.first(x) if m.second.weight.is_meta else m.both(x),
    "is_cpu": lambda m, x: m.both(x) if x.is_cpu else m.first(x),
    "a branch": by_branch,
    "a variable": by_variable,
    "a pattern": by_pattern,
    "what a helper returns": by_helper,
    "a device": lambda m, x: m.first(x) if x.device == torch.device("meta") else m.both(x),
    "its name": lambda m, x: m.first(x) if str(x.device) == "meta" else m.both(x),
    "a table": lambda m, x: {"cpu": m.both, "cuda": m.both, "meta": m.first}[x.device.type](x),
    "none of the usual": lambda m, x: m.first(x) if x.device.type not in ("cpu", "cuda") else m.both(x),
}


@pytest.mark.parametrize("name", DECIDED)
def test_who_goes_another_way_on_meta_is_measured_elsewhere(name):
    report = archscope.analyze(Net(DECIDED[name]), X)
    assert report.totals.macs == 512
    assert report.totals.complete
    assert report.model.device == "cpu"
    assert "asks whether its tensors are on" in report.model.fallback


def test_a_sweep_does_so_too():
    spec = ModelSpec(name="net", source="", build=lambda: Net(by_branch))
    assert quick_totals(spec, X).figures["macs"] == 512


def test_asked_for_meta_it_says_what_is_wrong():
    with pytest.raises(archscope.errors.ForwardError, match=r"asks whether its tensors are on meta: Tensor.device at"):
        archscope.trace(Net(by_branch), X, device="meta")


def guarded(model, x):
    if x.device.type == "cpu":
        raise RuntimeError("too slow here")
    return model.both(x)


def cast(model, x):
    kind = torch.float32 if x.device.type in ("cpu", "mps") else torch.int32
    return model.both(x) + torch.histc(x.to(torch.float32), 8).to(kind)


def placed(model, x):
    target = model.first.weight.device if model.first.weight.device.type != "meta" else None
    return model.both(x) + torch.arange(8, device=target).to(x.device)


# Questions that lead nowhere else: none of these may send a model to the CPU.
FREE = {
    "to make a tensor there": lambda m, x: m.both(x) + torch.zeros(8, device=x.device),
    "to go where the weights are": lambda m, x: m.both(x.to(m.first.weight.device)),
    "a GPU": lambda m, x: m.first(x) if x.is_cuda or x.device.type == "cuda" else m.both(x),
    "other devices": lambda m, x: m.first(x) if x.device.type in ("mps", "xpu") else m.both(x),
    "whether two are the same": lambda m, x: m.both(x) if x.device == m.first.weight.device else m.first(x),
    "a key of a cache": lambda m, x: m.both(x) + len(str(x.device)),
    "the CPU alone, else as on a GPU": lambda m, x: m.both(x.float() if x.device.type == "cpu" else x.double().float()),
    "only to refuse": guarded,
    "a dtype by it": cast,
    "a device by it": placed,
}


@pytest.mark.parametrize("name", FREE)
def test_other_questions_about_a_device_change_nothing(name):
    report = archscope.analyze(Net(FREE[name]), X)
    assert (report.totals.macs, report.model.device, report.model.fallback) == (512, "meta", "")


def test_the_attributes_are_torchs_own_again():
    archscope.analyze(Net(by_branch), X)
    for name in ("device", "is_meta", "is_cpu", "shape", "size", "numel", "__len__", "__iter__", "unbind", "split"):
        assert getattr(vars(torch.Tensor).get(name), "__module__", "torch._tensor").startswith("torch")
    assert "shape" not in vars(torch.Tensor)
    assert "device" not in vars(torch.Tensor)
