"""A saved report beside a model: what is asked of the command goes to the model, which alone can be run."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from archscope.cli import main

NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, width: int = 4):
        super().__init__()
        self.layer = nn.Linear(8, width, bias=False)

    def forward(self, x):
        return self.layer(x)
"""


def run(*words):
    return CliRunner().invoke(main, [*map(str, words)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("net")
    (folder / "net.py").write_text(NET)
    done = run("analyze", f"{folder}/net.py:Net", "--input", "2x8", "--json", folder / "saved.json")
    assert done.exit_code == 0, done.output
    return folder


def test_the_model_takes_the_input_on_either_side(folder):
    saved, net = folder / "saved.json", f"{folder}/net.py:Net"
    wider = run("compare", saved, net, "--input", "2x8", "--set", "width=6", "--json", "-")
    assert wider.exit_code == 0, wider.output
    totals = json.loads(wider.stdout)["totals"]
    assert (totals["delta"]["parameters"], totals["delta"]["macs"]) == (8 * 2, 2 * 8 * 2)
    same = run("compare", net, saved, "--input", "2x8", "--exit-code")
    assert same.exit_code == 0, same.output


def test_another_input_than_the_report_s_is_not_compared(folder):
    done = run("compare", folder / "saved.json", f"{folder}/net.py:Net", "--input", "3x8")
    assert done.exit_code != 0
    assert "different inputs" in done.stderr


def test_of_two_saved_reports_neither_can_be_run(folder):
    saved = folder / "saved.json"
    done = run("compare", saved, saved, "--input", "2x8")
    assert done.exit_code == 2
    assert "are saved reports: they cannot be run" in done.stderr
    assert run("compare", saved, saved).exit_code == 0


def test_a_plan_stands_against_a_saved_report(folder):
    targets = folder / "targets.toml"
    targets.write_text('document = "paper"\nmodel = "net"\n[goal]\nmetric = "macs"\nmax = 32\n')
    done = run("plan", f"{folder}/net.py:Net", targets, "--input", "2x8", "--against", folder / "saved.json")
    assert done.exit_code == 0, done.output


def test_a_column_that_is_shown_anyway_is_told_so(folder):
    done = run("analyze", folder / "saved.json", "--no-files", "--columns", "macs")
    assert done.exit_code == 2
    assert "the column 'macs' is shown anyway" in done.stderr
    assert "bytes_read" in done.stderr
