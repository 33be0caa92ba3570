"""Models of every form: TorchScript programs, lazy modules, compiled parts, sharded weights, their own train()."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import archscope
from archscope.errors import BuildError, ForwardError, UsageError

X = torch.rand(2, 3, 8, 8)


def rows(report, figure="macs"):
    return {row.path: getattr(row, figure) for row in report.modules}


# --- TorchScript -----------------------------------------------------------------------------------------------------

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


class Inner(nn.Module):
    PARAMETERS = 3 * 4 * 9 + 4 + 8
    MACS = 2 * 36 * 4 * 27
    # bias, batch norm, ReLU, scale: 1 + 2 + 1 + 1 for each of 2 x 4 x 36 outputs
    FLOPS = 2 * MACS + 5 * 288

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.relu = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()
        self.register_buffer("scale", torch.ones(4))

    def forward(self, x):
        return self.relu(self.norm(self.conv(x))) * self.scale[None, :, None, None]


def scripted():
    return torch.jit.script(Inner().eval())


def traced():
    return torch.jit.trace(Inner().eval(), X)


@pytest.mark.parametrize("device", ["", "cpu"])
@pytest.mark.parametrize("make", [scripted, traced])
def test_a_torchscript_part_is_measured_through_its_graph(make, device):
    part = make()
    model = nn.Sequential(part, nn.Conv2d(4, 2, 1))
    before = [(tensor.data_ptr(), tensor.device, tensor._version) for tensor in part.state_dict().values()]
    report = archscope.analyze(archscope.trace(model, X, device=device))
    assert report.totals.macs == Inner.MACS + 2 * 36 * 4 * 2
    assert report.totals.parameters == Inner.PARAMETERS + 4 * 2 + 2
    assert rows(report)["0"] == Inner.MACS
    assert rows(report, "calls")["0"] == 1
    assert report.uncalled == ()
    assert report.totals.complete
    assert before == [(tensor.data_ptr(), tensor.device, tensor._version) for tensor in part.state_dict().values()]
    assert model(X).device.type == "cpu"


def test_a_program_as_the_model_itself_and_in_training():
    report = archscope.analyze(scripted(), X, training="sgd")
    assert (report.totals.macs, report.totals.flops) == (Inner.MACS, Inner.FLOPS)
    assert report.totals.training.backward_macs == Inner.MACS  # the weight's gradient: the input needs none


def test_a_model_that_was_frozen_runs_with_the_constants_of_its_graph():
    report = archscope.analyze(nn.Sequential(torch.jit.freeze(scripted())), X)
    assert report.totals.macs == Inner.MACS


def test_what_an_optimised_program_runs_past_the_dispatcher_is_counted_as_what_it_stands_for():
    report = archscope.analyze(nn.Sequential(torch.jit.optimize_for_inference(scripted())), X)
    assert (report.totals.macs, report.totals.complete) == (Inner.MACS, True)


def test_a_program_takes_the_branch_and_the_loop_that_its_input_asks_for():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 4, bias=False)

        def forward(self, x: torch.Tensor):
            for _ in range(x.size(0)):
                x = self.linear(x)
            return x if x.size(1) > 3 else self.linear(x)

    model = nn.Sequential(torch.jit.script(Branches()))
    assert archscope.analyze(model, (3, 4)).totals.macs == 3 * 48


def test_a_scripted_function_is_an_operator_sequence_like_any_other():
    @torch.jit.script
    def twice(x, w):
        return x @ w @ w

    class Calls(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.rand(4, 4))

        def forward(self, x):
            return twice(x, self.w)

    assert archscope.analyze(Calls(), (2, 4)).totals.macs == 2 * 2 * 4 * 4


# --- lazy modules ----------------------------------------------------------------------------------------------------


class ReadsLazily(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.LazyLinear(3)

    def forward(self, x):
        return self.linear(x.flatten(1)) if float(x.sum()) > -1 else x


LAZY = {
    "convolutions": (
        lambda: nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(5)),
        2 * (36 * 4 * 27 + 144 * 5),
        4 * 27 + 4 + 8 + 144 * 5 + 5,
    ),
    "beside one with sizes": (
        lambda: nn.Sequential(nn.Conv2d(3, 2, 1), nn.LazyConv2d(4, 3)),
        2 * (64 * 2 * 3 + 36 * 4 * 18),
        6 + 2 + 4 * 18 + 4,
    ),
    "read values": (ReadsLazily, 2 * 192 * 3, 192 * 3 + 3),
    "transposed": (lambda: nn.Sequential(nn.LazyConvTranspose2d(4, 2, bias=False)), 2 * 3 * 64 * 4 * 4, 3 * 4 * 4),
}


@pytest.mark.parametrize("name", LAZY)
def test_lazy_modules_take_their_sizes_on_a_copy(name):
    make, macs, parameters = LAZY[name]
    model = make()
    kept = [parameter for parameter in model.parameters() if not isinstance(parameter, nn.UninitializedParameter)]
    state = torch.get_rng_state()
    report = archscope.analyze(model, X)
    assert (report.totals.macs, report.totals.parameters) == (macs, parameters)
    assert all(not row.type.startswith("Lazy") for row in report.modules)
    assert any(isinstance(parameter, nn.UninitializedParameter) for parameter in model.parameters())
    assert all(any(a is b for b in model.parameters()) for a in kept)
    assert torch.equal(state, torch.get_rng_state())
    model(X)
    assert archscope.analyze(model, X).totals.macs == macs


def test_lazy_modules_of_a_training_step_and_of_a_spec():
    make, macs, _ = LAZY["convolutions"]
    assert archscope.analyze(make(), X, training="sgd").totals.training.forward_macs == macs
    spec = archscope.ModelSpec(name="lazy", source="", build=make, inputs=(archscope.InputSpec(shape=(2, 3, 8, 8)),))
    assert archscope.analyze(spec).totals.macs == macs


def test_without_an_input_a_lazy_module_says_what_to_do():
    with pytest.raises(BuildError, match="has no shape yet") as caught:
        archscope.analyze(LAZY["convolutions"][0]())
    assert "give an input" in caught.value.help


def test_an_input_that_a_lazy_module_refuses_is_an_error_of_the_forward_pass():
    with pytest.raises(ForwardError, match="the lazy modules got no sizes"):
        archscope.analyze(nn.Sequential(nn.LazyConv2d(4, 3)), (2, 3))


# --- depth -----------------------------------------------------------------------------------------------------------


def deep(count, inner):
    return functools.reduce(lambda module, _: nn.Sequential(module), range(count), inner)


def test_thousands_of_nested_modules_are_listed_and_what_torch_runs_is_run():
    assert archscope.analyze(deep(3000, nn.Linear(2, 2))).totals.parameters == 6
    model = deep(200, nn.Linear(2, 2))
    model(torch.rand(1, 2))
    limit = sys.getrecursionlimit()
    assert archscope.analyze(model, (1, 2)).totals.macs == 4
    assert sys.getrecursionlimit() == limit


@pytest.mark.filterwarnings("ignore:module forward hook")
def test_what_torch_cannot_run_is_an_error_of_the_model():
    with pytest.raises(ForwardError, match="RecursionError"):
        archscope.analyze(deep(3000, nn.Linear(2, 2)), (1, 2))


# --- rows ------------------------------------------------------------------------------------------------------------


class Direct(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.a, self.how = nn.Sequential(nn.Linear(4, 4, bias=False)), how

    def forward(self, x):
        match self.how:
            case "method":
                return self.a.forward(x)
            case "class":
                return type(self.a).forward(self.a, x)
            case "map":
                return next(map(self.a.forward, [x]))
            case "twice":
                return self.a.forward(self.a(x))
        return self.a(x)


@pytest.mark.parametrize("device", ["", "cpu"])
@pytest.mark.parametrize(("how", "calls"), [("hooked", 1), ("method", 1), ("class", 1), ("map", 1), ("twice", 2)])
def test_a_forward_that_is_called_directly_is_a_call_of_its_module(how, calls, device):
    seen = archscope.trace(Direct(how), (3, 4), device=device)
    report = archscope.analyze(seen)
    assert rows(report) == {"": 48 * calls, "a": 48 * calls, "a.0": 48 * calls}
    assert rows(report, "calls") == {"": 1, "a": calls, "a.0": calls}
    assert {row.path: row.own_macs for row in report.modules}["a.0"] == 48 * calls
    assert report.modules[1].output_shapes == ((3, 4),)


def test_super_and_a_call_that_skips_the_hooks_are_one_call_each():
    class Base(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 4, bias=False)

        def forward(self, x):
            return self.linear(x)

    class Derived(Base):
        def __call__(self, *args):
            return self.forward(*args)

        def forward(self, x):
            return super().forward(x)

    report = archscope.analyze(nn.Sequential(Derived(), Base()), (3, 4))
    assert rows(report, "calls") == {"": 1, "0": 1, "0.linear": 1, "1": 1, "1.linear": 1}
    assert rows(report)["0"] == 48


def test_classes_and_replaced_forwards_are_as_they_were():
    model = Direct("method")
    model.a.forward = replaced = lambda x: x
    before = nn.Sequential.forward
    assert archscope.analyze(model, (3, 4)).totals.macs == 0
    assert nn.Sequential.forward is before
    assert model.a.forward is replaced


class Checkpointed(nn.Module):
    def __init__(self, what, *, reentrant):
        super().__init__()
        self.a, self.f = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
        self.what, self.reentrant = what, reentrant

    def forward(self, x):
        inner = {"module": self.f, "method": self.f.forward, "lambda": lambda y: self.f(y) + 0}[self.what]
        return checkpoint(inner, self.a(x), use_reentrant=self.reentrant)


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")  # of the run without gradients
@pytest.mark.parametrize("what", ["module", "method", "lambda"])
@pytest.mark.parametrize("reentrant", [False, True])
def test_what_a_checkpoint_runs_again_belongs_to_its_module(what, reentrant):
    report = archscope.analyze(Checkpointed(what, reentrant=reentrant), (5, 4), training="sgd")
    # the weight's and the input's gradient of 5 x 4 x 4; the forward once more (torch may stop that early)
    again = 80 if reentrant else 0
    assert rows(report, "backward_macs")["f"] == 160 + again
    assert rows(report, "backward_macs")["a"] == 80
    assert report.totals.training.backward_macs == 240 + again
    assert report.totals.training.unassigned_flops == 20  # the loss


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_paths_of_compiled_parts_are_those_of_the_model_as_it_was_written():
    class Parts(nn.Module):
        def __init__(self, wrap):
            super().__init__()
            self.a, self.blocks = wrap(nn.Linear(4, 4)), nn.ModuleList([wrap(nn.Sequential(nn.Linear(4, 4)))])

        def forward(self, x):
            return self.blocks[0](self.a(x))

    plain, compiled = (archscope.analyze(Parts(wrap), (3, 4)) for wrap in (lambda module: module, torch.compile))
    assert rows(compiled) == rows(plain)
    assert rows(compiled, "type") == rows(plain, "type")
    assert [record.path for record in compiled.parameters] == [record.path for record in plain.parameters]


class Frozen(nn.Module):
    """Its batch norm stays in eval mode, whatever it is told."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)
        self.modes = []

    def train(self, mode=True):
        super().train(mode)
        self.norm.eval()
        return self

    def forward(self, x):
        return self.norm(self.conv(x))


def test_a_train_of_the_models_own_decides():
    def norms(model):
        calls = archscope.trace(model, X, training=True).calls
        return {call.arguments["training"] for call in calls if call.op == "aten::native_batch_norm"}

    assert norms(Frozen()) == {False}
    assert norms(nn.Sequential(Frozen())) == {False}
    assert norms(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))) == {True}


def test_an_eval_of_the_models_own_decides_and_flags_come_back():
    class Samples(nn.Module):
        """Its dropout stays on, to sample."""

        def __init__(self):
            super().__init__()
            self.drop = nn.Dropout(0.5)

        def train(self, mode=True):
            super().train(mode)
            self.drop.train()
            return self

        def forward(self, x):
            return self.drop(x)

    model = Samples().train()
    seen = archscope.trace(model, (3, 4))
    assert any("dropout" in call.op or "bernoulli" in call.op for call in seen.calls)
    assert (model.training, model.drop.training) == (True, True)


def test_a_train_that_raises_is_told():
    class Raises(nn.Linear):
        def train(self, mode=True):
            raise ValueError("not now")

    model = Raises(4, 4)
    with pytest.raises(ForwardError, match="ValueError: not now"):
        archscope.analyze(model, (3, 4))


# --- the rest --------------------------------------------------------------------------------------------------------


def test_the_trace_of_a_training_step_is_no_report():
    step = archscope.trace(nn.Linear(4, 4), (1, 4), training=True)
    with pytest.raises(UsageError, match="of a training step") as caught:
        archscope.analyze(step)
    assert "training='adamw'" in caught.value.help


SHARDED = """
import sys, torch, torch.distributed as dist, archscope
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import Shard, distribute_tensor
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
mesh = init_device_mesh("cpu", (1,))
make = lambda: nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 2))
whole, parts, parallel, by_hand, meta = (make() for _ in range(5))
fully_shard(whole, mesh=mesh)
for part in parts:
    fully_shard(part, mesh=mesh)
fully_shard(parts, mesh=mesh)
parallelize_module(parallel, mesh, {"0": ColwiseParallel(), "1": RowwiseParallel()})
by_hand[0].weight = nn.Parameter(distribute_tensor(by_hand[0].weight, mesh, [Shard(0)]))
with torch.device("meta"):
    meta = make()
fully_shard(meta, mesh=mesh)
x = torch.rand(3, 4)
for model in (whole, parts, parallel, by_hand, meta):
    report = archscope.analyze(model, x, training="sgd")
    totals = report.totals
    print(totals.parameters, totals.parameter_bytes, totals.macs, totals.training.backward_macs, totals.complete,
          repr(report.model.fallback))
for model in (whole, parts, parallel):
    model(x).sum().backward()
    print(archscope.analyze(model, x).totals.macs, {type(p).__name__ for p in model.parameters()})
dist.destroy_process_group()
"""


def test_sharded_weights_count_whole_and_the_model_stays_sharded():
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SHARDED], capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"}, cwd=Path(__file__).parent,
    )  # fmt: skip
    lines = found.stdout.splitlines()
    assert lines[:5] == ["44 176 108 144 True ''"] * 5, found.stderr[-2000:]
    assert lines[5:] == ["108 {'DTensor'}"] * 3
