"""Every option of FeatherFace: what it may change, what it must keep, and what is refused."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from repository import ROOT

from archscope.errors import OptionError
from archscope.measure.measuring import analyze
from archscope.models import zoo_spec
from archscope.models.featherface.config import BASELINE, CHOICES, V2, configure
from archscope.models.featherface.ssh import SSH
from archscope.spec import InputSpec

SMALL = (InputSpec(shape=(1, 3, 64, 64)),)
BUDGET = 249_999
ALTERNATIVES = {
    "bifpn_channels": (40, 128),
    "bifpn_cells": (1, 4),
    "cbam_reduction": (4, 8),
    "ssh_channels": (16, 96),
    "ssh_groups": (1, 4),
    "head_channels": (0, 40),
}


def components(model, **options):
    report = analyze(zoo_spec(model, **options), SMALL)
    assert report.totals.complete
    return {row.name: (row.parameters, row.macs, row.flops) for row in report.components}


@pytest.fixture(scope="module")
def presets():
    return {model: components(model) for model in ("baseline", "v2")}


@pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES)
def test_an_option_on_its_own_changes_only_the_components_it_declares(choice, presets):
    changed, tried = set(), 0
    for model, before in presets.items():
        declared = {option.name: option for option in zoo_spec(model).options}[choice.name]
        for value in choice.words or ALTERNATIVES[choice.name]:
            try:
                after = components(model, **{choice.name: value})
            except OptionError:
                continue
            moved = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
            assert moved <= set(declared.components)
            assert bool(moved) == (value != declared.default)
            changed, tried = changed | moved, tried + 1
    assert tried > 1
    assert changed == set(choice.components)


def legal(values):
    """The rules again, in words of their own: hidden channels, groups that divide, and a trunk only when shared."""
    gated = values["cbam_placement"] in {"both", "bifpn"}
    return (
        not (gated and values["bifpn_channels"] // values["cbam_reduction"] == 0)
        and values["bifpn_channels"] % values["ssh_groups"] == 0
        and (values["ssh_channels"] // 4) % values["ssh_groups"] == 0
        and not (values["head"] == "separate" and values["head_channels"] > 0)
    )


def numbers(choice):
    if choice.name == "ssh_groups":
        return st.sampled_from((1, 2, 3, 4, 8, 16))
    return st.sampled_from(choice.values)


VALUES = {
    choice.name: st.sampled_from(choice.words) if choice.words else numbers(choice) for choice in CHOICES.values()
}
VALUES["head_channels"] = st.one_of(st.just(0), VALUES["head_channels"])


@settings(max_examples=30, deadline=None)
@given(st.fixed_dictionaries({}, optional=VALUES), st.sampled_from((BASELINE, V2)), st.integers(1, 80))
def test_combinations_build_and_run_and_keep_the_outputs_or_are_refused_with_the_reason(options, preset, width):
    if not legal({**dataclasses.asdict(preset), **options}):
        with pytest.raises(OptionError) as caught:
            configure(preset, options)
        assert caught.value.what
        assert caught.value.help
        return
    model = "baseline" if preset is BASELINE else "v2"
    with torch.device("meta"):
        network, image = zoo_spec(model, **options).build().eval(), torch.empty(1, 3, 40, width)
    with torch.no_grad():
        shapes = [tuple(output.shape) for output in network(image)]
    # 40 pixels are 5, 3 and 2 rows at 1/8, 1/16 and 1/32
    anchors = sum(2 * rows * -(-width // stride) for rows, stride in ((5, 8), (3, 16), (2, 32)))
    assert shapes == [(1, anchors, 4), (1, anchors, 2), (1, anchors, 10)]
    assert sum(parameter.numel() for parameter in network.body.parameters()) == 213_072


def test_v2_stays_under_a_quarter_of_a_million_with_the_backbone_untouched():
    report = analyze(zoo_spec("v2"))
    parts = {row.name: row.parameters for row in report.components}
    assert 246_000 <= report.totals.parameters <= BUDGET
    assert parts["Backbone"] == 213_072
    assert report.totals.macs is not None
    assert report.totals.macs <= 600_000_000
    assert report.totals.complete


def test_v2_parameters_are_those_worked_out_by_hand():
    parts = {name: row[0] for name, row in components("v2").items()}
    node = 9 * 32 + 32 * 32 + 32 + 2 * 32  # depthwise, pointwise, its bias, norm
    projections = (64 + 128 + 256) * 32 + 3 * (32 + 2 * 32)  # three only: the bottom-up path reuses them
    assert parts["BiFPN"] == projections + 2 * (4 * node + 10)
    gate = 32 + 1 + 32 + 32  # 32 -> 1 -> 32, biases
    assert parts["CBAM"] == gate + 2 * 49 + 3 * 2  # every place has its own norm
    kernels = 9 * (24 + 12) * 32 // 4 + 3 * 9 * 12 * 12 // 4  # 32 -> 24 and 12, then 12 -> 12 thrice, in four groups
    norms = 3 * 2 * (24 + 4 * 12)  # every level has its own
    shuffle_block = 48 * 24 + 9 * 24 + 24 * 48 + 3 * 2 * (24 + 24 + 48)
    assert parts["SSH"] == kernels + norms + shuffle_block
    trunk = 9 * 48 + 48 * 32 + 3 * 2 * (48 + 32)
    assert parts["Heads"] == trunk + 2 * (2 + 4 + 10) * (32 + 1)
    assert sum(parts.values()) == 249_777


def test_gates_of_one_width_share_what_weighs_and_normalise_apart():
    with torch.device("meta"):
        network = zoo_spec("baseline", cbam_sharing="width").build()
    gates = {name: module for name, module in network.named_children() if "cbam" in name}
    assert len(gates) == 6
    assert len({id(gate.ChannelGate) for gate in gates.values()}) == 3
    assert len({id(gate.SpatialGate.spatial.conv) for gate in gates.values()}) == 1
    assert len({id(gate.SpatialGate.spatial.bn) for gate in gates.values()}) == 6
    # 64, 128 and 256 channels with 4, 8 and 16 hidden: 580 + 2,184 + 8,464; one 7x7 of 2 channels; six norms
    assert components("baseline", cbam_sharing="width")["CBAM"][0] == 11_228 + 98 + 12


def test_the_ssh_branches_of_v2_see_3_5_and_7_pixels_and_their_groups_mix():
    torch.manual_seed(0)
    ssh = SSH(V2).double().eval()

    def branches(x):
        shared = ssh.conv5X5_1(x)
        return ssh.conv3X3(x), ssh.conv5X5_2(shared), ssh.conv7x7_3(ssh.conv7X7_2(shared))

    x = torch.randn(1, 32, 11, 11, dtype=torch.float64)
    bumped = x.clone()
    bumped[0, 0, 5, 5] += 1
    with torch.no_grad():
        moved = [(after - before).abs()[0] > 1e-12 for before, after in zip(branches(x), branches(bumped), strict=True)]
    assert [int(found.any(0).any(0).sum()) for found in moved] == [3, 5, 7]
    # channel 0 reaches one group of 24 / 4; after a shuffle of (0 1 2) to three groups 9 of 12; after two all 12
    assert [int(found.flatten(1).any(1).sum()) for found in moved] == [6, 9, 12]


@pytest.mark.parametrize(
    ("options", "tops"),
    [
        ({"ssh_sharing": "levels"}, ("ssh1", "ssh2", "ssh3")),
        ({"ssh_sharing": "levels"}, ("ssh1_cs", "ssh2_cs", "ssh3_cs")),
        ({"head": "shared", "head_channels": 8}, ("SharedMultiHead.0", "SharedMultiHead.1", "SharedMultiHead.2")),
    ],
)
def test_what_levels_share_is_every_convolution_and_no_normalisation(options, tops):
    with torch.device("meta"):
        network = zoo_spec("v2", **{"head_channels": 8, **options}).build()
    levels = [network.get_submodule(top) for top in tops]
    for kind, objects in ((torch.nn.Conv2d, 1), (torch.nn.BatchNorm2d, 3)):
        paths = [path for path, module in levels[0].named_modules() if isinstance(module, kind)]
        assert paths
        for path in paths:
            assert len({id(level.get_submodule(path)) for level in levels}) == objects


@pytest.mark.parametrize(
    ("options", "component", "saved"),
    [
        # BiFPN: 112,606 - (projections 27,104 + 2 x 5,642)
        ({"bifpn_channels": 32, "bifpn_cells": 2}, "BiFPN", 112_606 - 38_388),
        # heads: 6,240 - (depthwise 576, pointwise 16 x 64, 32 outputs x 17, three times norms of 64 and 16)
        ({"head": "shared", "head_channels": 16}, "Heads", 6_240 - (576 + 1_024 + 544 + 3 * 2 * (64 + 16))),
        # gates: 13,568 - (channels 322 + 1,156 + 4,360, spatial 98 and six norms of 2)
        ({"cbam_reduction": 32, "cbam_sharing": "width"}, "CBAM", 13_568 - 5_948),
        # kernels: half of 103,680 at two groups
        ({"ssh_groups": 2}, "SSH", 51_840),
    ],
)
def test_each_proposal_of_the_published_report_is_an_option_change(options, component, saved, presets):
    after = components("baseline", **options)[component][0]
    assert presets["baseline"][component][0] - after == saved


def test_the_documentation_lists_every_option_as_it_is():
    page = (ROOT / "docs" / "featherface.md").read_text(encoding="utf-8")
    for choice in CHOICES.values():
        values = f"{getattr(BASELINE, choice.name)} | {getattr(V2, choice.name)}"
        assert f"| `{choice.name}` | {values} | {', '.join(choice.components)} |" in page
