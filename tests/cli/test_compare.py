import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner
from made import made_report

from archscope.cli import main
from archscope.report import UNASSIGNED
from archscope.serial import to_json


@pytest.fixture
def saved(tmp_path):
    def save(name, modules, **keywords):
        path = tmp_path / f"{name}.json"
        path.write_text(to_json(made_report(modules, name=name, **keywords)))
        return str(path)

    return save


def run(*arguments):
    return CliRunner().invoke(main, ["compare", *arguments])


def test_saved_reports_are_compared_without_importing_torch(saved):
    a = saved("a", {"": (UNASSIGNED, 0, 0, 0), "x": ("X", 5, 50, 100)})
    b = saved("b", {"": (UNASSIGNED, 0, 0, 0), "x": ("X", 3, 60, 120)})
    env = os.environ | {"PYTHONPROFILEIMPORTTIME": "1"}
    command = [sys.executable, "-c", "from archscope.cli import main; main()", "compare", a, b]
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "archscope.judge.comparison" in imported
    assert not {"torch", "matplotlib", "pandas"} & imported
    assert "-2" in done.stdout


def test_the_zoo_s_pair_goes_from_592_371_to_under_250_000():
    done = run("baseline", "v2", "--json", "-")
    assert done.exit_code == 0, done.output
    plain = json.loads(done.stdout)
    totals = plain["totals"]
    assert totals["base"]["parameters"] == 592_371
    assert totals["head"]["parameters"] < 250_000
    for side in ("base", "head", "delta"):
        for metric in ("parameters", "macs", "modules"):
            assert sum(row[side][metric] for row in plain["components"]) == totals[side][metric]
    backbone = next(row for row in plain["components"] if row["name"] == "Backbone")
    assert (backbone["base"]["parameters"], backbone["delta"]["parameters"]) == (213_072, 0)


def test_a_model_compared_with_itself_shows_no_change_and_passes_the_gate(saved):
    a = saved("a", {"": (UNASSIGNED, 0, 0, 0), "x": ("X", 5, 50, 100)})
    done = run(a, a, "--exit-code")
    assert done.exit_code == 0
    assert "1 unchanged module" in done.output


def test_exit_code_is_one_when_something_differs_and_was_asked_about(saved):
    a = saved("a", {"": (UNASSIGNED, 0, 0, 0), "x": ("X", 5, 50, 100)})
    b = saved("b", {"": (UNASSIGNED, 0, 0, 0), "x": ("X", 5, 50, 101)})
    assert run(a, b).exit_code == 0
    assert run(a, b, "--exit-code").exit_code == 1


def test_different_inputs_are_refused_with_exit_two_unless_asked_for(saved):
    a = saved("a", {"": ("X", 5, 50, 100)})
    b = saved("b", {"": ("X", 5, 25, 50)}, shape=(1, 3, 320, 320))
    refused = run(a, b)
    assert refused.exit_code == 2
    assert "1x3x640x640 float32 and 1x3x320x320 float32" in refused.stderr
    assert "--different-inputs" in refused.stderr
    asked = run(a, b, "--different-inputs")
    assert asked.exit_code == 0
    assert "1x3x640x640 float32 against image 1x3x320x320 float32" in asked.output


def test_every_format_is_written(saved, tmp_path):
    a = saved("a", {"": (UNASSIGNED, 0, 0, 0), "x": ("X", 5, 50, 100)})
    targets = {key: tmp_path / f"out.{key}" for key in ("json", "md", "csv", "png")}
    done = run(a, a, *(word for key, path in targets.items() for word in (f"--{key}", str(path))))
    assert done.exit_code == 0
    assert json.loads(targets["json"].read_text())["comparison_version"] == 1
    assert targets["png"].read_bytes().startswith(b"\x89PNG")
    assert "| **TOTAL** |" in targets["md"].read_text()
    assert targets["csv"].read_text().startswith("kind,name,status,")
