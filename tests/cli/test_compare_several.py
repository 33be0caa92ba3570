"""Three and more models side by side."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from torch import nn

import archscope
from archscope.cli import main
from archscope.documents.side_by_side import SIDE_BY_SIDE
from archscope.results.side_by_side import SideBySide

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
    run("--png", str(tmp_path / "x.png"))
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    assert "--html is for two models" in run("--html", "x.html", code=2).stderr
    run("--exit-code", code=1)


def test_a_picture_of_several_has_a_bar_for_each_by_every_metric():
    reports = [archscope.analyze(nn.Linear(4, width), (1, 4)) for width in (2, 8)]
    unrun = archscope.analyze(nn.Linear(4, 4))
    sheet = SIDE_BY_SIDE.picture(SideBySide(reports=(*reports, unrun)))
    drawn = {panel.title: [(bar.label, bar.values[0], bar.notes[0]) for bar in panel.bars] for panel in sheet.panels}
    assert drawn["parameters"] == [("Linear", 10, "10"), ("Linear #2", 40, "40"), ("Linear #3", 20, "20")]
    assert drawn["MACs"] == [("Linear", 8, "8"), ("Linear #2", 32, "32"), ("Linear #3", 0, "not measured")]
