"""Weights alone: safetensors, its index, torch.save; parameters by path, and nothing is run."""

from __future__ import annotations

import json
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

import archscope
from archscope.errors import ForwardError, ImportModelError, OptionError
from archscope.sources import load
from archscope.sources.checkpoint import read_weights


def network():
    """Linear 4 x 3 + 3 = 15, batch norm 3 + 3 (and 3 + 3 + 1 in buffers), a tied Linear with a bias of 3: 24 in all."""
    first, second = nn.Linear(4, 3), nn.Linear(4, 3)
    second.weight = first.weight
    return nn.Sequential(first, nn.BatchNorm1d(3), second)


PARAMETERS, BUFFERS = 15 + 6 + 3, 7


def rows(report):
    return {record.path: (record.shape, record.dtype) for record in report.parameters}


def save(kind, folder):
    model = network()
    state = model.state_dict()
    match kind:
        case "plain.pth":
            torch.save(state, folder / kind)
        case "old.pt":
            torch.save(state, folder / kind, _use_new_zipfile_serialization=False)
        case "training.ckpt":
            torch.save({"epoch": 3, "optimizer": {"lr": 0.1}, "state_dict": state}, folder / kind)
        case "nested.bin":
            torch.save({"model": {"ema": state}}, folder / kind)
    return folder / kind


@pytest.mark.parametrize("kind", ["plain.pth", "old.pt", "training.ckpt", "nested.bin"])
def test_a_checkpoint_gives_its_parameters_by_path_and_tied_ones_once(kind, tmp_path):
    report = archscope.analyze(load(str(save(kind, tmp_path))))
    totals = report.totals
    assert (totals.parameters, totals.buffers, totals.macs) == (PARAMETERS, BUFFERS, None)
    assert rows(report)["0.weight"] == ((3, 4), "float32")
    (weight,) = (record for record in report.parameters if record.path == "0.weight")
    assert weight.aliases == ("2.weight",)
    assert [row.path for row in report.modules] == ["", "0", "1", "2"]


def test_safetensors_gives_its_parameters_from_the_header_alone(tmp_path):
    save_file(
        {"a.weight": torch.zeros(3, 4, dtype=torch.bfloat16), "a.running_mean": torch.zeros(3)},
        tmp_path / "m.safetensors",
    )
    content = (tmp_path / "m.safetensors").read_bytes()
    report = archscope.analyze(load(f"{tmp_path}/m.safetensors"))
    assert rows(report) == {"a.weight": ((3, 4), "bfloat16")}
    assert (report.totals.parameter_bytes, report.totals.buffers, report.model.name) == (24, 3, "m")
    with (tmp_path / "m.safetensors").open("r+b") as stream:  # values may be anything: they are not read
        stream.seek(-36, 2)
        stream.write(b"\xff" * 36)
    assert content != (tmp_path / "m.safetensors").read_bytes()
    assert archscope.analyze(load(f"{tmp_path}/m.safetensors")) == report


def test_an_index_stands_for_all_its_shards(tmp_path):
    save_file({"a.weight": torch.zeros(2, 2)}, tmp_path / "one.safetensors")
    save_file({"b.weight": torch.zeros(3)}, tmp_path / "two.safetensors")
    index = {"metadata": {}, "weight_map": {"a.weight": "one.safetensors", "b.weight": "two.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    report = archscope.analyze(load(f"{tmp_path}/model.safetensors.index.json"))
    assert rows(report) == {"a.weight": ((2, 2), "float32"), "b.weight": ((3,), "float32")}
    assert report.model.name == "model.safetensors"


def test_an_index_names_no_file_outside_its_folder(tmp_path):
    (tmp_path / "m.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../other.safetensors"}}))
    with pytest.raises(ImportModelError, match="names the shard"):
        load(f"{tmp_path}/m.safetensors.index.json")


class Boom:
    """Unpickled, it would leave a file behind."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return open, (str(self.mark), "w")


@pytest.mark.parametrize("write", [torch.save, lambda value, file: file.write_bytes(pickle.dumps(value))])
def test_a_file_that_would_run_code_is_refused(tmp_path, write):
    write({"state_dict": Boom(tmp_path / "mark")}, tmp_path / "bad.pth")
    with pytest.raises(ImportModelError, match="runs no code that a file brings along"):
        load(f"{tmp_path}/bad.pth")
    assert not (tmp_path / "mark").exists()


def test_a_file_without_weights_and_a_program_in_the_place_of_weights_are_refused(tmp_path):
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), tmp_path / "scripted.pt")
    with pytest.raises(ImportModelError, match="is a TorchScript program"):
        read_weights(tmp_path / "scripted.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ImportModelError, match="holds no state_dict"):
        load(f"{tmp_path}/list.pt")


def header(fields):
    text = json.dumps(fields).encode()
    return len(text).to_bytes(8, "little") + text


GOOD = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "longer than the file"),
        (b"\xff" * 8, "longer than the file"),
        (b"\x02" + b"\0" * 7 + b"[]", "JSON object"),
        (b"\x02" + b"\0" * 7 + b"{,", "JSON it should"),
        (header({"a": GOOD}), "cut short"),
        (header({"a": {**GOOD, "dtype": "Q3"}}) + b"\0" * 8, "'Q3'"),
        (header({"a": {**GOOD, "shape": [-2]}}) + b"\0" * 8, "the shape"),
        (header({"a": {**GOOD, "data_offsets": [0, 4]}}) + b"\0" * 8, "cut short"),
        (header({"a": {"dtype": "F32"}}), "nothing useful"),
    ],
)
def test_a_damaged_safetensors_file_is_told_what_is_wrong(tmp_path, content, what):
    (tmp_path / "bad.safetensors").write_bytes(content)
    with pytest.raises(ImportModelError, match=what):
        load(f"{tmp_path}/bad.safetensors")


@given(st.binary(max_size=80), st.integers(0, 90))
def test_any_bytes_are_safetensors_or_an_error(tmp_path_factory, content, length):
    file = tmp_path_factory.mktemp("fuzz") / "any.safetensors"
    file.write_bytes(length.to_bytes(8, "little") + content)
    try:
        load(str(file))
    except ImportModelError:
        return
    assert json.loads(content[:length]) is not None


def test_names_of_any_kind_are_paths(tmp_path):
    names = ["forward", "training.weight", "a..b", "", "__class__.x", "_parameters", "\u00e4.\U0001f600"]
    torch.save({name: torch.zeros(1) for name in names}, tmp_path / "odd.pth")
    assert set(rows(archscope.analyze(load(f"{tmp_path}/odd.pth")))) == set(names)


def test_weights_alone_cannot_be_run_and_take_no_options(tmp_path):
    file = save("plain.pth", tmp_path)
    with pytest.raises(ForwardError, match="hold no code"):
        archscope.analyze(load(str(file)), (archscope.InputSpec(shape=(1, 4)),))
    with pytest.raises(OptionError, match="takes no options"):
        load(str(file), width=3)
