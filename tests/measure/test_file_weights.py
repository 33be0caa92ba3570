"""Weights that forward reads from a file are told, however it reads them; what else it reads there is none."""

from __future__ import annotations

import csv
import json
import mmap
import pickle
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors
import safetensors.torch
import torch
from safetensors.torch import load_file
from torch import nn

import archscope

WEIGHT = np.random.default_rng(0).normal(size=(8, 5)).astype("f4")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The same 8 x 5 weight in many forms."""
    folder = tmp_path_factory.mktemp("weights")
    np.save(folder / "w.npy", WEIGHT)
    np.savez(folder / "w.npz", w=WEIGHT)
    WEIGHT.tofile(folder / "w.bin")
    np.savetxt(folder / "w.csv", WEIGHT, delimiter=",")
    (folder / "w.json").write_text(json.dumps({"layers": [{"w": WEIGHT.tolist()}]}))
    (folder / "w.pkl").write_bytes(pickle.dumps(WEIGHT))
    torch.save({"w": torch.from_numpy(WEIGHT)}, folder / "w.pt")
    weights = {"w": torch.from_numpy(WEIGHT), "v": torch.rand(5, 3)}
    safetensors.torch.save_file(weights, folder / "w.safetensors")
    return folder


class Model(nn.Module):
    """``work(folder, x)`` after a registered layer of 72 parameters."""

    def __init__(self, folder, work):
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.folder = folder
        self.work = work

    def forward(self, x):
        return self.work(self.folder, self.layer(x))


def mapped(f, x):
    with (f / "w.bin").open("r+b") as file:
        return x @ torch.frombuffer(mmap.mmap(file.fileno(), 0), dtype=torch.float32).view(8, 5)


def rows(f, x):
    with (f / "w.csv").open() as file:
        return x @ torch.tensor([[float(value) for value in row] for row in csv.reader(file)])


def opened(f, x):
    with safetensors.safe_open(f / "w.safetensors", "pt") as file:
        return x @ file.get_tensor("w")


def layer_of_its_own(f, x):
    layer = nn.Linear(8, 5, bias=False)
    layer.load_state_dict({"weight": torch.load(f / "w.pt")["w"].t()})
    return layer(x)


def into_room(f, x):
    room = torch.empty(8, 5, device=x.device)
    room.copy_(torch.load(f / "w.pt")["w"])
    return x @ room


def by_storage(f, x):
    storage = torch.UntypedStorage.from_file(str(f / "w.bin"), False, 160)
    return x @ torch.tensor([]).set_(storage, 0, (8, 5), (5, 1))


READS = {
    "np.load": lambda f, x: x @ torch.from_numpy(np.load(f / "w.npy")),
    "np.load, mapped": lambda f, x: x @ torch.from_numpy(np.load(f / "w.npy", mmap_mode="c")),
    "an archive": lambda f, x: x @ torch.from_numpy(np.load(f / "w.npz")["w"]),
    "np.fromfile": lambda f, x: x @ torch.from_numpy(np.fromfile(f / "w.bin", "f4").reshape(8, 5)),
    "np.memmap": lambda f, x: x @ torch.from_numpy(np.memmap(f / "w.bin", "f4", "c", shape=(8, 5))),
    "np.loadtxt": lambda f, x: x @ torch.tensor(np.loadtxt(f / "w.csv", "f4", delimiter=",")),
    "np.frombuffer": lambda f, x: x @ torch.tensor(np.frombuffer((f / "w.bin").read_bytes(), "f4").reshape(8, 5)),
    "scaled": lambda f, x: x @ torch.from_numpy(np.load(f / "w.npy") * np.float32(0.5)),
    "json": lambda f, x: x @ torch.tensor(json.loads((f / "w.json").read_text())["layers"][0]["w"]),
    "pickle": lambda f, x: x @ torch.as_tensor(pickle.loads((f / "w.pkl").read_bytes())),  # noqa: S301 - our own
    "csv": rows,
    "pandas": lambda f, x: x @ torch.tensor(pd.read_csv(f / "w.csv", header=None).to_numpy("f4")),
    "struct": lambda f, x: x @ torch.tensor(struct.unpack("40f", (f / "w.bin").read_bytes())).view(8, 5),
    "torch.load": lambda f, x: x @ torch.load(f / "w.pt")["w"],
    "torch.load, mapped": lambda f, x: x @ torch.load(f / "w.pt", mmap=True)["w"],
    "torch.from_file": lambda f, x: x @ torch.from_file(str(f / "w.bin"), size=40, dtype=torch.float32).view(8, 5),
    "a mapped buffer": mapped,
    "a storage": by_storage,
    "bytes": lambda f, x: x @ torch.frombuffer(bytearray((f / "w.bin").read_bytes()), dtype=x.dtype).view(8, 5),
    "safetensors": lambda f, x: x @ safetensors.torch.load_file(f / "w.safetensors")["w"],
    "safetensors, imported": lambda f, x: x @ load_file(f / "w.safetensors")["w"],
    "safetensors, opened": opened,
    "a layer made there": layer_of_its_own,
    "copied into room": into_room,
}


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize("name", READS)
def test_a_weight_of_a_file_is_registered_nowhere(folder, name, device):
    report = archscope.analyze(archscope.trace(Model(folder, READS[name]), torch.rand(2, 8), device=device))
    assert [row.numel for row in report.unregistered] == [40]
    assert report.totals.parameters == 72
    assert report.totals.macs == 2 * (64 + 40)


def test_each_weight_of_a_file_is_told_as_the_numbers_that_it_is(folder):
    def both(f, x):
        found = load_file(f / "w.safetensors")
        return x @ found["w"] @ found["v"]

    report = archscope.analyze(Model(folder, both), torch.rand(2, 8))
    assert [(row.shape, row.dtype) for row in report.unregistered] == [((8, 5), "float32"), ((5, 3), "float32")]


def settings(f, x):
    times = len(json.loads((f / "w.json").read_text())["layers"])
    kernel = torch.tensor([[[0.25, 0.5, 0.25]]])
    return nn.functional.conv1d(x[:, None], kernel) * times


def writes(f, x):
    Path(f / "log.txt").write_text("run", "utf-8")
    return x @ torch.from_numpy(np.cos(np.arange(40, dtype="f4")).reshape(8, 5))


def own_memory(_f, x):
    table = torch.zeros(0, device=x.device)
    table.set_(torch.ones(8, 5, device=x.device))
    return x @ table


HONEST = {
    "settings": settings,
    "a file that is written": writes,
    "a mean": lambda f, x: x - torch.from_numpy(np.load(f / "w.npy"))[:, 0],
    "a length": lambda f, x: x * len((f / "w.csv").read_text()),
    "memory of its own": own_memory,
}


@pytest.mark.parametrize("name", HONEST)
def test_what_is_no_weight_raises_no_alarm(folder, name):
    report = archscope.analyze(Model(folder, HONEST[name]), torch.rand(2, 8))
    assert report.unregistered == ()
    assert report.totals.complete


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_memory_of_a_registered_weight_is_registered_by_whatever_tensor(device):
    class Shares(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 8, bias=False)

        def forward(self, x):
            whole = torch.empty(0, device=x.device)
            whole.set_(self.layer.weight.data.untyped_storage(), 0, (8, 8), (8, 1))
            return x @ whole

    report = archscope.analyze(archscope.trace(Shares(), torch.rand(4, 8), device=device))
    assert report.unregistered == ()
    assert report.totals.macs == 256


def test_a_tensor_that_takes_another_s_memory_takes_its_sizes():
    class Takes(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 8, bias=False)

        def forward(self, x):
            whole = torch.empty(0)
            whole.set_(self.layer.weight.detach())
            return x @ whole

    report = archscope.analyze(Takes(), torch.rand(4, 8))
    assert report.totals.macs == 256
    assert report.totals.complete
