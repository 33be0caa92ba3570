"""A report saved before a metric was added reads as one that does not know it; the laws come from the table."""

from __future__ import annotations

import copy
import json

import pytest
import torch
from hostile_files import Net, read_report

import archscope
from archscope.errors import UsageError
from archscope.metrics import METRICS, Rows, carried_by
from archscope.serial import from_json, to_json

LATER = [name for name, metric in METRICS.items() if not metric.known_without_run and not Rows.TRAINING & metric.rows]


@pytest.fixture(scope="module")
def report():
    return archscope.analyze(Net().eval(), torch.rand(1, 3, 16, 16), keep_calls=True)


@pytest.fixture(scope="module")
def saved(report):
    return json.loads(to_json(report))


def rows(plain):
    return [plain["totals"], *plain["components"], *plain["modules"]]


@pytest.mark.parametrize("name", [name for name in LATER if name not in {"macs", "flops"}])
def test_a_metric_that_an_older_file_lacks_is_not_known(saved, name):
    """MACs and FLOPs are in every file: operators and calls add to them."""
    older = copy.deepcopy(saved)
    for row in rows(older):
        row.pop(name, None)
        row.pop(f"own_{name}", None)
    found = read_report(json.dumps(older))  # told in every format
    assert found is None or found.totals[name] is None
    read = from_json(json.dumps(older))
    assert read.totals[name] is None
    assert {row[name] for row in read.modules if name in row.figures} <= {None}
    assert {key: value for key, value in read.totals.figures.items() if key != name} == {
        key: value for key, value in from_json(json.dumps(saved)).totals.figures.items() if key != name
    }


def test_a_metric_that_is_always_known_has_to_be_there(saved):
    older = copy.deepcopy(saved)
    del older["totals"]["buffers"]
    with pytest.raises(UsageError, match="expected the keys"):
        from_json(json.dumps(older))


@pytest.mark.parametrize("name", [name for name in carried_by(Rows.COMPONENTS) if METRICS[name].run])
def test_a_figure_of_the_run_is_on_every_row_or_on_none(saved, name):
    for row in (saved["components"][0], saved["modules"][2]):
        half = copy.deepcopy(saved)
        table, index = ("components", 0) if row is saved["components"][0] else ("modules", 2)
        del half[table][index][name]
        with pytest.raises(UsageError, match="either all figures of a run are there or none"):
            from_json(json.dumps(half))


@pytest.mark.parametrize("name", carried_by(Rows.COMPONENTS))
def test_every_metric_that_adds_is_held_to_it(saved, name):
    for table, what in (("components", "do not add"), ("modules", "do not add")):
        wrong = copy.deepcopy(saved)
        wrong[table][1][name] += 1
        with pytest.raises(UsageError, match=what):
            from_json(json.dumps(wrong))
