"""Rows chosen by a condition, in analyze and in compare, and tables in their whole width."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from archscope.cli import main
from archscope.documents.where import parse_where
from archscope.errors import UsageError

NET = """from torch import nn


def net(width):
    return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 2))


small, middle, large = net(2), net(3), net(8)
"""
FIELDS = (("macs", "parameters"), ("type", "path"))
ROWS = [
    {"macs": 2_000_000, "parameters": 100, "type": "Conv2d", "path": "stem.0"},
    {"macs": 500, "parameters": 5_000, "type": "Linear", "path": "layers.1.fc"},
    {"macs": None, "parameters": 0, "type": "my Block", "path": "layers.2"},
]
WHOLE = {"macs": 4_000_000, "parameters": 10_000}


@pytest.fixture
def run(tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(NET)
    monkeypatch.chdir(tmp_path)

    def run(*words, code=0):
        result = CliRunner().invoke(main, [*words, "--input", "1x4"])
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("macs > 1M", [0]),
        ("macs>=500", [0, 1]),
        ("macs < 1K", [1]),
        ("not macs < 1K", [0, 2]),
        ("macs != 500", [0]),  # what was not measured is neither
        ("parameters >= 50%", [1]),
        ("macs > 49.9% or parameters == 5_000", [0, 1]),
        ("parameters > 10 and macs < 1K or type = Conv2d", [0, 1]),
        ("parameters > 10 and (macs < 1K or type = Conv2d)", [0, 1]),
        ("(macs > 1 or macs < 1) and not type = Linear", [0]),
        ("path ~ layers.*", [1, 2]),
        ("type = 'my Block'", [2]),
        ('type != "Linear" AND path ~ "*2"', [2]),
        ("parameters > -1", [0, 1, 2]),
    ],
)
def test_a_condition_chooses_rows(text, wanted):
    where = parse_where(text, *FIELDS)
    assert [place for place, row in enumerate(ROWS) if where.holds(row, WHOLE)] == wanted


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a field is missing at its end"),
        ("mac > 1", "there is no field 'mac'"),
        ("macs", "a sign (<, <=, >, >=, =, !=, ~) is missing"),
        ("macs >", "a value is missing"),
        ("macs > and", "'and' is not a count"),
        ("macs > 1.5", "'1.5' is not a whole number"),
        ("macs ~ 5", "macs is a number"),
        ("type > Conv2d", "type is a name"),
        ("macs > 1 parameters > 1", "'parameters' was not expected there"),
        ("(macs > 1", "a parenthesis is not closed"),
        ("macs > 1)", "')' was not expected there"),
        ("macs > 'x", "is no part of a condition"),
        ("(" * 5000 + "macs > 1", "nested too deep"),
        ("not " * 5000 + "macs > 1", "nested too deep"),
    ],
)
def test_what_is_no_condition_is_refused_with_its_reason(text, says):
    with pytest.raises(UsageError) as error:
        parse_where(text, *FIELDS)
    assert says in error.value.what
    assert "macs" in error.value.help


def test_analyze_lists_the_modules_whose_own_figures_meet_it(run):
    lines = run("analyze", "net.py:large", "--no-files", "--where", "macs > 20").stdout.splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("module "))
    assert [line.split()[:3] for line in lines[start + 1 :]] == [["0", "Linear", "40"], ["MATCHED", "40", "69.0"]]
    none = run("analyze", "net.py:large", "--no-files", "--where", "macs > 1T").stdout.splitlines()
    assert none[-1] == "MATCHED"
    assert run("analyze", "net.py:large", "--no-files", "--where", "", code=2)


def test_operators_and_components_are_chosen_too(run):
    told = run("analyze", "net.py:large", "--no-files", "--by", "operators", "--where", "op ~ aten::addmm*").stdout
    assert [line.split()[0] for line in told.splitlines()[-2:]] == ["aten::addmm", "MATCHED"]
    told = run("analyze", "net.py:large", "--no-files", "--by", "components", "--where", "parameters < 20").stdout
    assert [line.split()[:2] for line in told.splitlines()[-2:]] == [["1", "1"], ["2", "2"]]


def test_compare_chooses_by_both_sides_and_by_the_difference(run):
    words = ("compare", "net.py:small", "net.py:large", "--where")

    def rows(text):
        lines = run(*words, text).stdout.splitlines()
        start = next(place for place, line in enumerate(lines) if line.startswith("module "))
        return [line.split()[0] for line in lines[start + 1 :] if line.split()[1:2] == ["Linear"]]

    assert "0" in rows("delta.macs > 20")
    assert "2" not in rows("delta.macs > 20")  # 4 -> 16 MACs
    assert "2" in rows("before.macs = 4 and after.macs = 16")
    assert "modules that --where leaves out" in run(*words, "macs > 20").stdout  # 1 and 2
    assert "there is no field" in run(*words, "before.mac > 20", code=2).stderr


def test_several_models_are_chosen_by_the_largest_and_by_the_spread(run):
    words = ("compare", "net.py:small", "net.py:middle", "net.py:large", "--sort", "macs", "--where")
    lines = run(*words, "delta.macs > 20").stdout.splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("module, MACs"))
    assert lines[start + 1].split() == ["0", "8", "12", "32"]
    assert lines[start + 2].startswith("TOTAL")
    assert "no field 'before.macs'" in run(*words, "before.macs > 1", code=2).stderr


def test_the_largest_rows_are_those_of_top(run):
    told = run("compare", "net.py:small", "net.py:large", "--top", "1").stdout
    assert "+2 smaller changes" in told


def test_a_wide_view_shows_more_figures_and_is_one_table(run):
    told = run("compare", "net.py:small", "net.py:large", "--wide").stdout
    assert "FLOPs before" in told
    assert "activations before" in told
    header = next(line for line in told.splitlines() if line.startswith("module "))
    assert "parameters before" in header
    assert "FLOPs before" in header
    assert "bytes read" in run("analyze", "net.py:large", "--no-files", "--wide").stdout
