"""What analyze, compare and check measure on request: training steps, other rules, sparsity, more columns."""

from __future__ import annotations

import json

import pytest
import torch
from click.testing import CliRunner
from torch import nn

import archscope
from archscope.cli import main
from archscope.errors import UsageError

MODEL = """
from torch import nn

def small():
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 5))
    with __import__("torch").no_grad():
        net[3].weight[:, ::2] = 0
    return net
"""
SMALL = ["--input", "2x3x6x6"]
# conv 2 x 8 x 36 x 27, linear 2 x 288 x 5; the image takes no gradient.
CONV, LINEAR = 15_552, 2_880


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "nets.py"
    path.write_text(MODEL)
    return f"{path}:small"


def run(*arguments):
    return CliRunner().invoke(main, [*arguments])


def test_a_training_step_stands_in_json_text_and_markdown(model):
    result = run("analyze", model, *SMALL, "--optimizer", "sgd", "--json", "-")
    step = json.loads(result.stdout)["totals"]["training"]
    assert (step["forward_macs"], step["backward_macs"]) == (CONV + LINEAR, CONV + 2 * LINEAR)
    assert step["optimizer_bytes"] == 0
    text = run("analyze", model, *SMALL, "--training", "--no-files").stdout
    assert "one training step" in text
    # weights 216 + 1,445 floats, twice, and a step count of 4 bytes for each of 3 tensors
    assert f"{2 * 4 * (216 + 1_445) + 12:,}" in text
    page = run("analyze", model, *SMALL, "--training", "--md", "-").stdout
    assert "## One training step" in page


def test_the_run_is_restated_in_the_rules_that_are_asked_for(model):
    result = run("analyze", model, *SMALL, "--convention", "torch", "--convention", "fvcore", "--json", "-")
    rows = {row["name"]: row["counted"] for row in json.loads(result.stdout)["conventions"]}
    assert rows == {"torch": 2 * (CONV + LINEAR), "fvcore": CONV + LINEAR}
    text = run("analyze", model, *SMALL, "--convention", "torch", "--no-files").stdout
    assert f"torch counts {2 * (CONV + LINEAR):,}" in text
    assert "two flops for each multiply-accumulate" in text


def test_the_published_figures_of_the_baseline_come_out_of_archscopes_own_trace():
    names = ("macs", "flops", "fvcore", "thop", "torch")
    flags = [word for name in names for word in ("--convention", name)]
    result = run("analyze", "zoo:featherface-baseline", *flags, "--json", "-")
    figures = {row["name"]: (row["counted"], row["parameters"]) for row in json.loads(result.stdout)["conventions"]}
    assert figures["thop"] == (1_012_598_976, 488_661)
    assert figures["fvcore"] == (984_584_576, 592_371)
    assert figures["macs"] == (1_243_802_176, 592_371)
    assert [*figures] == [*names]


def test_more_columns_come_on_request(model):
    text = run("analyze", model, *SMALL, "--columns", "bytes_read,arithmetic_intensity", "--no-files").stdout
    # the convolution reads 2 x 3 x 36 inputs and 216 weights, writes 2 x 8 x 36; all of 4 bytes
    read, written = 4 * (216 + 216), 4 * 576
    line = [line for line in text.splitlines() if line.startswith("0 ")][-1]  # the first is its component
    assert line.split()[-2:] == [f"{read:,}", f"{round(2 * CONV / (read + written), 2):.2f}"]
    refused = run("analyze", model, *SMALL, "--columns", "bites_read", "--no-files")
    assert refused.exit_code == 2
    assert "did you mean bytes_read?" in refused.stderr


def test_weights_that_are_zero_are_counted_on_request(model):
    assert json.loads(run("analyze", model, *SMALL, "--json", "-").stdout)["totals"]["zero_parameters"] is None
    result = run("analyze", model, *SMALL, "--sparsity", "--json", "-")
    assert json.loads(result.stdout)["totals"]["zero_parameters"] == 5 * 144
    assert "zero parameters" in run("analyze", model, *SMALL, "--sparsity", "--no-files").stdout


def test_weights_without_values_cannot_be_counted():
    with torch.device("meta"):
        model = nn.Linear(2, 2)
    with pytest.raises(UsageError, match="no values"):
        archscope.analyze(model, (archscope.InputSpec(shape=(1, 2)),), sparsity=True)


def test_parameters_are_told_apart_by_dtype():
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4).half())
    report = archscope.analyze(net)
    assert [(row.dtype, row.parameters, row.nbytes) for row in report.dtypes] == [
        ("float16", 20, 40),
        ("float32", 20, 80),
    ]


def test_a_saved_report_measures_nothing_more(model, tmp_path):
    saved = str(tmp_path / "saved.json")
    run("analyze", model, *SMALL, "--json", saved)
    result = run("analyze", saved, "--training")
    assert result.exit_code == 2
    assert "nothing more can be measured" in result.stderr
    unproven = run("check", saved, "--max-training-flops", "1G")
    assert unproven.exit_code == 1
    assert "holds no training step" in unproven.stdout


def test_budgets_hold_training_flops_and_memory(model):
    report = json.loads(run("analyze", model, *SMALL, "--training", "--json", "-").stdout)["totals"]["training"]
    flops = report["forward_flops"] + report["backward_flops"]
    limits = ["--max-training-flops", str(flops), "--max-training-memory-bytes", str(report["memory_bytes"])]
    assert run("check", model, *SMALL, *limits).exit_code == 0
    failed = run("check", model, *SMALL, "--max-training-flops", str(flops - 1))
    assert failed.exit_code == 1
    assert f"{flops:,}" in failed.stdout


def test_compare_shows_the_training_step_of_both(model):
    result = run("compare", model, model, *SMALL, "--training", "--json", "-")
    totals = json.loads(result.stdout)["totals"]
    assert totals["base"]["training_flops"] == totals["head"]["training_flops"] > 0
    assert totals["delta"]["training_memory_bytes"] == 0
    assert json.loads(run("compare", model, model, *SMALL, "--json", "-").stdout)["totals"]["base"][
        "training_flops"
    ] is None  # fmt: skip
