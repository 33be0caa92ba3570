import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from told import render_plan_csv, render_plan_markdown, render_plan_png, render_plan_text, written

import archscope.models
from archscope.cli import main
from archscope.documents.plan import PLAN
from archscope.errors import ConfigError
from archscope.judge.plan import make_plan
from archscope.judge.plan_file import read_targets
from archscope.measure.measuring import analyze
from archscope.models import zoo_spec
from archscope.render.formats.picture import drawn_from

ZOO_TARGETS = Path(archscope.models.__file__).parent / "featherface" / "targets.toml"
BASELINE = "featherface-baseline"


@pytest.fixture(scope="module")
def baseline():
    return analyze(zoo_spec(BASELINE))


@pytest.fixture(scope="module")
def plan(baseline):
    against = analyze(zoo_spec("featherface-v2"))
    return make_plan(read_targets(ZOO_TARGETS), baseline, BASELINE, options={}, inputs=(), against=against)


def test_the_published_targets_do_not_add_up_to_the_goal(plan):
    assert plan.goal == 250_000
    assert plan.sum_targets == 213_072 + 61_933 + 197_508 + 27_136 + 2_496 == 502_145
    # CBAM's target is half of 54,272; half of what CBAM really holds, 13,568, is 6,784
    assert plan.sum_corrected == 502_145 - 27_136 + 6_784 == 481_793
    assert plan.goal - plan.kept == 250_000 - 213_072 == 36_928
    text = render_plan_text(plan)
    assert "the targets leave 502,145: 252,145 above the goal" in text
    assert "they leave 481,793: 231,793 above the goal" in text
    assert "the goal leaves 36,928 for all else, which holds 379,299" in text


def test_the_assumed_savings_add_to_130_929(plan):
    assert plan.assumed == 50_672 + 3_744 + 27_136 + 49_377 == 130_929
    assert "would leave 461,442: 211,442 above the goal" in render_plan_text(plan)


def test_every_proposal_is_measured_alone_and_in_sequence(plan):
    settings: dict = {}
    for step in plan.steps:
        alone = {setting.name: setting.value for setting in step.settings}
        settings |= alone
        totals, then = (analyze(zoo_spec(BASELINE, **options)).totals for options in (alone, settings))
        assert (step.alone, step.alone_macs) == (totals.parameters, totals.macs)
        assert (step.sequence, step.sequence_macs) == (then.parameters, then.macs)
    assert plan.reached == plan.steps[-1].sequence
    assert [step.assumed for step in plan.steps] == [50_672, 3_744, 27_136, 49_377]


def test_bifpn_at_32_channels_saves_what_its_layers_say(plan):
    # BiFPN 32 x 2 with both pairs of projections is 38,388 (featherface.md); gates and SSH follow its width:
    # CBAM on 32 channels holds 32 x 2 + 2 + 2 x 32 + 32 in its gate and 98 + 2 in its spatial one instead of 680;
    # two convolutions of each SSH lose 32 inputs: 9 x 32 x (32 + 16) in kernels, 9 x 32 x 27 each in offsets and masks
    bifpn, gates = 112_606 - 38_388, 3 * (680 - (32 * 2 + 2 + 2 * 32 + 32 + 98 + 2))
    ssh = 3 * (9 * 32 * (32 + 16) + 2 * 9 * 32 * 27)
    assert plan.total - plan.steps[0].alone == bifpn + gates + ssh == 163_600


def test_against_another_model_its_true_components_stand_beside(plan):
    rows = {row.component: row.against for row in plan.rows}
    assert rows["Backbone"] == 213_072
    assert sum(rows.values()) == plan.against_total < 250_000
    assert "as it is, featherface-v2 has" in render_plan_text(plan)


def test_the_waterfall_is_drawn_from_the_steps(plan):
    drawn = PLAN.picture(plan)
    ends = [bar.end for bar in drawn.bars]
    assert ends == [592_371, *(step.sequence for step in plan.steps), plan.reached, plan.against_total]
    assert all(before.end == after.start for before, after in zip(drawn.bars, drawn.bars[1:-2], strict=False))
    png = render_plan_png(plan)
    assert drawn_from(png) == drawn.digest
    assert png == render_plan_png(plan)


def test_every_other_view_holds_the_figures(plan):
    markdown = render_plan_markdown(plan)
    assert "| CBAM | 54,272 | 13,568 | 27,136 | 50.00 % | 6,784 | " in markdown
    assert "- The targets leave 502,145: 252,145 above the goal." in markdown
    rows = list(csv.DictReader(io.StringIO(render_plan_csv(plan))))
    assert [int(row["sequence"]) for row in rows] == [step.sequence for step in plan.steps]
    plain = json.loads(written(PLAN, "json", plan))
    assert (plain["sum_targets"], plain["sum_corrected"], plain["assumed"]) == (502_145, 481_793, 130_929)


GOAL = '[goal]\nmetric = "parameters"\nmax = "<0.5M"\n'


def planned(tmp_path, report, text):
    path = tmp_path / "targets.toml"
    path.write_text(text)
    return make_plan(read_targets(path), report, BASELINE, options={}, inputs=())


def test_a_proposal_that_the_model_refuses_is_a_row_with_the_reason(tmp_path, baseline):
    text = f"{GOAL}[[proposals]]\nname = 'odd'\noptions = {{ bifpn_channels = 20 }}\n"
    text += "[[proposals]]\nname = 'fine'\nsaves = 1\noptions = { bifpn_cells = 2 }\n"
    plan = planned(tmp_path, baseline, text)
    odd, fine = plan.steps
    assert (odd.alone, odd.sequence) == (None, None)
    assert "bifpn_channels" in odd.alone_reason
    assert fine.sequence == fine.alone == 592_371 - 19_466  # one cell less
    view = render_plan_text(plan)
    assert "refused" in view
    assert "odd, alone: " in view
    assert PLAN.picture(plan).bars[1].note == "refused"


def test_targets_are_optional_and_so_is_what_the_document_says_of_today(tmp_path, baseline):
    plan = planned(tmp_path, baseline, f"{GOAL}[[targets]]\ncomponent = 'SSH'\ntarget = 100_000\n")
    assert plan.goal == 499_999
    assert plan.sum_targets == plan.sum_corrected == 592_371 - 246_885 + 100_000
    assert "published" not in render_plan_text(plan)
    assert "the targets leave 445,486: within the goal by 54,513" in render_plan_text(plan)


@pytest.mark.parametrize(
    ("text", "line", "what", "help_"),
    [
        ("[[targets]]\ncomponent='SSH'\ntarget=1", 1, "there is no goal", "[goal]"),
        ("[goal]\nmax=1", 1, "has no metric", "metric"),
        ("[goal]\nmetric='parametres'\nmax=1", 2, "unknown metric", "'parameters'"),
        ("[goal]\nmetric='macs'\nmax='50%'", 3, "share of nothing", "count"),
        (f"{GOAL}[[targets]]\ncomponent='SHS'\ntarget=1", 5, "no component 'SHS'", "'SSH'"),
        (f"{GOAL}[[targets]]\ncomponent='SSH'\ngoal=1", 6, "unknown key 'goal'", "component"),
        (f"{GOAL}[[targets]]\ncomponent='SSH'\ntarget='few'", 6, "target", "integer"),
        (
            f"{GOAL}[[targets]]\ncomponent='SSH'\ntarget=1\n[[targets]]\ncomponent='SSH'\ntarget=2",
            8,
            "two targets",
            "targets.toml:5",
        ),
        (f"{GOAL}[[proposals]]\nname='a'\noptions={{}}", 5, "changes no option", "options"),
        (f"{GOAL}[[proposals]]\nname='a'\noptions={{ hed='shared' }}", 6, "no option 'hed'", "'head'"),
        (f"{GOAL}[[proposals]]\nname='a'\noptions={{ head=1979-05-27 }}", 6, "option head must be", ""),
    ],
)
def test_a_fault_in_the_file_names_file_line_and_the_nearest_word(tmp_path, baseline, text, line, what, help_):
    with pytest.raises(ConfigError) as caught:
        planned(tmp_path, baseline, text)
    assert what in caught.value.what
    assert caught.value.where == f"targets.toml:{line}"
    assert help_ in caught.value.help


def test_the_command_finds_the_targets_beside_the_model(tmp_path):
    target = tmp_path / "plan.json"
    done = CliRunner().invoke(main, ["plan", "baseline", "--json", str(target), "--md", str(tmp_path / "plan.md")])
    assert done.exit_code == 0, done.output
    assert "the targets leave 502,145" in done.output
    assert json.loads(target.read_text())["sum_corrected"] == 481_793


def test_a_model_without_targets_says_what_to_do():
    done = CliRunner().invoke(main, ["plan", "v2"])
    assert done.exit_code == 2
    assert "name a targets file" in done.stderr


def test_the_kept_report_of_the_baseline_carries_its_claims_and_its_plan(tmp_path):
    out = tmp_path / "reports"
    done = CliRunner().invoke(main, ["report", BASELINE, "--out", str(out)])
    assert done.exit_code == 0, done.output
    folder = out / BASELINE
    assert "| CBAM instances | 72 = 6 x 12: " in (folder / "claims.md").read_text()
    assert "![What the proposals save](plan.png)" in (folder / "plan.md").read_text()
    assert (folder / "plan.png").read_bytes().startswith(b"\x89PNG")
    (folder / "claims.md").write_text("all true")
    stale = CliRunner().invoke(main, ["report", BASELINE, "--out", str(out), "--check"])
    assert stale.exit_code == 1
    assert stale.output.splitlines()[0].endswith("claims.md is stale")
    assert len(stale.output.splitlines()) == 2  # the sentence and the help: nothing else changed
