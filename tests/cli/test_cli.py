"""The command line in this process: what each command prints, writes and answers."""

from __future__ import annotations

import json
import os
import re
from functools import partial
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torch import nn

import archscope
from archscope.cli import COMMANDS, main
from archscope.cli.output import text_style
from archscope.cli.report_folder import folder_name
from archscope.errors import ForwardError, UsageError
from archscope.files import write_files
from archscope.spec import InputSpec, ModelSpec


class Noisy(nn.Module):
    """4 x 3 + 3 = 15 parameters, 2 x 4 x 3 = 24 MACs for 2 x 4."""

    def __init__(self):
        super().__init__()
        print("building, loudly")  # noqa: T201
        self.linear = nn.Linear(4, 3)

    def forward(self, x):
        print("running, loudly")  # noqa: T201
        return self.linear(x)


class Failing(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 3)

    def forward(self, x):
        return self.inner(x) + self.no_such_thing


@torch.library.custom_op("test_cli::mystery", mutates_args=())
def mystery(x: torch.Tensor) -> torch.Tensor:
    return x.clone()


mystery.register_fake(torch.empty_like)


class Mystery(nn.Module):
    def forward(self, x):
        return mystery(x)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """``run("analyze", ...)`` in an empty folder; ``toy`` and ``failing`` are models there."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    real = archscope.load
    toys = {"toy": Noisy, "failing": Failing, "mystery": Mystery}

    def load(spec, **options):
        if spec not in toys:
            return real(spec, **options)
        return ModelSpec(name=spec, source=f"test:{spec}", build=toys[spec], inputs=(InputSpec(shape=(2, 4)),))

    monkeypatch.setattr("archscope.sources.load", load)
    return partial(CliRunner().invoke, main)


def test_the_table_of_commands_says_what_each_command_says():
    for name, purpose in COMMANDS.items():
        command = main.get_command(None, name)
        assert command.name == name
        assert purpose.endswith(".")
        assert command.help


def test_a_command_that_does_not_exist_is_told_with_those_that_are_near(run):
    result = run(["analyse", "toy"])
    assert result.exit_code == 2
    assert result.stderr.startswith("error: there is no command 'analyse'\n")
    assert "did you mean analyze?" in result.stderr
    assert result.stdout == ""


def test_a_model_is_measured_printed_and_written_to_a_folder_of_its_name(run, tmp_path):
    result = run(["analyze", "toy"])
    assert result.exit_code == 0
    assert result.stdout.startswith("toy  test:toy\n")
    assert result.stdout.endswith("\nwrote reports/toy/: report.md, report.json, parameters.png, report.html\n")
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert files == [f"reports/toy/{name}" for name in ("parameters.png", "report.html", "report.json", "report.md")]


def test_what_a_model_prints_does_not_reach_stdout(run):
    result = run(["analyze", "toy", "--json", "-"])
    totals = json.loads(result.stdout)["totals"]
    assert (totals["parameters"], totals["macs"]) == (15, 24)
    assert "building, loudly" in result.stderr
    assert "running, loudly" in result.stderr


def test_no_files_writes_none(run, tmp_path):
    assert run(["analyze", "toy", "--no-files"]).exit_code == 0
    assert [*tmp_path.iterdir()] == []


def test_format_flags_write_what_is_asked_for_and_nothing_else(run, tmp_path):
    result = run(["analyze", "toy", "--json", "a.json", "--csv", "b/c.csv", "--svg", "d.svg"])
    assert result.exit_code == 0
    assert result.stdout.startswith("toy ")
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert files == ["a.json", "b/c.csv", "d.svg"]
    assert archscope.from_json((tmp_path / "a.json").read_text()).totals.parameters == 15


def test_a_dash_gives_stdout_to_that_format_alone(run, tmp_path):
    result = run(["analyze", "toy", "--md", "-", "--png", "f.png"])
    assert result.stdout.startswith("# toy\n")
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    assert run(["analyze", "toy", "--png", "-"]).stdout_bytes == (tmp_path / "f.png").read_bytes()


def test_stdout_cannot_carry_two_formats(run):
    result = run(["analyze", "toy", "--md", "-", "--json", "-"])
    assert result.exit_code == 2
    assert "stdout can carry one format only" in result.stderr


def test_out_and_no_files_contradict_each_other(run):
    assert run(["analyze", "toy", "--out", "x", "--no-files"]).exit_code == 2


def test_an_unknown_model_is_told_with_near_names(run):
    result = run(["analyze", "featherface-basline"])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "error:" in result.stderr
    assert "featherface-baseline" in result.stderr


def test_a_model_that_fails_exits_3_and_shows_the_lines_of_its_own_code(run):
    result = run(["analyze", "failing"])
    assert result.exit_code == 3
    assert "no_such_thing" in result.stderr
    assert "return self.inner(x) + self.no_such_thing" in result.stderr
    assert Path(__file__).name in result.stderr
    assert "tracing.py" not in result.stderr
    assert "Traceback of the model's code" in result.stderr
    assert "tracing.py" in run(["analyze", "failing", "--debug"]).stderr


def test_a_fault_of_archscope_exits_2_and_asks_for_a_report(run, monkeypatch):
    def broken(report):
        raise ZeroDivisionError("\x1b[31mboom")

    monkeypatch.setattr("archscope.documents.report.to_plain", broken)
    result = run(["analyze", "toy", "--json", "-"])
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-3:] == [
        "error: archscope itself failed: ZeroDivisionError: \\x1b[31mboom",
        f"  at {Path(__file__).name}:{broken.__code__.co_firstlineno + 1}",
        "help: this is a fault of archscope; please report it with what --debug prints",
    ]
    assert "Traceback" not in result.stderr
    assert "Traceback" in run(["analyze", "toy", "--json", "-", "--debug"]).stderr


def test_an_interruption_exits_130(run, monkeypatch):
    def interrupted(spec):
        raise KeyboardInterrupt

    monkeypatch.setattr("archscope.sources.load", interrupted)
    result = run(["analyze", "toy"])
    assert (result.exit_code, result.stderr) == (130, "interrupted\n")


def test_strict_fails_when_an_operator_is_not_counted(run):
    assert run(["analyze", "toy", "--strict", "--no-files"]).exit_code == 0
    result = run(["analyze", "mystery", "--strict", "--no-files"])
    assert result.exit_code == 1
    assert "not counted: test_cli::mystery, 1 call in [the model itself]" in result.stdout
    assert run(["analyze", "mystery", "--no-files"]).exit_code == 0


def test_a_training_step_and_further_columns_are_shown_on_request(run):
    # dL/dW is (3 x 2) @ (2 x 4) with the loss's gradient summed up before: 24 MACs, 48 FLOPs; no input needs one.
    plain = run(["analyze", "toy", "--no-files"]).stdout
    assert "one training step" not in plain
    text = run(["analyze", "toy", "--no-files", "--training", "--columns", "bytes_read,backward_flops"]).stdout
    assert re.search(r"\ngradient bytes +60 +60 B\n", text)  # 15 parameters of 4 bytes
    assert re.search(r"\noptimizer state bytes +128 +128 B, adamw\n", text)  # two of each and two step counts
    assert re.search(r"\nmodule +type .* bytes read +backward FLOPs\n", text)
    assert re.search(r"\noptimizer state bytes +0 +0 B, sgd\n", run(["analyze", "toy", "--optimizer", "sgd"]).stdout)


def test_a_column_that_does_not_exist_is_told_with_the_nearest(run):
    result = run(["analyze", "toy", "--columns", "bytes_reed"])
    assert result.exit_code == 2
    assert "there is no column 'bytes_reed'" in result.stderr
    assert "did you mean bytes_read?" in result.stderr


def test_the_models_of_the_zoo_are_listed_with_their_short_names(run):
    lines = run(["models"]).stdout.splitlines()
    assert lines[0].split() == ["name", "short", "what", "it", "is"]
    assert ["featherface-baseline", "baseline"] in [line.split()[:2] for line in lines]


# Reports that are kept


def test_reports_that_were_just_written_are_up_to_date(run):
    assert run(["report", "toy"]).stdout == "wrote reports/toy/: report.md, report.json, parameters.png\n"
    result = run(["report", "toy", "--check"])
    assert (result.exit_code, result.stdout) == (0, "reports/toy is up to date\n")


def test_drift_is_found_in_every_kind_of_file(run, tmp_path):
    run(["report", "toy"])
    folder = tmp_path / "reports" / "toy"
    (folder / "report.md").write_text("15 parameters, honestly\n")
    (folder / "report.json").unlink()
    other = CliRunner().invoke(main, ["analyze", "v2", "--png", str(folder / "parameters.png")])
    assert other.exit_code == 0
    (folder / "old.html").write_text("")
    result = run(["report", "toy", "--check"])
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "reports/toy/report.md is stale",
        "reports/toy/report.json is missing",
        "reports/toy/parameters.png is stale",
        "reports/toy/old.html is left over",
    ]
    assert (folder / "report.md").read_text() == "15 parameters, honestly\n"


def test_a_figure_of_the_same_data_is_no_drift_whatever_its_pixels(run, tmp_path):
    run(["report", "toy"])
    path = tmp_path / "reports" / "toy" / "parameters.png"
    content = path.read_bytes()
    end = content.index(b"IEND") - 4
    path.write_bytes(content[:end] + b"\x00\x00\x00\x02tEXta\x00\x00\x00\x00\x00" + content[end:])
    assert run(["report", "toy", "--check"]).exit_code == 0


# Files


def test_an_output_folder_that_cannot_be_made_leaves_nothing_behind(run, tmp_path):
    (tmp_path / "file").write_text("kept")
    result = run(["analyze", "toy", "--out", "file/below"])
    assert result.exit_code == 2
    assert "error: cannot write file" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "kept"


def test_a_set_of_files_is_written_whole_or_not_at_all(tmp_path):
    old = tmp_path / "old.txt"
    old.write_text("old")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="it is a folder"):
        write_files({old: b"new", tmp_path / "made" / "x": b"1", tmp_path / "folder": b"2"})
    assert old.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "old.txt"]


def test_a_file_keeps_its_mode_and_a_link_stays_a_link(tmp_path):
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to(file)
    write_files({link: b"new"})
    assert link.is_symlink()
    assert file.read_text() == "new"
    assert file.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]


def test_what_is_no_regular_file_is_written_to_and_not_replaced():
    write_files({Path(os.devnull): b"x"})
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize(
    ("model", "folder"),
    [
        ("featherface-v2", "featherface-v2"),
        ("timm:resnet50.a1", "timm-resnet50.a1"),
        ("../../etc/passwd", "etc-passwd"),
        ("..", "model"),
        ("", "model"),
        ("net\x00\n", "net"),
    ],
)
def test_a_folder_name_is_safe(model, folder):
    assert folder_name(model) == folder


# Colour, width and characters


@pytest.mark.parametrize(
    ("environment", "colour"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "0"}, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ],
)
def test_colour_is_a_decision_of_its_own(environment, colour, monkeypatch, capsys):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    style = text_style()
    assert (style.colour, style.width) == (colour, None)


def test_a_terminal_has_colour_and_a_width(monkeypatch):
    class Terminal:
        encoding = "utf-8"

        def isatty(self):
            return True

    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "77")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert (text_style().colour, text_style().width, text_style().blocks) == (True, 77, True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert (text_style().colour, text_style().width) == (False, 77)


def test_the_errors_of_models_say_where(run):
    assert issubclass(ForwardError, archscope.ArchscopeError)
    result = run(["analyze", "failing"])
    assert "  at the model itself (Failing)" in result.stderr
