from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

import archscope
from archscope.errors import UsageError
from archscope.measure.summing.optimizers import OPTIMIZERS
from archscope.report import UNASSIGNED


def convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.SiLU(),
        nn.ConvTranspose2d(32, 8, 2, stride=2), nn.LeakyReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 256, 10),
    )  # fmt: skip


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(256, 512), nn.GELU(), nn.Linear(512, 512), nn.Tanh(), nn.Linear(512, 10))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.project, self.out = nn.LayerNorm(64), nn.Linear(64, 192), nn.Linear(64, 64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.project(self.norm(x)).chunk(3, -1)
        return x + self.out(torch.softmax(q @ k.transpose(-1, -2) / 8, -1) @ v)


def transformer() -> nn.Module:
    return nn.Sequential(Block(), Block(), nn.Linear(64, 100))


class ResidualBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.b(torch.sigmoid(self.norm(self.a(x))))


def residual() -> nn.Module:
    blocks = [ResidualBlock(16) for _ in range(12)]
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 4)
    )


class Mixer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.tokens = nn.LayerNorm(64), nn.Sequential(nn.Linear(48, 96), nn.SiLU(), nn.Linear(96, 48))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.tokens(self.norm(x).transpose(1, 2)).transpose(1, 2)


def mixer() -> nn.Module:
    return nn.Sequential(*(Mixer() for _ in range(4)), nn.Linear(64, 10))


MODELS = {
    "convolutions": (convolutions, (4, 3, 32, 32)),
    "perceptron": (perceptron, (64, 256)),
    "transformer": (transformer, (2, 48, 64)),
    "residual": (residual, (4, 3, 32, 32)),
    "mixer": (mixer, (4, 48, 64)),
}


def step(model: nn.Module, images: torch.Tensor) -> None:
    output = model.train()(images)
    sum(leaf.sum() for leaf in torch.utils._pytree.tree_leaves(output)).backward()


def inputs(shape):
    return (archscope.InputSpec(shape=shape),)


@pytest.mark.parametrize("name", MODELS)
def test_forward_and_backward_flops_of_products_equal_torchs_counter_on_the_real_step(name):
    build, shape = MODELS[name]
    model = build()
    figures = archscope.analyze(model, inputs(shape), training="sgd").totals.training
    with FlopCounterMode(display=False) as counter:
        step(model, torch.rand(shape))
    assert counter.get_total_flops() == 2 * (figures.forward_macs + figures.backward_macs)
    assert figures.complete


def test_the_weight_gradient_of_a_grouped_convolution_costs_the_dense_one_divided_by_the_groups():
    dense, grouped = nn.Conv2d(8, 8, 3), nn.Conv2d(8, 8, 3, groups=4)
    cost = [
        archscope.analyze(m, inputs((2, 8, 9, 9)), training="sgd").totals.training.backward_macs
        for m in (dense, grouped)
    ]
    # the image takes no gradient; 2 x 8 x 7 x 7 outputs x 8 x 9 weights each.
    assert cost == [56_448, 56_448 // 4]


def measured_peak(model: nn.Module, images: torch.Tensor) -> int:
    """The highest growth of the CPU allocator in a step, as torch's own profiler saw it."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step(model, images)
    events = []

    def walk(nodes):
        for node in nodes:
            if "Allocation" in str(node.tag):
                events.append((node.start_time_ns, node.extra_fields.alloc_size))
            walk(node.children)

    walk(profiler.profiler.kineto_results.experimental_event_tree())
    live = peak = 0
    for _, size in sorted(events, key=lambda event: event[0]):
        live += size
        peak = max(peak, live)
    return peak


@pytest.mark.parametrize("name", MODELS)
def test_the_memory_of_a_step_is_within_five_percent_of_what_torchs_profiler_measures(name):
    build, shape = MODELS[name]
    model = build()
    figures = archscope.analyze(model, inputs(shape), training="sgd").totals.training
    images = torch.rand(shape)
    step(copy.deepcopy(model), images)  # whatever torch allocates once
    assert figures.peak_bytes == pytest.approx(measured_peak(model, images), rel=0.05)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_optimizers_state_is_what_torch_optim_allocates(name):
    model = perceptron()
    kinds = {
        "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
        "sgd-momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
        "adagrad": torch.optim.Adagrad,
        "rmsprop": torch.optim.RMSprop,
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
    }
    optimizer = kinds[name](model.parameters())
    step(model, torch.rand(2, 256))
    optimizer.step()
    state = [v for entry in optimizer.state.values() for v in entry.values() if isinstance(v, torch.Tensor)]
    figures = archscope.analyze(model, inputs((2, 256)), training=name).totals.training
    assert figures.optimizer_bytes == sum(tensor.nbytes for tensor in state)
    assert figures.gradient_bytes == sum(p.grad.nbytes for p in model.parameters())


def test_backward_work_belongs_to_the_module_of_its_forward_and_the_rest_is_named():
    report = archscope.analyze(nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2)), inputs((3, 4)), training="adamw")
    rows = {row.path: row.backward_macs for row in report.modules}
    # weights of the first: 3 x 4 x 8; input and weights of the second: 2 x 3 x 8 x 2.
    assert rows == {"": 96 + 96, "0": 96, "1": 96}
    own = sum(row.backward_flops for row in report.modules if row.depth == 1)
    assert report.totals.training.backward_flops == own + report.totals.training.unassigned_flops
    # the loss: a sum of 6 elements.
    assert report.totals.training.unassigned_flops == 6


def test_frozen_parameters_get_no_gradients():
    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2))
    model[0].requires_grad_(requires_grad=False)
    report = archscope.analyze(model, inputs((3, 4)), training="adamw")
    assert {row.path: row.backward_macs for row in report.modules} == {"": 48, "0": 0, "1": 48}
    assert report.totals.training.gradient_bytes == 4 * (16 + 2)


def test_a_checkpointed_block_runs_its_forward_again_and_keeps_less():
    class Checkpointed(nn.Module):
        def __init__(self, *, again: bool) -> None:
            super().__init__()
            self.first, self.body, self.again = nn.Linear(8, 8), perceptron_of(8), again

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.first(x)
            return checkpoint(self.body, x, use_reentrant=False) if self.again else self.body(x)

    def perceptron_of(size: int) -> nn.Module:
        return nn.Sequential(nn.Linear(size, 64), nn.ReLU(), nn.Linear(64, size))

    plain = archscope.analyze(Checkpointed(again=False), inputs((4, 8)), training="sgd")
    again = archscope.analyze(Checkpointed(again=True), inputs((4, 8)), training="sgd")
    body = {row.path: row for row in plain.modules}["body"]
    assert again.totals.training.saved_activation_bytes < plain.totals.training.saved_activation_bytes
    rows = {row.path: row.backward_macs for row in again.modules}
    # torch stops the second forward where the last saved tensor is made: before the last product
    assert rows["body"] - body.backward_macs == 4 * 8 * 64


def test_the_model_gets_no_gradients_of_a_measured_step():
    model = perceptron()
    archscope.trace(model, inputs((2, 256)), training=True, device="cpu")
    archscope.trace(model, inputs((2, 256)), training=True)
    assert all(p.grad is None for p in model.parameters())


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(UsageError, match="adamw"):
        archscope.analyze(perceptron(), inputs((2, 256)), training="adamwow")


def test_the_unassigned_marker_is_no_module_path():
    seen = archscope.trace(perceptron(), inputs((2, 256)), training=True)
    assert UNASSIGNED not in {module.path for module in seen.modules}
    assert {call.path for call in seen.calls if call.phase == "forward"} == {"0", "1", "2", "3", "4"}


def test_an_operator_with_a_kernel_of_its_own_is_not_taken_apart():
    seen = archscope.trace(nn.Sequential(nn.Linear(4, 4), nn.SiLU()), inputs((2, 4)), training=True)
    assert "aten::silu_backward" in {call.op for call in seen.calls}


def test_a_step_of_the_baseline_is_counted_whole_and_belongs_to_its_modules():
    report = archscope.analyze(archscope.load("zoo:featherface-baseline"), training="adamw")
    step = report.totals.training
    assert step.complete
    # the image takes no gradient: twice the forward less one gradient of the first convolution.
    first = 8 * 320 * 320 * 3 * 9
    assert (step.forward_macs, step.backward_macs) == (1_243_802_176, 2 * 1_243_802_176 - first)
    # the loss: 16,800 anchors x (4 + 2 + 10) outputs, summed.
    assert step.unassigned_flops == 16_800 * 16
    rows = {row.path: row.backward_macs for row in report.modules}
    assert rows["ssh1"] == 2 * 494_899_200
    assert sum(rows[row.path] for row in report.modules if row.depth == 1) == rows[""] == step.backward_macs
