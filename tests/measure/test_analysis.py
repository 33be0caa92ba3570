from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from measured_featherface import COMPONENTS, MODULES
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from toys import Branching, SharedAndTied

import archscope
from archscope.errors import ComponentError, FormulaError, UsageError
from archscope.formulas import DEFAULT_FORMULAS, Cost
from archscope.report import UNASSIGNED

IMAGE = (archscope.InputSpec(shape=(1, 3, 6, 6)),)
TOKENS = (archscope.InputSpec(shape=(1, 3), dtype="int64"),)


@pytest.fixture(scope="module")
def baseline():
    return archscope.analyze(archscope.load("featherface-baseline"))


def test_the_baseline_costs_what_was_measured_on_the_original(baseline):
    totals = baseline.totals
    assert (totals.parameters, totals.trainable, totals.buffers) == (592_371, 592_371, 9_078)
    assert totals.macs == 1_243_802_176
    assert totals.complete
    assert {row.path: (row.parameters, row.macs) for row in baseline.modules if row.path in MODULES} == MODULES
    named = {row.name: (row.parameters, row.macs) for row in baseline.components}
    assert named == COMPONENTS | {UNASSIGNED: (0, 0)}  # the softmax over the classes belongs to no component
    assert [row.parameters for row in baseline.modules if row.path.startswith("bifpn.") and row.depth == 2] == [
        73_674,
        19_466,
        19_466,
    ]


def test_the_baseline_by_operator(baseline):
    macs = {row.op: (row.calls, row.macs) for row in baseline.operators if row.macs}
    assert macs == {
        "aten::convolution": (110, 953_473_600),
        "archscope::deform_conv2d": (15, 290_304_000),
        "aten::addmm": (24, 24_576),
    }
    assert baseline.uncounted == ()
    assert baseline.uncalled == ()


def test_hand_computed_figures_of_the_toys():
    branching = archscope.analyze(Branching(), IMAGE)
    assert branching.totals.parameters == Branching.PARAMETERS
    assert branching.totals.macs == Branching.MACS
    assert branching.totals.flops == Branching.FLOPS
    assert branching.uncalled == ("idle",)
    tied = archscope.analyze(SharedAndTied(), TOKENS)
    assert tied.totals.parameters == SharedAndTied.PARAMETERS
    assert tied.totals.macs == SharedAndTied.MACS


def test_activations_are_fresh_outputs_and_conv_activations_those_of_products():
    totals = archscope.analyze(Branching(), IMAGE).totals
    # conv 288 twice, sum 288, relu 288, mean 8, classifier 5; the transposed weight is a view.
    assert totals.activations == 288 * 4 + 8 + 5
    assert totals.conv_activations == 288 * 2 + 5


def test_peak_activation_bytes_follow_births_and_releases():
    # relu (3 x 6 x 6 floats) lives on in the view; then 432 in, 8 out at the linear layer.
    net = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(108, 2))
    assert archscope.analyze(net, IMAGE).totals.peak_activation_bytes == 4 * (108 + 2)
    assert archscope.analyze(nn.Sequential(nn.ReLU(inplace=True)), IMAGE).totals.peak_activation_bytes == 0


class Random(nn.Module):
    """A random tree: leaves are linear layers or bare Parameters, some blocks are used twice, some weights are tied."""

    def __init__(self, plan: list) -> None:
        super().__init__()
        self.loose = nn.Parameter(torch.ones(6)) if plan and plan[0] == "bare" else None
        earlier: list[nn.Module] = []
        for index, item in enumerate(plan):
            if isinstance(item, list):
                child: nn.Module = Random(item)
            elif item == "again" and earlier:
                child = earlier[0]
            else:
                child = nn.Linear(6, 6, bias=item != "tied")
                linear = next((module for module in earlier if isinstance(module, nn.Linear)), None)
                if item == "tied" and linear is not None:
                    child.weight = linear.weight
            earlier.append(child)
            self.add_module(f"m{index}", child)
        self.order = [f"m{index}" for index in range(len(plan))]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for name in self.order:
            x = torch.relu(getattr(self, name)(x))
        return x if self.loose is None else x * self.loose


LEAF = st.sampled_from(["linear", "tied", "again", "bare"])
TREES = st.recursive(st.lists(LEAF, max_size=4), lambda inner: st.lists(LEAF | inner, max_size=4), max_leaves=8)


@settings(max_examples=40)
@given(plan=TREES, batch=st.integers(1, 3))
def test_parts_add_to_the_whole_for_modules_operators_and_components(plan, batch):
    net = Random(plan)
    report = archscope.analyze(net, (archscope.InputSpec(shape=(batch, 6)),))
    totals = report.totals
    assert totals.parameters == sum(p.numel() for p in net.parameters())
    assert totals.parameters == sum(row.own_parameters for row in report.modules)
    assert totals.parameters == sum(row.parameters for row in report.components)
    for figure in ("macs", "flops"):
        whole = getattr(totals, figure)
        assert whole == sum(getattr(row, f"own_{figure}") for row in report.modules)
        assert whole == sum(getattr(row, figure) for row in report.operators)
        assert whole == sum(getattr(row, figure) for row in report.components)
        assert whole == getattr(report.modules[0], figure)
    assert totals.flops >= 2 * totals.macs
    for row in report.modules:
        children = [r for r in report.modules if r.path and r.path.rpartition(".")[0] == row.path and r.depth]
        assert row.macs == row.own_macs + sum(child.macs for child in children)
    assert archscope.from_json(archscope.to_json(report)) == report


@settings(max_examples=15)
@given(plan=TREES, batch=st.integers(1, 4))
def test_macs_are_the_same_on_meta_and_cpu_linear_in_the_batch_and_half_of_torchs_flops(plan, batch):
    net = Random(plan)
    inputs = (archscope.InputSpec(shape=(batch, 6)),)
    macs = archscope.analyze(archscope.trace(net, inputs)).totals.macs
    assert archscope.analyze(archscope.trace(net, inputs, device="cpu")).totals.macs == macs
    assert archscope.analyze(net, (archscope.InputSpec(shape=(1, 6)),)).totals.macs * batch == macs
    with FlopCounterMode(display=False) as counter:
        net(torch.ones(batch, 6))
    assert counter.get_total_flops() == 2 * macs


def test_an_operator_without_a_formula_is_listed_and_marks_the_totals_as_a_lower_bound():
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return odd(self.layer(x))

    library = torch.library.Library("archscope_test", "FRAGMENT")
    library.define("odd(Tensor x) -> Tensor")
    library.impl("odd", torch.clone, "CompositeExplicitAutograd")
    odd = torch.ops.archscope_test.odd
    inputs = (archscope.InputSpec(shape=(1, 4)),)
    report = archscope.analyze(Odd(), inputs)
    assert not report.totals.complete
    (row,) = report.uncounted
    assert (row.op, row.calls, row.modules) == ("archscope_test::odd", 1, ("",))
    table = DEFAULT_FORMULAS.copy()
    table.counted("archscope_test::odd", family="own")(own_formula)
    known = archscope.analyze(Odd(), inputs, formulas=table)
    assert known.totals.complete
    assert known.totals.flops == report.totals.flops + 7
    with pytest.raises(FormulaError, match="registered twice"):
        table.counted("archscope_test::odd", family="own")(own_formula)
    assert DEFAULT_FORMULAS.find("archscope_test::odd") is None


def own_formula(_call):
    """Seven."""
    return Cost.of(other=7)


def test_components_claim_in_order_and_the_rest_is_unassigned():
    rules = (
        archscope.Component(name="Right", patterns=("right",)),
        archscope.Component(name="Convolutions", patterns=("left.**", "r*")),
    )
    with pytest.raises(ComponentError, match="wholly shadowed by Right"):
        archscope.analyze(Branching(), IMAGE, components=rules)
    report = archscope.analyze(Branching(), IMAGE, components=rules[:1])
    assert [(row.name, row.parameters, row.modules) for row in report.components] == [
        ("Right", 224, ("right",)),
        (UNASSIGNED, 224 + 45 + 6, ("",)),
    ]
    with pytest.raises(ComponentError, match="matches no module"):
        archscope.analyze(Branching(), IMAGE, components=(archscope.Component(name="X", patterns=("nothing.**",)),))


def test_without_inputs_the_report_holds_parameters_alone():
    report = archscope.analyze(Branching())
    assert report.totals.parameters == Branching.PARAMETERS
    assert report.totals.macs is None
    assert report.modules[1].macs is None
    assert archscope.from_json(archscope.to_json(report)) == report


def test_the_call_table_explains_the_modules_and_comes_on_request(baseline):
    assert baseline.calls is None
    report = archscope.analyze(Branching(), IMAGE, keep_calls=True)
    assert sum(row.macs for row in report.calls) == Branching.MACS
    assert archscope.from_json(archscope.to_json(report)) == report


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda plain: plain | {"schema_version": 99}, "schema version 1"),
        (lambda plain: plain | {"surprise": 1}, "surprise"),
        (lambda plain: plain | {"totals": plain["totals"] | {"macs": "many"}}, "report.totals.macs"),
        (lambda plain: plain | {"totals": plain["totals"] | {"parameters": 1.5}}, "report.totals.parameters"),
    ],
)
def test_a_file_that_is_no_report_is_refused_with_the_place(change, message):
    plain = json.loads(archscope.to_json(archscope.analyze(Branching(), IMAGE)))
    with pytest.raises(UsageError) as caught:
        archscope.from_json(json.dumps(change(plain)))
    assert message in str(caught.value)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # fvcore scripts and traces
def test_fvcore_agrees_on_convolutions_and_linear_layers(baseline):
    from fvcore.nn import FlopCountAnalysis

    model = archscope.load("featherface-baseline").build().eval()
    counter = FlopCountAnalysis(model, torch.zeros(1, 3, 64, 64))
    counter.unsupported_ops_warnings(enabled=False)
    counter.uncalled_modules_warnings(enabled=False)
    theirs = counter.by_operator()
    ours = archscope.analyze(model, (archscope.InputSpec(shape=(1, 3, 64, 64)),))
    macs = {row.op: row.macs for row in ours.operators}
    assert theirs["conv"] == macs["aten::convolution"]
    assert theirs["linear"] == macs["aten::addmm"]


def test_torchs_counter_counts_twice_the_macs_of_all_but_the_deformable_convolutions(baseline):
    spec = archscope.load("featherface-baseline")
    with torch.device("meta"):
        model = spec.build().eval()
        images = torch.empty(1, 3, 640, 640)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(images)
    deformable = next(row.macs for row in baseline.operators if row.op == "archscope::deform_conv2d")
    assert counter.get_total_flops() == 2 * (baseline.totals.macs - deformable)


def test_the_public_names_exist():
    assert all(getattr(archscope, name) is not None for name in archscope.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        archscope.nothing  # noqa: B018 - the access is the test


def test_files_stay_short():
    root = Path(archscope.__file__).parents[1]
    long = [
        p
        for p in [*root.glob("archscope/**/*.py"), *root.glob("models/**/*.py")]
        if len(p.read_text().splitlines()) > 300
    ]
    assert long == []
