"""JSON has no number for nan and the infinities: what options hold of them is written as an object, and read back."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
from click.testing import CliRunner

import archscope
from archscope.cli import main
from archscope.serial import from_json, to_json

NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, lr: float = 1e-3, most: float = float("inf"), kind: str = "inf"):
        super().__init__()
        self.layer = nn.Linear(8, 4)

    def forward(self, x):
        return self.layer(x)
"""


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    file = tmp_path_factory.mktemp("net") / "net.py"
    file.write_text(NET)
    return f"{file}:Net"


def strict(text):
    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


def run(*words):
    done = CliRunner().invoke(main, [*words, "--input", "2x8"])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize(("word", "written"), [("nan", "nan"), ("inf", "inf"), ("-inf", "-inf"), ("1e999", "inf")])
def test_every_command_writes_json_that_any_reader_takes(net, word, written):
    read = strict(run("analyze", net, "--set", f"lr={word}", "--json", "-"))
    options = {option["name"]: option["value"] for option in read["model"]["options"]}
    assert options["lr"] == {"float": written}
    swept = strict(run("plan", net, "--vary", f"lr={word},0.5", "--json", "-"))
    assert [point["settings"][0]["value"] for point in swept["points"]] == [{"float": written}, 0.5]
    compared = strict(run("compare", net, net, "--set", f"lr={word}", "--json", "-"))
    assert {"name": "lr"}.items() <= compared["head"]["model"]["options"][0].items()


def test_what_was_written_reads_back_as_the_same_report(net):
    given = {"lr": 1e-3, "most": -math.inf, "kind": "inf"}
    report = archscope.analyze(archscope.load(net, **given), (archscope.InputSpec(shape=(2, 8)),))
    read = from_json(to_json(report))
    assert read == report
    assert {option.name: option.value for option in read.model.options} == {
        "lr": 1e-3,
        "most": -math.inf,
        "kind": "inf",
    }


def test_nan_reads_back_as_nan(net):
    report = archscope.analyze(archscope.load(net, lr=math.nan), (archscope.InputSpec(shape=(2, 8)),))
    read = from_json(to_json(report))
    assert math.isnan(read.model.options[0].value)
    assert dataclasses.replace(read, model=report.model) == report


@pytest.mark.parametrize("value", [{"float": "1.5"}, {"float": "nan", "more": 1}, {"float": None}, {"float": []}])
def test_another_object_is_no_value_of_an_option(net, value):
    plain = json.loads(to_json(archscope.analyze(archscope.load(net, lr=1.5))))
    plain["model"]["options"][0]["value"] = value
    with pytest.raises(archscope.ArchscopeError, match="expected bool or int or float or str"):
        from_json(json.dumps(plain))
