"""The modules as CSV and as a DataFrame: every figure raw, and nothing a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import made_report
from repository import ROOT
from told import render_csv, to_frame

import archscope
from archscope.metrics import Rows, carried_by
from archscope.report import UNASSIGNED

TOY = {"": (UNASSIGNED, 10, 0, 7), "body": ("Body", 600, 6_000, 12_000), "head": ("Head", 390, 900, 2_000)}


def read(text):
    return [*csv.DictReader(io.StringIO(text))]


def test_a_row_for_each_module_and_a_column_for_each_field():
    rows = read(render_csv(made_report(TOY)))
    assert [row["path"] for row in rows] == ["", "body", "head"]
    words = ["path", "type", "depth", "component", "aliases", "calls", "input_shapes", "output_shapes"]
    own = [f"own_{name}" for name in carried_by(Rows.COMPONENTS)]
    assert [*rows[0]] == [*words, *carried_by(Rows.MODULES), *own]
    assert rows[0]["parameters"] == "1000"
    assert sum(int(row["own_parameters"]) for row in rows) == 1_000
    assert sum(int(row["own_macs"]) for row in rows) == int(rows[0]["macs"]) == 6_900


def test_what_was_not_measured_is_empty_and_not_0():
    assert {row["macs"] for row in read(render_csv(made_report(TOY, run=False)))} == {""}
    frame = to_frame(made_report(TOY, run=False))
    assert frame["macs"].isna().all()
    assert frame["parameters"].tolist() == [1_000, 600, 390]


def test_the_frame_holds_integers_and_adds_up():
    frame = to_frame(made_report(TOY))
    assert frame.dtypes["macs"] == frame.dtypes["own_parameters"] == "Int64"
    assert frame["own_flops"].sum() == frame.loc[frame["path"] == "", "flops"].item() == 14_007


def test_the_table_of_the_baseline_adds_to_its_totals():
    frame = to_frame(archscope.analyze(archscope.load("featherface-baseline")))
    assert frame["own_parameters"].sum() == 592_371
    assert frame["own_macs"].sum() == 1_243_802_176
    assert frame.loc[frame["path"] == "ssh1", "input_shapes"].item() == "1x64x80x80"


@given(st.text(min_size=1), st.text())
def test_no_name_breaks_a_row_or_runs_in_a_spreadsheet(name, kind):
    name = name.replace(".", "_")
    report = made_report({"": (UNASSIGNED, 0, 0, 0), name: (kind or "C", 5, 5, 10)}, types={name: kind})
    root, row = read(render_csv(report))
    assert root["parameters"] == row["parameters"] == "5"
    for value in (*root.values(), *row.values()):
        assert value == "" or value[0] not in "=+-@\t\r"
        assert value.isprintable()


@pytest.mark.parametrize("form", ["csv", "json", "text"])
def test_pandas_and_matplotlib_stay_out_of_plain_formats(form):
    code = f"""
import sys
sys.path.insert(0, {str(ROOT / "tests" / "helpers")!r})
from told import REPORT_FORMATS
from told import render_text
from made import made_report
report = made_report({{"": ("A", 1, 1, 2)}})
render_text(report) if {form!r} == "text" else REPORT_FORMATS[{form!r}].render(report)
print(sorted({{"torch", "pandas", "matplotlib", "numpy", "jinja2", "rich"}} & sys.modules.keys()))
"""
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout == "[]\n"
