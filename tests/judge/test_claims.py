import csv
import dataclasses
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from made import made_report
from told import written

import archscope.models
from archscope.cli import main
from archscope.documents.claims import CLAIMS
from archscope.errors import ConfigError
from archscope.judge.claims import judge_claims
from archscope.judge.claims_file import read_claims
from archscope.judge.conventions import CONVENTIONS, apply
from archscope.measure.measuring import analyze, trace_spec
from archscope.models import zoo_spec
from archscope.report import UNASSIGNED
from archscope.results.claims import DIFFERS, HOLDS, ROUNDS, UNPROVEN
from archscope.serial import to_json

ZOO_CLAIMS = Path(archscope.models.__file__).parent / "featherface" / "claims.toml"


@pytest.fixture(scope="module")
def published():
    spec = zoo_spec("featherface-baseline")
    seen = trace_spec(spec)
    result = judge_claims(read_claims(ZOO_CLAIMS), analyze(spec), [apply(rule, seen) for rule in CONVENTIONS])
    return {row.claim.what: row for row in result.results}, result


def causes(row):
    return {cause.kind: cause.text for cause in row.causes}


def test_true_figures_of_the_published_report_hold_or_round(published):
    rows, _ = published
    assert {what for what, row in rows.items() if row.verdict == DIFFERS} == {
        "FLOPs",
        "Target Reduction to 0.25M",
        "CBAM Modules",
        "CBAM Modules, share",
        "CBAM instances",
        "Components add to the total",
        "Shares add to the whole",
        "BiFPN is the biggest consumer",
        "Component targets add to the goal",
        "Expected savings lead to the goal",
        "Parameters, as the model is known",
    }
    assert rows["Total Parameters"].verdict == HOLDS
    assert rows["Total Parameters, in millions"].verdict == ROUNDS


def test_every_false_figure_comes_with_its_cause(published):
    _, result = published
    assert all(row.causes for row in result.results if row.verdict == DIFFERS)
    assert not any(row.causes for row in result.results if row.verdict != DIFFERS)
    assert not result.passed


def test_the_cbam_figure_is_a_sum_over_nested_names(published):
    rows, _ = published
    assert rows["CBAM Modules"].found.numerator == 13_568
    assert "54,272 = 4 x 13,568" in causes(rows["CBAM Modules"])["nested names"]
    assert "72 = 6 x 12" in causes(rows["CBAM instances"])["nested names"]
    assert "54,272" in causes(rows["CBAM Modules, share"])["nested names"]


def test_the_flops_figure_is_thop_s_which_misses_functional_calls(published):
    rows, _ = published
    text = causes(rows["FLOPs"])["counter"]
    for figure in ("1,012,598,976", "953,473,600", "24,576", "59,100,800", "290,304,000 in 15 calls"):
        assert figure in text


def test_the_known_parameter_count_is_the_hook_counter_s(published):
    rows, _ = published
    text = causes(rows["Parameters, as the model is known"])["counter"]
    for figure in ("488,661", "103,680 in 15 tensors of Conv2d", "30 in 12 tensors of BiFPNCell"):
        assert figure in text


def test_the_document_s_own_arithmetic_is_done_again(published):
    rows, _ = published
    targets = 213_072 + 61_933 + 197_508 + 27_136 + 2_496
    assert rows["Component targets add to the goal"].found.numerator == 502_145 == targets
    savings = 50_672 + 3_744 + 27_136 + 49_377
    assert rows["Expected savings lead to the goal"].found.numerator == 592_371 - savings == 461_442
    assert "130,929" in causes(rows["Expected savings lead to the goal"])["sum"]
    assert "106.87 %" in causes(rows["Components add to the total"])["sum"]
    assert "57.80 %; 50% of 592,371 would leave 296,186" in causes(rows["Target Reduction to 0.25M"])["ratio"]
    shares = causes(rows["Shares add to the whole"])
    assert "107.00 %" in shares["sum"]  # 36.0 + 19.0 + 41.7 + 9.2 + 1.1
    assert "CBAM Modules, share (9.2%)" in shares["part"]
    assert "100.00 %" in shares["part"]


def test_the_superlative_is_computed(published):
    rows, _ = published
    assert rows["BiFPN is the biggest consumer"].found.numerator == 3
    text = causes(rows["BiFPN is the biggest consumer"])["superlative"]
    assert "SSH 246,885 (41.68 %), Backbone 213,072 (35.97 %), BiFPN 112,606 (19.01 %)" in text


def test_the_json_holds_every_verdict(published):
    _, result = published
    plain = json.loads(written(CLAIMS, "json", result))
    assert plain["claims_version"] == 1
    assert {row["verdict"] for row in plain["results"]} == {HOLDS, ROUNDS, DIFFERS}


NET = made_report(
    {"": (UNASSIGNED, 0, 0, 9), "stem": ("Stem", 40, 4_000, 9_000), "head": ("Head", 60, 1_000, 2_500)}, name="net"
)


def judged(tmp_path, text, report=NET):
    path = tmp_path / "claims.toml"
    path.write_text(text)
    return judge_claims(read_claims(path), report)


def only(tmp_path, text, report=NET):
    (row,) = judged(tmp_path, f"[[claims]]\nwhat = 'it'\n{text}", report).results
    return row


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("metric = 'parameters'\nvalue = 100", HOLDS),
        ("metric = 'parameters'\nvalue = '0.1K'", HOLDS),
        ("metric = 'parameters'\nvalue = '101'", DIFFERS),
        ("metric = 'parameters'\nvalue = '101'\ntolerance = 1", HOLDS),
        ("metric = 'parameters'\nvalue = '103'\ntolerance = '2%'", DIFFERS),
        ("metric = 'macs'\nvalue = '5.0K'", HOLDS),
        ("metric = 'flops'\nvalue = '11.5K'", ROUNDS),
        ("metric = 'macs'\ncomponent = 'Stem'\nvalue = '80%'", HOLDS),
        ("metric = 'macs'\nmodule = 'head'\nvalue = '20.5%'\ntolerance = '1%'", HOLDS),
        ("metric = 'instances'\ncomponent = 'Stem'\nvalue = 1", HOLDS),
        ("rank = 'parameters'\ncomponent = 'Head'\nvalue = 1", HOLDS),
        ("rank = 'macs'\ncomponent = 'Head'\nvalue = 1", DIFFERS),
        ("sum = ['40', '60']\nvalue = 100", HOLDS),
        ("remainder = ['100', '30']\nvalue = 60", DIFFERS),
        ("reduction = ['3', '2']\nvalue = '33%'", ROUNDS),
    ],
)
def test_a_claim_holds_rounds_or_differs(tmp_path, text, verdict):
    assert only(tmp_path, text).verdict == verdict


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("metric = 'macs'\nvalue = '10.0K'", "10,000 is the number of 2 x multiply-accumulates"),
        ("metric = 'flops'\nvalue = '5,000'", "5,000 is the number of multiply-accumulates"),
        ("metric = 'macs'\nvalue = '11,509'", "all arithmetic operations"),
        ("metric = 'parameters'\nvalue = 400", "400 is the number of bytes of the parameters"),
    ],
)
def test_another_figure_of_the_model_is_recognised(tmp_path, text, cause):
    (found,) = only(tmp_path, text).causes
    assert found.kind == "another figure"
    assert cause in found.text


def test_a_figure_that_nothing_gives_has_no_cause(tmp_path):
    row = only(tmp_path, "metric = 'parameters'\nvalue = '123,456'")
    assert (row.verdict, row.causes) == (DIFFERS, ())


def test_what_was_not_run_is_unproven_and_does_not_pass(tmp_path):
    still = made_report({"": ("Stem", 40, 0, 0)}, run=False)
    result = judged(tmp_path, "[[claims]]\nwhat='it'\nmetric='macs'\nvalue='5K'", still)
    assert [row.verdict for row in result.results] == [UNPROVEN]
    assert not result.passed


def test_on_a_lower_bound_only_a_figure_below_it_is_refuted(tmp_path):
    partial = dataclasses.replace(NET, totals=dataclasses.replace(NET.totals, complete=False))
    assert only(tmp_path, "metric='macs'\nvalue=5000", partial).verdict == UNPROVEN
    assert only(tmp_path, "metric='macs'\nvalue=4999", partial).verdict == DIFFERS
    assert only(tmp_path, "metric='parameters'\nvalue=100", partial).verdict == HOLDS
    assert only(tmp_path, "metric='macs'\ncomponent='Stem'\nvalue='80%'", partial).verdict == UNPROVEN


@pytest.mark.parametrize(
    ("text", "line", "what", "help_"),
    [
        ("claim = 1\n", 1, "unknown key 'claim'", "did you mean 'claims'"),
        ("", 1, "there are no claims", "[[claims]]"),
        ("[[claims]]\nwhat = 'a'\nmetrik = 'macs'\nvalue = 1", 3, "unknown key 'metrik'", "did you mean 'metric'"),
        ("[[claims]]\nwhat = 'a'\nmetric = 'mac'\nvalue = 1", 3, "unknown metric 'mac'", "did you mean 'macs'"),
        ("[[claims]]\nwhat = 'a'\nmetric = 'macs'\nvalue = 'lots'", 4, "is not a figure", "as printed"),
        ("[[claims]]\nwhat = 'a'\nmetric = 'macs'", 1, "has no value", "value = "),
        ("[[claims]]\nwhat='a'\nmetric='macs'\nvalue='5%'", 4, "that of a part", "component"),
        ("[[claims]]\nwhat='a'\nmetric='buffers'\ncomponent='Stem'\nvalue=1", 3, "no value per component", "macs"),
        ("[[claims]]\nwhat='a'\nsum=['b','2']\nvalue=1", 3, "neither a figure nor a claim", ""),
        ("[[claims]]\nwhat='a'\nsum=['1','2%']\nvalue=1", 3, "2% is a share", "all of them as counts"),
        ("[[claims]]\nwhat='a'\nsum=['1']\nvalue=1", 3, "two or more", ""),
        ("[[claims]]\nwhat='a'\nsum=['1','2']\nrank='macs'\nvalue=1", 3, "in one claim", "two claims"),
        ("[[claims]]\nwhat='a'\nreduction=['2','1']\nvalue=50", 4, "in percent", "50 %"),
        ("[[claims]]\nwhat='a'\nrank='macs'\nvalue=1", 1, "rank is of a component", "component"),
        ("[[claims]]\nwhat='a'\nsum=['1','2']\nmetric='macs'\nvalue=1", 4, "no meaning beside sum", "remove"),
        (
            "[[claims]]\nwhat='a'\nsum=['b','2']\nvalue=1\n[[claims]]\nwhat='b'\nmetric='macs'\nvalue=1",
            3,
            "stands further down",
            "move it up",
        ),
        (
            "[[claims]]\nwhat='a'\nmetric='macs'\nvalue=1\n[[claims]]\nwhat='a'\nmetric='macs'\nvalue=1",
            6,
            "two claims are called",
            "claims.toml:4",
        ),
        ("[[claims]]\nwhat='a'\nmetric='macs'\ncomponent='Sten'\nvalue=1", 5, "no component 'Sten'", "'Stem'"),
        ("[[claims]]\nwhat='a'\nmetric='macs'\nmodule='haed'\nvalue=1", 5, "no module 'haed'", "'head'"),
    ],
)
def test_a_fault_in_the_file_names_file_line_and_the_nearest_word(tmp_path, text, line, what, help_):
    with pytest.raises(ConfigError) as caught:
        judged(tmp_path, text)
    assert what in caught.value.what
    assert caught.value.where == f"claims.toml:{line}"
    assert help_ in caught.value.help


SHEET = """
model = "net"
inputs = ["1x3x640x640"]
[[claims]]
what = "parameters | of `net`"
metric = "parameters"
value = 100
[[claims]]
what = "MACs"
where = "README"
metric = "macs"
value = "10.0K"
"""


@pytest.fixture
def files(tmp_path):
    (tmp_path / "net.json").write_text(to_json(NET))
    (tmp_path / "claims.toml").write_text(SHEET)
    return str(tmp_path / "net.json"), str(tmp_path / "claims.toml")


def run(*arguments):
    return CliRunner().invoke(main, ["claims", *arguments])


def test_the_command_shows_every_claim_the_cause_and_the_line(files):
    done = run(*files)
    assert done.exit_code == 0, done.output
    assert "MACs: published 10.0K, found 5,000" in done.output
    assert "another figure: 10,000 is the number of 2 x multiply-accumulates" in done.output
    assert "claims.toml:12" in done.output
    assert done.output.endswith("1 hold (0 rounded), 1 differ\n")


def test_the_command_fails_on_a_false_claim_only_when_asked_to_check(files, tmp_path):
    assert run(*files, "--check").exit_code == 1
    Path(files[1]).write_text(SHEET.replace("10.0K", "5.0K"))
    assert run(*files, "--check").exit_code == 0


def test_every_format_of_claims_is_written(files, tmp_path):
    targets = {key: tmp_path / f"out.{key}" for key in ("json", "md", "csv")}
    assert run(*files, *(word for key, path in targets.items() for word in (f"--{key}", str(path)))).exit_code == 0
    assert [row["verdict"] for row in json.loads(targets["json"].read_text())["results"]] == ["holds", "differs"]
    markdown = targets["md"].read_text()
    assert "1 hold (0 rounded), 1 differ" in markdown
    assert "| MACs | 10,000 is the number of 2 x multiply-accumulates" in markdown
    assert "&#124; of" in markdown
    rows = list(csv.DictReader(io.StringIO(targets["csv"].read_text())))
    assert [(row["published"], row["found"], row["verdict"]) for row in rows] == [
        ("100", "100", "holds"),
        ("10.0K", "5,000", "differs"),
    ]


def test_claims_for_another_input_than_a_saved_report_s_are_not_comparable(files):
    Path(files[1]).write_text(SHEET.replace("640x640", "320x320"))
    done = run(*files)
    assert done.exit_code == 2
    assert "1x3x320x320" in done.stderr


def test_a_model_without_claims_beside_it_says_what_to_do():
    done = run("v2")
    assert done.exit_code == 2
    assert "name a claims file" in done.stderr


def test_the_zoo_s_claims_are_found_beside_the_model():
    done = run("baseline", "--check")
    assert done.exit_code == 1
    assert "21 hold (8 rounded), 11 differ" in done.output
    assert "featherface/claims.toml:29" in done.output
