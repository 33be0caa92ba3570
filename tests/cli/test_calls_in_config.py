"""archscope.toml says what --inputs and --call say, and `init` writes it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from archscope.cli import main

LIT = """import torch
from torch import nn


class Lit(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 3)

    def training_step(self, batch, index):
        x, y = batch
        return nn.functional.cross_entropy(self.fc(x), y)


def batch():
    return {"batch": (torch.zeros(4, 8), torch.zeros(4, dtype=torch.long)), "index": 0}


class Doubled(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 8)

    def forward(self, x):
        return self.fc(x)

    def twice(self, x):
        return self.fc(self.fc(x))
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    (tmp_path / "lit.py").write_text(LIT)
    monkeypatch.chdir(tmp_path)

    def run(*words, code=0):
        result = CliRunner().invoke(main, words)
        assert result.exit_code == code, result.output
        return result.stdout

    return run


def macs(text):
    return json.loads(text)["totals"]["macs"]


def test_init_writes_the_function_and_the_method_and_check_calls_them(run, tmp_path):
    run("init", "lit.py:Lit", "--inputs", "lit.py:batch", "--call", "training_step")
    text = (tmp_path / "archscope.toml").read_text()
    assert 'inputs = ["lit.py:batch"]' in text
    assert 'call = "training_step"' in text
    assert "macs 96 <= max 96" in run("check")  # 4 x 8 x 3
    assert macs(run("analyze", "Lit", "--json", "-")) == 96
    assert "training_step" in run("config")
    run("lock")
    assert "4 passed" in run("check", "--locked")


def test_a_method_is_called_on_written_inputs_and_on_those_of_the_line(run, tmp_path):
    (tmp_path / "archscope.toml").write_text('[models.m]\nsource = "lit.py:Doubled"\ninputs = "1x8"\ncall = "twice"\n')
    assert macs(run("analyze", "m", "--json", "-")) == 128
    assert macs(run("analyze", "m", "--input", "2x8", "--json", "-")) == 256
    assert macs(run("analyze", "m", "--call", "forward", "--json", "-")) == 64


def test_a_function_that_is_not_there_is_told_with_its_line(run, tmp_path):
    (tmp_path / "archscope.toml").write_text('[models.m]\nsource = "lit.py:Lit"\ninputs = "lit.py:bach"\n')
    result = CliRunner().invoke(main, ["analyze", "m"])
    assert result.exit_code in {2, 3}
    assert "bach" in result.stderr
    assert "did you mean batch" in result.stderr
