from __future__ import annotations

import weakref

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import archscope


class Probe(TorchDispatchMode):
    """Live bytes of every storage that an operator hands out, by finalizers on real CPU tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.live: dict[int, int] = {}
        self.foreign: set[int] = set()
        self.peak = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        for value in torch.utils._pytree.tree_leaves((args, kwargs)):
            if isinstance(value, torch.Tensor) and value.untyped_storage()._cdata not in self.live:
                self.foreign.add(value.untyped_storage()._cdata)
        result = func(*args, **(kwargs or {}))
        for value in torch.utils._pytree.tree_leaves(result):
            if isinstance(value, torch.Tensor):
                storage = value.untyped_storage()
                address = storage._cdata
                if address not in self.foreign and address not in self.live:
                    self.live[address] = storage.nbytes()
                    weakref.finalize(storage, self.live.pop, address)
        self.peak = max(self.peak, sum(self.live.values()))
        return result


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x):
        return torch.relu(x + self.b(torch.relu(self.norm(self.a(x)))))


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(4, 8, 1)

    def forward(self, x):
        y = nn.functional.relu_(self.a(x))
        y.mul_(2).add_(1)
        y[:, :2].zero_()
        return y


class Views(nn.Module):
    def forward(self, x):
        y = x * 2
        parts = y.view(2, 2, 2, 6, 6).transpose(1, 2).chunk(2, dim=1)
        z = parts[0].permute(0, 2, 1, 3, 4)
        del y
        return z.reshape(2, -1)[:, ::2] + 1


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.branches = nn.ModuleList([nn.Conv2d(4, 2 * i, 1) for i in (1, 2, 3)])

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


class Pyramid(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList([nn.Conv2d(4, 4, 3, stride=2, padding=1) for _ in range(2)])

    def forward(self, x):
        levels = [x]
        for layer in self.down:
            levels.append(layer(levels[-1]))
        up = nn.functional.interpolate(levels[-1], size=levels[-2].shape[-2:]) + levels[-2]
        return [up, nn.functional.max_pool2d(up, 2)]


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.project = nn.Linear(8, 24)

    def forward(self, x):
        q, k, v = self.project(x).chunk(3, -1)
        return torch.softmax(q @ k.transpose(-1, -2) / 8**0.5, -1) @ v


class Looping(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(8, 8)

    def forward(self, x):
        state = x.new_zeros(x.shape[0], 8)
        states = []
        for step in x.unbind(1):
            state = self.cell(step, state)
            states.append(state)
        return torch.stack(states, 1)


class Keeps(nn.Module):
    """Holds every intermediate until it returns."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(8, 8) for _ in range(4)])

    def forward(self, x):
        seen = []
        for layer in self.layers:
            x = layer(x)
            seen.append(x)
        return sum(seen)


class SqueezeExcite(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 2, 1), nn.SiLU(), nn.Conv2d(2, 4, 1), nn.Sigmoid()
        )

    def forward(self, x):
        return x * self.gate(x)


IMAGE, TOKENS = (2, 4, 6, 6), (2, 5, 8)
MODELS = [
    (Residual(), IMAGE),
    (InPlace(), IMAGE),
    (Views(), IMAGE),
    (Branching(), IMAGE),
    (Pyramid(), IMAGE),
    (SqueezeExcite(), IMAGE),
    (Attention(), TOKENS),
    (Looping(), TOKENS),
    (Keeps(), TOKENS),
    (nn.Sequential(nn.Linear(8, 32), nn.GELU(), nn.Linear(32, 8), nn.LayerNorm(8)), TOKENS),
    (nn.Sequential(nn.Conv2d(4, 8, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32, 3)), IMAGE),
    (nn.Sequential(nn.ConvTranspose2d(4, 4, 2, stride=2), nn.PixelShuffle(2), nn.Dropout()), IMAGE),
]


@pytest.mark.parametrize(("model", "shape"), MODELS, ids=lambda value: type(value).__name__)
def test_peak_activation_bytes_equal_the_live_storages_of_a_real_run(model, shape):
    model.eval()
    images = torch.rand(shape)
    probe = Probe()
    with torch.no_grad(), probe:
        output = model(images)
    del output
    assert archscope.analyze(model, archscope.Inputs(args=(images,))).totals.peak_activation_bytes == probe.peak


RECURRENT = [nn.GRU(8, 8, num_layers=2, batch_first=True), nn.RNN(8, 8, bidirectional=True), nn.LSTM(8, 8)]


@pytest.mark.parametrize("model", RECURRENT, ids=lambda value: type(value).__name__)
def test_the_peak_of_recurrent_layers_on_the_cpu_equals_a_real_run_there(model):
    """torch takes other operators for them on meta than on the CPU, and so other intermediate results."""
    model.eval()
    tokens = torch.rand(TOKENS)
    probe = Probe()
    with torch.no_grad(), probe:
        output = model(tokens)
    del output
    seen = archscope.trace(model, archscope.Inputs(args=(tokens,)), device="cpu")
    assert archscope.analyze(seen).totals.peak_activation_bytes == probe.peak


def test_the_peak_of_the_featherface_baseline_at_64_pixels_equals_a_real_run():
    spec = archscope.load("featherface-baseline")
    model = spec.build().eval()
    images = torch.zeros(1, 3, 64, 64)
    probe = Probe()
    with torch.no_grad(), probe:
        output = model(images)
    del output
    report = archscope.analyze(spec, (archscope.InputSpec(shape=(1, 3, 64, 64)),))
    assert report.totals.peak_activation_bytes == probe.peak
