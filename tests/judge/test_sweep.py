import csv
import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from told import render_sweep_csv, render_sweep_markdown, render_sweep_png, render_sweep_text, written

from archscope.cli import main
from archscope.documents.sweep import SWEEP
from archscope.errors import OptionError, UsageError
from archscope.judge.pareto import pareto_front
from archscope.judge.sweep import measure_setting, run_sweep
from archscope.judge.sweep_options import grid, grid_size, parse_axes, parse_vary
from archscope.measure.measuring import analyze
from archscope.measure.quick_totals import quick_totals
from archscope.metrics import Figures
from archscope.models import zoo_spec
from archscope.render.formats.picture import drawn_from
from archscope.results.sweep import Axis, Limit, Point, Setting
from archscope.spec import InputSpec, ModelSpec

NET = textwrap.dedent(
    """
    import os, time
    from torch import nn

    class Net(nn.Module):
        def __init__(self, width: int = 4, kernel: int = 3, delay: float = 0.0):
            super().__init__()
            if width % 2:
                raise ValueError(f"width {width} is odd")
            time.sleep(delay)
            print("noise")
            self.conv = nn.Conv2d(3, width, kernel, padding=kernel // 2, bias=False)

        def forward(self, x):
            return self.conv(x)
    """
)
IMAGE = (InputSpec(shape=(1, 3, 8, 8)),)


@pytest.fixture
def net(tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(NET)
    monkeypatch.chdir(tmp_path)
    return "net.py:Net"


def swept(model, *texts, limits=(), axes="parameters:min,macs:max", **keywords):
    varied = parse_vary(texts, ModelSpec(name=model, source=model, build=object))
    return run_sweep(model, varied, options={}, inputs=IMAGE, limits=limits, axes=parse_axes(axes), **keywords)


@pytest.mark.parametrize("name", ["featherface-baseline", "featherface-v2"])
def test_a_tally_equals_the_totals_of_the_report(name):
    found, report = quick_totals(zoo_spec(name)), analyze(zoo_spec(name))
    totals = report.totals
    assert (found.parameters, found.macs, found.flops, found.complete) == (
        totals.parameters,
        totals.macs,
        totals.flops,
        totals.complete,
    )


def test_a_tally_of_a_model_that_reads_values_takes_the_long_way():
    from torch import nn

    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x):
            return self.layer(x) if x.sum().item() > -1 else x

    spec = ModelSpec(name="reader", source="", build=Reader, inputs=(InputSpec(shape=(2, 4)),))
    assert (quick_totals(spec).parameters, quick_totals(spec).macs) == (20, 2 * 4 * 4)


def test_without_inputs_a_tally_is_of_parameters_alone():
    from torch import nn

    found = quick_totals(ModelSpec(name="plain", source="", build=lambda: nn.Linear(4, 4)))
    assert (found.parameters, found.macs, found.flops) == (20, None, None)


def test_a_range_includes_its_end_and_a_list_keeps_its_order():
    spec = zoo_spec("featherface-baseline")
    channels, head = parse_vary(["bifpn_channels=16:64:8", "head=shared,separate"], spec)
    assert channels.values == (16, 24, 32, 40, 48, 56, 64)
    assert head.values == ("shared", "separate")
    assert grid_size((channels, head)) == 14 == len(list(grid((channels, head))))
    assert parse_vary(["a=1:3", "b=true,0.5,-2"], ModelSpec(name="n", source="", build=object)) == parse_vary(
        ["a=1,2,3", "b=true,0.5,-2"], ModelSpec(name="n", source="", build=object)
    )


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("bifpn_channels", "cannot read"),
        ("bifpn_channels=", "cannot read"),
        ("bifpn_channels=1,,2", "empty value"),
        ("bifpn_channels=64:16:8", "no values"),
        ("bifpn_channels=16:64:0", "no values"),
        ("bifpn_channels=16:60:8", "does not reach its end"),
        ("bifpn_channels=0:99999999", "more than"),
    ],
)
def test_what_cannot_be_swept_is_refused(text, what):
    with pytest.raises(UsageError, match=what):
        parse_vary([text], zoo_spec("featherface-baseline"))


def test_an_unknown_option_names_the_nearest_one():
    with pytest.raises(OptionError) as caught:
        parse_vary(["bifpn_chanels=16:64:8"], zoo_spec("featherface-baseline"))
    assert "did you mean 'bifpn_channels'" in caught.value.help


def test_the_same_option_twice_and_a_grid_without_end_are_refused():
    spec = zoo_spec("featherface-baseline")
    with pytest.raises(UsageError, match="varied twice"):
        parse_vary(["head=shared", "head=separate"], spec)
    with pytest.raises(UsageError, match="settings"):
        parse_vary(["bifpn_channels=1:2000", "ssh_channels=1:2000"], spec)


@pytest.mark.parametrize("text", ["speed:min", "macs", "macs:least", "macs:min,macs:max"])
def test_axes_that_make_no_sense_are_refused(text):
    with pytest.raises(UsageError):
        parse_axes(text)


def test_points_hold_what_the_settings_cost_and_refusals_their_reason(net):
    sweep = swept(net, "width=2:4", "kernel=1,3")
    assert [(p.parameters, p.macs) for p in sweep.points] == [
        (3 * 2 * 1, 64 * 3 * 2 * 1),
        (3 * 2 * 9, 64 * 3 * 2 * 9),
        (None, None),
        (None, None),
        (3 * 4 * 1, 64 * 3 * 4 * 1),
        (3 * 4 * 9, 64 * 3 * 4 * 9),
    ]
    assert all("width 3 is odd" in point.reason for point in sweep.points[2:4])
    assert not sweep.interrupted


def test_a_pool_gives_what_one_process_gives(net):
    pooled, alone = swept(net, "width=2:8", "kernel=1,3", jobs=2), swept(net, "width=2:8", "kernel=1,3", jobs=1)
    assert pooled == alone
    assert len(pooled.points) == 14


def test_whoever_listens_hears_how_many_are_done(net):
    heard = []
    swept(net, "width=2:6:2", finished=lambda done, planned: heard.append((done, planned)))
    assert heard == [(1, 3), (2, 3), (3, 3)]


def test_an_interrupt_keeps_what_is_finished(net):
    def interrupt(done, planned):
        if done == 2:
            raise KeyboardInterrupt

    sweep = swept(net, "width=2:16:2", finished=interrupt)
    assert (len(sweep.points), sweep.planned, sweep.interrupted) == (2, 8, True)
    assert "interrupted: 6 settings are missing" in render_sweep_text(sweep)


def test_ctrl_c_ends_the_command_with_130_and_the_finished_rows(net, tmp_path):
    command = [sys.executable, "-c", "from archscope.cli import main; main()", "plan", net, "--input", "1x3x8x8"]
    command += ["--vary", "width=2:200:2", "--vary", "delay=0.3,0.31", "-j", "2", "--csv", "out.csv"]
    run = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=tmp_path
    )
    deadline = time.time() + 60
    stderr = ""
    while time.time() < deadline and stderr.count("noise") < 3:  # a worker has built its third model
        stderr += run.stderr.readline()
    os.killpg(run.pid, signal.SIGINT)
    stdout, _ = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "settings are missing" in stdout
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
    assert 2 <= len(rows) < 200
    assert all(int(row["parameters"]) == 27 * int(row["width"]) for row in rows)


def point(parameters, macs, *, complete=True, reason=""):
    figures = Figures(parameters=parameters, macs=macs, flops=macs)
    return Point(settings=(), figures=figures, complete=complete, reason=reason)


AXES = parse_axes("parameters:min,macs:max")


def test_the_front_holds_the_most_macs_at_each_parameter_count_within_the_limits():
    points = [point(10, 5), point(10, 7), point(20, 6), point(20, 9), point(40, 99), point(5, None, reason="no")]
    assert pareto_front(points, AXES, (Limit(metric="parameters", max=30),)) == (1, 3)


def test_a_lower_bound_meets_no_limit_on_macs():
    assert not point(10, 5, complete=False).meets((Limit(metric="macs", max=100),))
    assert point(10, 5, complete=False).meets((Limit(metric="parameters", max=10),))


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=30), st.booleans(), st.booleans())
def test_nothing_on_the_front_is_beaten_and_all_else_is(pairs, first, second):
    points = [point(*pair) for pair in pairs]
    axes = (Axis(metric="parameters", most=first), Axis(metric="macs", most=second))
    front = set(pareto_front(points, axes, ()))

    def beats(a, b):
        gains = [(a[0] - b[0]) * (1 if first else -1), (a[1] - b[1]) * (1 if second else -1)]
        return min(gains) >= 0 < max(gains)

    for index, pair in enumerate(pairs):
        assert (index not in front) == any(beats(other, pair) for other in pairs)


def test_a_sweep_of_the_zoo_agrees_with_the_report():
    settings = (Setting(name="bifpn_channels", value=32), Setting(name="bifpn_cells", value=2))
    found = measure_setting("featherface-baseline", {}, (), settings)
    totals = analyze(zoo_spec("featherface-baseline", bifpn_channels=32, bifpn_cells=2)).totals
    assert (found.parameters, found.macs) == (totals.parameters, totals.macs)
    refused = measure_setting("featherface-baseline", {}, (), (Setting(name="bifpn_channels", value=20),))
    assert "bifpn_channels" in refused.reason


def test_every_view_of_a_sweep_marks_the_front_and_gives_reasons(net):
    sweep = swept(net, "width=2:6", limits=(Limit(metric="parameters", max=27 * 4),))
    text, markdown = render_sweep_text(sweep), render_sweep_markdown(sweep)
    for view in (text, markdown):
        assert "width 3 is odd" in view
        assert "2 meet the limits, 1 are over, 2 refused" in view
    first = text.splitlines()[3].split()
    assert first == ["2", "54", "3,456", "6,912", "front"]
    assert "+4 more settings (-n 0 shows them)" in render_sweep_text(sweep, limit=1)
    rows = list(csv.DictReader(io.StringIO(render_sweep_csv(sweep))))
    assert [row["status"] for row in rows] == ["front", "refused", "front", "refused", "over"]
    assert json.loads(written(SWEEP, "json", sweep))["front"] == [0, 2]


def test_the_figure_is_drawn_from_the_points_and_is_the_same_every_time(net):
    sweep = swept(net, "width=2:6:2", "kernel=1,3")
    first = render_sweep_png(sweep)
    assert first == render_sweep_png(sweep)
    assert drawn_from(first) == SWEEP.picture(sweep).digest
    assert {(dot.x, dot.y) for dot in SWEEP.picture(sweep).dots} == {(p.parameters, p.macs) for p in sweep.points}


def test_the_command_sweeps_with_the_goal_of_the_targets_file_as_limit():
    done = CliRunner().invoke(main, ["plan", "featherface-v2", "--vary", "head_channels=0,16", "--json", "-"])
    assert done.exit_code == 0, done.output
    plain = json.loads(done.stdout)
    assert plain["limits"] == []
    arguments = ["plan", "featherface-baseline", "--vary", "head=shared", "--max-macs", "2G", "--json", "-"]
    plain = json.loads(CliRunner().invoke(main, arguments).stdout)
    assert plain["limits"] == [{"metric": "parameters", "max": 250_000}, {"metric": "macs", "max": 2_000_000_000}]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--vary", "head=shared", "--against", "v2"], "no meaning beside --vary"),
        (["--max-params", "5"], "for sweeps"),
        (["--vary", "head=shared", "--max-trainable", "5"], "does not measure trainable"),
        (["--vary", "hed=shared"], "no option 'hed'"),
    ],
)
def test_contradictory_words_are_refused(arguments, what):
    done = CliRunner().invoke(main, ["plan", "featherface-baseline", *arguments])
    assert done.exit_code == 2
    assert what in done.stderr


def test_a_worker_that_dies_costs_its_own_setting_alone(tmp_path, monkeypatch):
    (tmp_path / "mortal.py").write_text(
        "import os\nfrom torch import nn\n\ndef build(width: int = 1):\n"
        "    if width == 7:\n        os._exit(1)\n    return nn.AdaptiveAvgPool2d(width)\n"
    )
    monkeypatch.chdir(tmp_path)
    sweep = swept("mortal.py:build", "width=1:16", jobs=2)
    assert [point.settings[0].value for point in sweep.points if point.reason] == [7]
    assert "the process that measured it ended" in sweep.points[6].reason
    assert len(sweep.points) == 16
