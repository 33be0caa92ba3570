"""TorchScript programs: every form of them has the figures of the model, module by module."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

import archscope

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning", "ignore::torch.jit.TracerWarning")


class Block(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)

    def forward(self, x):
        return functional.relu(self.norm(self.conv(x))) + x


class Shared(nn.Module):
    """A block that runs twice under two names, blocks in a list, and a head."""

    def __init__(self):
        super().__init__()
        self.a = Block(3)
        self.b = self.a
        self.blocks = nn.ModuleList([Block(3), Block(3)])
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        x = self.b(self.a(x))
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean((2, 3)))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 6)
        self.lstm = nn.LSTM(6, 5, 2, batch_first=True, bidirectional=True)
        self.gru, self.head = nn.GRU(10, 4), nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.gru(self.lstm(self.embed(x))[0])[0])


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(8, 8) for _ in range(4))

    def forward(self, x):
        q, k, v = (f(x).view(2, 5, 2, 4).transpose(1, 2) for f in (self.q, self.k, self.v))
        return self.out(functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(2, 5, 8))


class Squeeze(nn.Module):
    """Convolutions of all kinds, a squeeze and excitation, sizes that are asked for."""

    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.Hardswish(), nn.Conv2d(8, 8, 3, groups=8))
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 8, 1), nn.Hardsigmoid())
        self.up = nn.ConvTranspose2d(8, 3, 2, stride=2)

    def forward(self, x):
        y = self.down(x)
        y = self.up(y * self.gate(y))
        return functional.interpolate(y, size=(x.shape[2], x.shape[3])) + x


def encoder():
    return nn.Sequential(nn.LayerNorm(8), nn.TransformerEncoderLayer(8, 2, 16, batch_first=True))


IMAGE, TOKENS, FEATURES = torch.rand(1, 3, 12, 12), torch.zeros(2, 7, dtype=torch.long), torch.rand(2, 5, 8)
NETWORKS = {
    "shared": (Shared, IMAGE),
    "recurrent": (Recurrent, TOKENS),
    "attention": (Attention, FEATURES),
    "squeeze": (Squeeze, IMAGE),
    "encoder": (encoder, FEATURES),
}


def rows(report, *figures):
    return {row.path: tuple(getattr(row, figure) for figure in figures) for row in report.modules}


def made(name):
    torch.manual_seed(0)
    build, inputs = NETWORKS[name]
    model = build().eval()
    return model, inputs, archscope.analyze(model, inputs)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("form", ["scripted", "traced"])
def test_a_program_has_the_figures_of_the_model_module_by_module(name, form):
    if (name, form) == ("attention", "scripted"):
        pytest.skip("a generator cannot be scripted")
    model, inputs, report = made(name)
    program = torch.jit.script(model) if form == "scripted" else torch.jit.trace(model, inputs, check_trace=False)
    found = archscope.analyze(program, inputs)
    assert rows(found, "macs", "parameters") == rows(report, "macs", "parameters")
    assert found.totals.buffers == report.totals.buffers
    assert {path: kind for path, (kind,) in rows(found, "type").items()} == {
        path: kind for path, (kind,) in rows(report, "type").items()
    }
    assert found.totals.complete
    assert found.model.device == "meta"
    if form == "scripted":
        assert found.totals.flops == report.totals.flops


def test_a_shared_part_is_one_module_and_shapes_and_calls_are_told():
    model, inputs, report = made("shared")
    found = archscope.analyze(torch.jit.script(model), inputs)
    told = ("calls", "aliases", "input_shapes", "output_shapes")
    assert rows(found, *told) == rows(report, *told)
    assert rows(found, "calls", "aliases")["a.conv"] == (2, ("b.conv",))


@pytest.mark.parametrize("name", ["shared", "recurrent", "squeeze", "encoder"])
@pytest.mark.parametrize("make", [torch.jit.script, lambda model, inputs=None: torch.jit.trace(model, inputs)])
def test_a_frozen_program_keeps_its_macs_and_its_constants_are_its_parameters(name, make):
    model, inputs, report = made(name)
    program = make(model) if make is torch.jit.script else torch.jit.trace(model, inputs, check_trace=False)
    found = archscope.analyze(torch.jit.freeze(program), inputs)
    assert found.totals.macs == report.totals.macs
    assert found.totals.complete
    if (
        name == "shared"
    ):  # each of four norms is folded into its convolution; the shared one's weights stand there twice
        assert found.totals.parameters == 4 * (3 * 3 * 9 + 3) + 8
        assert rows(found, "macs")["blocks.1.conv"] == rows(report, "macs")["blocks.1.conv"]
        assert rows(found, "parameters")["blocks.1.conv"] == (84,)
    if name in {"recurrent", "squeeze"}:
        assert found.totals.parameters == report.totals.parameters


@pytest.mark.parametrize("name", ["shared", "squeeze"])
def test_what_was_optimised_for_a_cpu_library_is_counted_once(name):
    model, inputs, report = made(name)
    found = archscope.analyze(torch.jit.optimize_for_inference(torch.jit.script(model)), inputs)
    assert (found.totals.macs, found.totals.complete) == (report.totals.macs, True)


class Methods(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.head = nn.Linear(4, 4, bias=False), nn.Linear(4, 2, bias=False)

    def forward(self, x):
        return self.head(self.inner(x))

    @torch.jit.export
    def repeated(self, x, times: int = 3):
        for _ in range(times):
            x = self.inner(x)
        if x.size(1) > 3:
            x = self.inner(x)
        return x


def test_other_methods_loops_and_branches_belong_to_their_modules():
    program = torch.jit.script(Methods())
    found = archscope.analyze(program, torch.rand(2, 4), call="repeated")
    assert rows(found, "macs", "calls") == {"": (4 * 32, 1), "inner": (4 * 32, 4), "head": (0, 0)}
    twice = archscope.analyze(program, torch.rand(2, 4), times=1, call="repeated")
    assert twice.totals.macs == 2 * 32


def test_the_program_comes_back_as_it_was_and_its_graph_too():
    model, inputs, _ = made("shared")
    program = torch.jit.script(model)
    before, weight = str(program.graph), program.head.weight
    archscope.analyze(program, inputs, training="sgd")
    assert str(program.graph) == before
    assert program.head.weight is weight
    assert program(inputs).shape == (1, 2)


@pytest.mark.filterwarnings("ignore")  # torch announces the end of its own quantisation
@pytest.mark.parametrize("form", [lambda program: program, torch.jit.freeze])
def test_packed_weights_of_a_quantised_program_take_their_true_bytes(form):
    plain = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 4))
    model = torch.ao.quantization.quantize_dynamic(plain, {nn.Linear}, dtype=torch.qint8)
    found = archscope.analyze(form(torch.jit.script(model).eval()), torch.rand(2, 16))
    assert found.totals.parameter_bytes == 16 * 8 + 8 * 4 + 4 * (8 + 4)
    assert found.totals.macs == 2 * (16 * 8 + 8 * 4)


class Stages(nn.Module):
    def __init__(self):
        super().__init__()
        layers = [[nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)] for _ in range(2)]
        self.stages = nn.ModuleList(map(nn.ModuleList, layers))

    def forward(self, x):
        for stage in self.stages:
            for layer in stage:
                x = layer(x)
        return x


def test_rows_that_a_frozen_program_leaves_open_are_told_to_be_an_estimate():
    model, x = Stages().eval(), torch.ones(1, 3, 4, 4)
    scripted = archscope.analyze(torch.jit.freeze(torch.jit.script(model)), x)
    assert "rows inside of it are an estimate" in scripted.model.fallback
    assert "rows inside of it are an estimate" in str(scripted)
    traced = archscope.analyze(torch.jit.freeze(torch.jit.trace(model, x)), x)
    assert traced.model.fallback == ""
    assert scripted.totals.macs == traced.totals.macs == 4 * 9 * 16
    assert rows(traced, "macs")["stages.1"] == (2 * 9 * 16,)
