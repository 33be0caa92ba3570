"""A .pt2 gives the figures of the model that it was exported from, module by module, and runs nothing of its own."""

from __future__ import annotations

import dataclasses
import json
import pickle
import warnings
import zipfile

import pytest
import torch
from torch import nn
from toys import Branching, SharedAndTied

import archscope
from archscope.errors import ForwardError, ImportModelError
from archscope.sources import load

IMAGE = torch.rand(2, 3, 8, 8)
ROWS = torch.rand(2, 4)
SEQUENCE = torch.rand(2, 5, 8)
TOKENS = torch.tensor([[1, 2, 3]])


class Twice(nn.Module):
    """One convolution called twice in a row and a module used under two names."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.first = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU())
        self.second = self.first

    def forward(self, x):
        x = self.norm(self.convolution(self.convolution(x)))
        return self.second(self.first(x)) + self.convolution(x)


class Keyword(nn.Module):
    """Several inputs, one by keyword, and a structured output."""

    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(4, 6), nn.Linear(4, 6, bias=False)

    def forward(self, pair, *, scale):
        left, right = self.left(pair[0]), self.right(pair[1])
        return {"sum": left * scale + right, "parts": [left, (right,)]}


class Keeps(nn.Module):
    """A plain tensor, a buffer outside the state_dict, positions made from the shape, a region without gradients."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 8)
        self.scale = torch.rand(8)
        self.register_buffer("shift", torch.rand(8), persistent=False)

    @torch.no_grad()
    def positions(self, x):
        return torch.arange(x.shape[1], device=x.device).float().cos().unsqueeze(-1)

    def forward(self, x):
        return self.linear(x) * self.scale + self.shift + self.positions(x)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(8, 4, batch_first=True)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


class Grown(nn.Module):
    """A child called in a loop, a bare parameter, and one that nothing reads."""

    def __init__(self):
        super().__init__()
        self.cell = nn.Sequential(nn.Linear(4, 4), nn.GELU())
        self.gain = nn.Parameter(torch.ones(4))
        self.idle = nn.Linear(3, 3)

    def forward(self, x):
        for _ in range(3):
            x = self.cell(x) * self.gain
        return x


MODELS = {
    "branching": (Branching, (torch.rand(1, 3, 6, 6),), {}),
    "shared and tied": (SharedAndTied, (TOKENS,), {}),
    "called twice": (Twice, (IMAGE,), {}),
    "keyword": (Keyword, ([ROWS, ROWS],), {"scale": torch.rand(())}),
    "keeps tensors": (Keeps, (SEQUENCE,), {}),
    "recurrent": (Recurrent, (SEQUENCE,), {}),
    "loop": (Grown, (ROWS,), {}),
    "attention": (lambda: nn.MultiheadAttention(8, 2, batch_first=True), (SEQUENCE, SEQUENCE, SEQUENCE), {}),
    "encoder": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (SEQUENCE,), {}),
    "transposed": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.SiLU(), nn.ConvTranspose2d(4, 3, 2, groups=1)),
        (IMAGE,),
        {},
    ),
    "norms": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 1), nn.GroupNorm(2, 4), nn.MaxPool2d(2), nn.Flatten(), nn.LayerNorm(64)),
        (IMAGE,),
        {},
    ),
    "embedding": (lambda: nn.Sequential(nn.Embedding(10, 6), nn.Linear(6, 2), nn.Softmax(-1)), (TOKENS,), {}),
}


def exported(model, args, kwargs, file):
    with warnings.catch_warnings(action="ignore"):  # export has something to say of an LSTM's flat weights
        program = torch.export.export(model.eval(), args, kwargs)
    torch.export.save(program, file)
    return archscope.analyze(load(str(file)))


@pytest.mark.parametrize("name", MODELS)
def test_an_exported_model_costs_the_same_in_every_module(name, tmp_path):
    make, args, kwargs = MODELS[name]
    model = make()
    eager = archscope.analyze(model, archscope.Inputs(args=args, kwargs=kwargs))
    found = exported(model, args, kwargs, tmp_path / "model.pt2")
    assert found.model.device == "meta"
    fields = (
        "type",
        "calls",
        "aliases",
        "parameters",
        "own_parameters",
        "macs",
        "own_macs",
        "own_flops",
        "own_activations",
    )
    known = {row.path: [getattr(row, field) for field in fields] for row in found.modules}
    for row in eager.modules:
        if row.path in known:
            if not row.calls:  # a program does not know the type of what it does not call
                known[row.path][0] = row.type
            assert known.pop(row.path) == [getattr(row, field) for field in fields], row.path
        else:  # a container or an identity: nothing in the program tells of it
            assert row.own_parameters == row.own_flops == 0
    assert not known
    assert (found.totals.parameters, found.totals.macs, found.totals.flops, found.totals.buffers) == (
        eager.totals.parameters,
        eager.totals.macs,
        eager.totals.flops,
        eager.totals.buffers,
    )


def test_a_program_runs_to_the_same_numbers_as_the_model(tmp_path):
    model = Twice().eval()
    torch.export.save(torch.export.export(model, (IMAGE,)), tmp_path / "twice.pt2")
    replayed = load(f"{tmp_path}/twice.pt2").build()
    torch.testing.assert_close(replayed(IMAGE), (model(IMAGE),))


def test_the_inputs_of_a_program_are_those_of_its_export_by_name(tmp_path):
    make, args, kwargs = MODELS["keyword"]
    torch.export.save(torch.export.export(make(), args, kwargs), tmp_path / "keyword.pt2")
    inputs = load(f"{tmp_path}/keyword.pt2").inputs
    assert [spec.shape for spec in inputs] == [(2, 4), (2, 4), ()]
    assert inputs[2].name == "scale"


def test_a_symbolic_size_takes_another_batch_and_a_fixed_one_does_not(tmp_path):
    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(nn.Linear(4, 3).eval(), (ROWS,), dynamic_shapes=({0: batch},))
    torch.export.save(program, tmp_path / "linear.pt2")
    spec = load(f"{tmp_path}/linear.pt2")
    assert spec.inputs[0].shape == (2, 4)
    (given,) = spec.inputs
    more = archscope.analyze(spec, (dataclasses.replace(given, shape=(7, 4)),))
    assert more.totals.macs == 7 * 4 * 3
    with pytest.raises(ForwardError, match=r"was exported for input of s\d+x4"):
        archscope.analyze(spec, (dataclasses.replace(given, shape=(7, 5)),))


class Boom:
    """Unpickled, it would leave a file behind."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return open, (str(self.mark), "w")


def tampered(file, target, change):
    """``file`` with ``change(name, content)`` in place of every entry's content."""
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return target


def keep(_name, content):
    return content


def hide_pickle(mark):
    def change(name, content):
        return pickle.dumps(Boom(mark)) if name.endswith("sample_inputs/model.pt") else content

    return change


def hide_use_pickle(name, content):
    return content.replace(b'"use_pickle": false', b'"use_pickle": true')


def hide_expression(name, content):
    if not name.endswith("models/model.json"):
        return content
    program = json.loads(content)
    program["range_constraints"] = {"__import__('os').system('true')": {"min_val": 0, "max_val": 1}}
    text = json.dumps(program)
    return text.replace('"as_int": 3', '"as_expr": {"expr_str": "__import__(\'os\')", "hint": null}', 1).encode()


@pytest.mark.parametrize("trick", ["pickle", "use_pickle", "expression", "object"])
def test_a_program_that_would_run_code_of_its_own_is_not_opened(tmp_path, trick):
    torch.export.save(torch.export.export(nn.Linear(3, 3).eval(), (torch.rand(1, 3),)), tmp_path / "good.pt2")
    mark = tmp_path / "mark"
    change = {"pickle": hide_pickle(mark), "use_pickle": hide_use_pickle, "expression": hide_expression}.get(
        trick, keep
    )
    bad = tampered(tmp_path / "good.pt2", tmp_path / "bad.pt2", change)
    if trick == "object":
        with zipfile.ZipFile(bad, "a") as archive:
            archive.writestr("good/data/constants/opaque_obj_0", pickle.dumps(Boom(mark)))
    with pytest.raises(ImportModelError, match="runs no code that a file brings along"):
        load(str(bad))
    assert not mark.exists()


def test_a_file_that_is_no_program_is_told_so(tmp_path):
    (tmp_path / "text.pt2").write_text("hello")
    with pytest.raises(ImportModelError, match=r"is no torch\.export archive"):
        load(f"{tmp_path}/text.pt2")
    with zipfile.ZipFile(tmp_path / "zip.pt2", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(ImportModelError, match="cannot be opened by torch"):
        load(f"{tmp_path}/zip.pt2")
