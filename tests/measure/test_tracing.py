from __future__ import annotations

import copy
import random

import numpy as np
import pytest
import torch
from torch import nn
from toys import Branching, ReadsValues, Refuses, SharedAndTied

import archscope
from archscope.errors import BuildError, ForwardError
from archscope.measure.running.tracing import trace

IMAGE = (archscope.InputSpec(shape=(1, 3, 6, 6)),)
TOKENS = (archscope.InputSpec(shape=(1, 3), dtype="int64"),)


def test_a_call_belongs_to_the_innermost_running_module_and_loose_work_to_the_caller():
    calls = trace(Branching(), IMAGE).calls
    assert [(call.op, call.path) for call in calls] == [
        ("aten::convolution", "left"),
        ("aten::convolution", "right"),
        ("aten::add.Tensor", ""),
        ("aten::relu", ""),
        ("aten::mean.dim", ""),
        ("aten::t", "classifier"),
        ("aten::addmm", "classifier"),
    ]


def test_arguments_stand_by_schema_name_with_defaults_filled_in():
    first = trace(Branching(), IMAGE).calls[0]
    assert first.arguments["weight"].shape == (8, 3, 3, 3)
    assert first.arguments["padding"] == [1, 1]
    assert first.arguments["groups"] == 1
    assert trace(Branching(), IMAGE).calls[2].arguments["alpha"] == 1


def test_a_view_shares_its_storage_and_a_released_storage_is_seen_to_go():
    net = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(108, 2), nn.Sigmoid())
    seen = trace(net, IMAGE)
    relu, view = seen.calls[0], seen.calls[1]
    assert relu.outputs[0].storage == view.outputs[0].storage
    freed = {storage.id: storage.freed for storage in seen.storages}
    assert freed[relu.outputs[0].storage] == 4  # after addmm (3), before sigmoid (4)
    assert freed[seen.calls[-1].outputs[0].storage] is None  # the result outlives the run


def test_shared_modules_and_tied_parameters_are_named_once_with_their_aliases():
    seen = trace(SharedAndTied(), TOKENS)
    modules = {module.path: module for module in seen.modules}
    assert modules["first"].aliases == ("second",)
    assert modules["first"].calls == 2
    parameters = {record.path: record.aliases for record in seen.parameters}
    assert parameters == {
        "scale": (),
        "embedding.weight": ("projection.weight",),
        "first.weight": ("second.weight",),
        "first.bias": ("second.bias",),
    }


def test_a_module_that_contains_itself_is_walked_once():
    net = nn.Sequential(nn.Linear(2, 2))
    net.loop = nn.ModuleList([net[0]])
    net.loop.append(net)
    assert [module.path for module in trace(net).modules] == ["", "0", "loop"]


def test_a_model_that_reads_values_runs_on_the_cpu_and_says_why():
    seen = trace(ReadsValues(), (archscope.InputSpec(shape=(1, 4)),))
    assert seen.device == "cpu"
    assert "meta" in seen.fallback
    assert sum(call.op == "aten::addmm" for call in seen.calls) == 2


def test_constants_made_on_the_cpu_may_meet_meta_tensors():
    class Positions(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + torch.arange(4.0) * torch.tensor([2.0, 1.0, 0.5, 0.25])

    seen = trace(Positions(), (archscope.InputSpec(shape=(2, 4)),))
    assert (seen.device, seen.fallback) == ("meta", "")


def test_plain_tensors_kept_as_attributes_and_in_lists_are_replaced_for_the_one_call():
    class Keeps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = torch.ones(4)
            self.several = [torch.ones(4), {"deep": torch.ones(4)}]

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.table + self.several[0] + self.several[1]["deep"]

    net = Keeps()
    table, several = net.table, net.several
    assert trace(net, (archscope.InputSpec(shape=(2, 4)),)).device == "meta"
    assert net.table is table
    assert net.several is several
    assert not several[1]["deep"].is_meta


def state(model: nn.Module) -> object:
    """All that a caller could see of a model and of torch."""
    return (
        {
            path: (
                module.training,
                dict(module._forward_hooks),
                dict(module._forward_pre_hooks),
                dict(module._forward_hooks_always_called),
                dict(module._forward_hooks_with_kwargs),
                dict(module._forward_pre_hooks_with_kwargs),
                [(name, id(value)) for name, value in module.__dict__.items()],
            )
            for path, module in model.named_modules()
        },
        {n: (id(p), p.device, p.dtype, p.requires_grad, p.grad, p.tolist()) for n, p in model.named_parameters()},
        {n: (id(b), b.tolist()) for n, b in model.named_buffers()},
        torch.get_rng_state().tolist(),
        random.getstate(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002 - the global state is what is tested
        torch.is_grad_enabled(),
        torch.get_default_dtype(),
        torch.get_default_device(),
    )


class Restless(nn.Module):
    """Draws numbers, counts its calls in a buffer and an attribute, and keeps what it saw."""

    def __init__(self, *, fails: bool, reads: bool) -> None:
        super().__init__()
        self.layer = nn.LSTM(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.register_buffer("seen", torch.zeros(1))
        self.times = 0
        self.kept: list[object] = []
        self.fails, self.reads = fails, reads
        self.layer.register_forward_hook(lambda *_: None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.times += 1
        self.kept.append(x)
        self.seen += 1
        random.random()  # noqa: S311 - the global state is what is tested
        np.random.rand()  # noqa: NPY002 - the global state is what is tested
        x = self.norm(self.layer(x + torch.rand(4))[0])
        if self.reads and x.sum() > 1e9:
            return x
        if self.fails:
            raise RuntimeError("as asked")
        return x


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("reads", [False, True])
def test_the_model_and_the_world_come_back_as_they_were(fails, reads):
    model = Restless(fails=fails, reads=reads)
    model.layer.eval()
    before = copy.deepcopy(state(model))
    if fails:
        with pytest.raises(ForwardError, match="as asked"):
            trace(model, (archscope.InputSpec(shape=(3, 4)),))
    else:
        assert trace(model, (archscope.InputSpec(shape=(3, 4)),)).device == ("cpu" if reads else "meta")
    after = state(model)
    assert repr(before) == repr(after)


def test_a_refused_input_names_the_module_and_its_shapes():
    with pytest.raises(ForwardError) as caught:
        trace(Refuses(), (archscope.InputSpec(shape=(1, 7)),))
    assert caught.value.where == "body.1 (Linear), called with 1x7"
    assert "1x7" in str(caught.value)


def test_a_lazy_module_says_what_to_do():
    with pytest.raises(BuildError, match="lazy"):
        trace(nn.Sequential(nn.LazyLinear(3)))


def test_without_inputs_nothing_runs():
    seen = trace(Branching())
    assert seen.calls is None
    assert len(seen.parameters) == 8
