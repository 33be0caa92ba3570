"""Names in claims, targets and settings are untrusted text: no output may obey them."""

import csv
import io
import itertools

import pytest
from made import made_report
from told import (
    render_claims_csv,
    render_claims_markdown,
    render_claims_text,
    render_plan_csv,
    render_plan_markdown,
    render_plan_png,
    render_plan_text,
    render_sweep_csv,
    render_sweep_markdown,
    render_sweep_png,
    render_sweep_text,
)

from archscope.judge.claims import judge_claims
from archscope.judge.claims_file import read_claims
from archscope.metrics import Figures
from archscope.report import UNASSIGNED
from archscope.results.plan import PLAN_VERSION, Plan, Step, TargetRow
from archscope.results.sweep import SWEEP_VERSION, Axis, Limit, Point, Setting, Sweep, Vary

EVIL = "=a|b\x1b[31m<script>\u202e $x$ `c` \u4e2d"
REPORT = made_report({"": (UNASSIGNED, 0, 0, 0), "x": (EVIL, 5, 50, 100)}, name=EVIL)


@pytest.fixture
def claims(tmp_path):
    text = '"=a|b\\u001b[31m<script>\\u202e $x$ `c` \u4e2d"'
    path = tmp_path / "claims.toml"
    path.write_text(
        f"document = {text}\n[[claims]]\nwhat = {text}\nwhere = {text}\nmetric = 'parameters'\n"
        f"component = {text}\nvalue = 6\n",
        encoding="utf-8",
    )
    return judge_claims(read_claims(path), REPORT)


@pytest.fixture
def plan():
    step = Step(
        name=EVIL,
        settings=(Setting(name=EVIL, value=EVIL),),
        assumed=1,
        alone=None,
        alone_macs=None,
        alone_reason=EVIL,
        sequence=4,
        sequence_macs=40,
        sequence_reason="",
    )
    row = TargetRow(component=EVIL, published=6, current=5, target=3, corrected=2, has_target=True, against=1)
    return Plan(
        plan_version=PLAN_VERSION,
        document=EVIL,
        model=REPORT.model,
        inputs=REPORT.inputs,
        metric="parameters",
        goal=3,
        total=5,
        macs=50,
        complete=True,
        rows=(row,),
        steps=(step,),
        against=EVIL,
        against_total=1,
    )


@pytest.fixture
def sweep():
    settings = (Setting(name=EVIL, value=EVIL),)
    points = (
        Point(settings=settings, figures=Figures(parameters=5, macs=50, flops=100), complete=True, reason=""),
        Point(settings=settings, figures=Figures(parameters=None, macs=None, flops=None), complete=True, reason=EVIL),
    )
    return Sweep(
        sweep_version=SWEEP_VERSION,
        model=EVIL,
        inputs=(),
        varied=(Vary(name=EVIL, values=(EVIL, 1)),),
        limits=(Limit(metric="parameters", max=9),),
        axes=(Axis(metric="parameters", most=False),),
        planned=2,
        points=points,
        front=(0,),
    )


def obeys_nothing(text, markdown, table):
    for view in (text, markdown, table):
        assert "\x1b" not in view
        assert "\u202e" not in view
    assert "<script>" not in markdown
    tables = [line for line in markdown.splitlines() if line.startswith("|")]
    for line, rule in itertools.pairwise(tables):
        if rule.startswith(("| :---", "| ---:")):
            width = rule.count("|")
        assert line.count("|") == width
    rows = list(csv.reader(io.StringIO(table)))
    assert len({len(row) for row in rows}) == 1
    assert not any(value.startswith("=") for row in rows for value in row)


def test_claims_obey_no_name(claims):
    obeys_nothing(render_claims_text(claims), render_claims_markdown(claims), render_claims_csv(claims))


def test_a_plan_obeys_no_name(plan):
    obeys_nothing(render_plan_text(plan), render_plan_markdown(plan), render_plan_csv(plan))
    assert render_plan_png(plan).startswith(b"\x89PNG")


def test_a_sweep_obeys_no_name(sweep):
    obeys_nothing(render_sweep_text(sweep), render_sweep_markdown(sweep), render_sweep_csv(sweep))
    assert render_sweep_png(sweep).startswith(b"\x89PNG")
