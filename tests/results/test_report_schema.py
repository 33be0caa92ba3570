"""The schema of saved reports is that of the records, and takes what is written; what was promised stays in it."""

from __future__ import annotations

import json
import subprocess
import sys

import jsonschema
import pytest
import torch
from repository import DATA, ROOT
from torch import nn

import archscope
from archscope.serial import to_json

FILE = ROOT / "docs" / "report.schema.json"
SCHEMA = json.loads(FILE.read_text())
VALID = jsonschema.Draft202012Validator(SCHEMA)


def test_the_file_is_what_the_records_give():
    code = "import json, report_schema; print(json.dumps(report_schema.report_schema()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "docs", capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == SCHEMA, "python docs/report_schema.py writes it anew"
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("more", [{}, {"keep_calls": True}, {"training": "adamw"}, {"receptive_fields": True}])
def test_a_report_is_valid_with_whatever_was_asked_for(more):
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10))
    VALID.validate(json.loads(to_json(archscope.analyze(net, torch.rand(1, 3, 8, 8), **more))))


def test_a_report_without_a_run_is_valid():
    VALID.validate(json.loads(to_json(archscope.analyze(nn.Linear(2, 2)))))


def test_saved_reports_are_valid_and_a_changed_one_is_not():
    saved = [*(ROOT / "reports").glob("*/report.json"), DATA / "reports_0_1" / "last.json"]
    assert len(saved) == 3
    for path in saved:
        VALID.validate(json.loads(path.read_text()))
    wrong = json.loads(saved[-1].read_text())
    wrong["totals"]["parameters"] = "3130"
    with pytest.raises(jsonschema.ValidationError):
        VALID.validate(wrong)


def test_every_field_that_0_1_wrote_last_is_still_there():
    """What was promised: fields come, none goes or is renamed within a schema version."""
    plain = json.loads((DATA / "reports_0_1" / "last.json").read_text())
    assert plain.keys() <= SCHEMA["properties"].keys()
    for name, record in (("totals", "Totals"), ("model", "ModelInfo")):
        assert plain[name].keys() <= SCHEMA["$defs"][record]["properties"].keys()
    for name, record in (("modules", "ModuleRow"), ("components", "ComponentRow"), ("operators", "OperatorRow")):
        assert plain[name]
        assert {key for row in plain[name] for key in row} <= SCHEMA["$defs"][record]["properties"].keys()
