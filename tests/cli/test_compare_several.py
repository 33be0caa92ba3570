"""Three and more models side by side."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from archscope.cli import main

NET = """from torch import nn


def net(width):
    return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 2))


small, middle, large = net(2), net(3), net(8)
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(NET)
    monkeypatch.chdir(tmp_path)

    def run(*words, code=0):
        models = [f"net.py:{name}" for name in ("small", "middle", "large")]
        result = CliRunner().invoke(main, ["compare", *models, "--input", "1x4", *words])
        assert result.exit_code == code, result.output
        return result

    return run


def test_each_model_is_a_column(run):
    lines = run("--sort", "macs").stdout.splitlines()
    assert lines[0] == "small · middle · large"
    found = {line.split("  ")[0]: line.split()[-3:] for line in lines if line}
    assert found["parameters"] == ["16", "23", "58"]
    assert found["MACs"] == ["12", "18", "48"]
    assert found["TOTAL"] == ["12", "18", "48"]
    start = next(place for place, line in enumerate(lines) if line.startswith("module, MACs"))
    assert [line.split() for line in lines[start + 1 : start + 3]] == [["0", "8", "12", "32"], ["2", "4", "6", "16"]]
    assert "1 module is the same in all" in lines[-1]


def test_formats_that_can_hold_several_do(run, tmp_path):
    record = json.loads(run("--json", "-").stdout)
    assert [(row["model"], row["totals"]["macs"]) for row in record] == [("small", 12), ("middle", 18), ("large", 48)]
    assert len(run("--csv", "-").stdout.splitlines()) == 4
    assert "| parameters | 16 | 23 | 58 |" in run("--md", "-").stdout
    assert "--png is for two models" in run("--png", "x.png", code=2).stderr
    run("--exit-code", code=1)
