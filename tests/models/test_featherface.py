"""The zoo's FeatherFace baseline against its reference: keys, figures and numbers."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from repository import DATA
from torch.nn import functional

from archscope.errors import OptionError, SpecError
from archscope.models import ALIASES, ZOO, zoo_models, zoo_spec
from archscope.models.featherface.bifpn import fuse
from archscope.models.featherface.blocks import ChannelShuffle, pool_same

FUSION = ("p4_w1", "p3_w1", "p4_w2", "p5_w2")


@pytest.fixture(scope="module")
def baseline():
    return zoo_spec("featherface-baseline").build().eval()


def reference_state(model):
    """Weight number k at flat index i is a sin(1.7 i + 0.3 k), as the reference was computed."""
    state = {}
    for k, (name, tensor) in enumerate(model.state_dict().items()):
        if not tensor.is_floating_point():
            state[name] = tensor
            continue
        index = torch.arange(tensor.numel(), dtype=torch.float64)
        scale = 1.5 * (2 / (tensor.numel() / tensor.shape[0])) ** 0.5 if tensor.dim() >= 2 else 0.1
        value = scale * torch.sin(1.7 * index + 0.3 * k)
        leaf = name.rpartition(".")[2]
        if leaf == "running_var" or leaf in FUSION or (leaf == "weight" and tensor.dim() == 1):
            value = value + 1
        state[name] = value.reshape(tensor.shape).float()
    return state


def test_its_state_dict_has_the_public_checkpoints_keys_and_shapes_in_order(baseline):
    lines = (DATA / "featherface_baseline_keys.tsv").read_text().splitlines()
    wanted = [tuple(line.split("\t")[1:]) for line in lines if not line.startswith("#")]
    found = [(key, "x".join(map(str, tensor.shape)) or "scalar") for key, tensor in baseline.state_dict().items()]
    assert len(wanted) == 587
    assert found == wanted


def test_its_outputs_equal_the_numeric_reference(baseline):
    model = zoo_spec("baseline").build().eval()
    model.load_state_dict(reference_state(model), strict=True)
    pixels = torch.arange(3 * 96 * 64, dtype=torch.float64)
    with torch.no_grad():
        outputs = model(torch.sin(0.613 * pixels).float().reshape(1, 3, 96, 64))
    reference = np.load(DATA / "featherface_baseline_outputs.npz")
    for name, output in zip(("bbox", "scores", "landmarks"), outputs, strict=True):
        assert output.shape == reference[name].shape
        assert np.abs(output.numpy() - reference[name]).max() <= 1e-5


def test_it_has_the_true_number_of_parameters_and_buffer_elements(baseline):
    assert sum(parameter.numel() for parameter in baseline.parameters()) == 592_371
    assert sum(buffer.numel() for buffer in baseline.buffers()) == 9_078


def test_offsets_start_at_zero_and_fusion_weights_at_one(baseline):
    state = baseline.state_dict()
    sampling = [tensor for key, tensor in state.items() if "offset_conv" in key or "modulator_conv" in key]
    fusion = [tensor for key, tensor in state.items() if key.rpartition(".")[2] in FUSION]
    assert (len(sampling), len(fusion)) == (60, 12)
    assert all(not tensor.any() for tensor in sampling)
    assert all((tensor == 1).all() for tensor in fusion)


@pytest.mark.parametrize(("height", "width"), [(640, 640), (33, 47), (1, 1), (97, 640)])
def test_it_runs_on_meta_at_any_input_size(height, width):
    with torch.device("meta"):
        model, image = zoo_spec("baseline").build().eval(), torch.empty(2, 3, height, width)
    with torch.no_grad():
        shapes = [tuple(output.shape) for output in model(image)]
    # two anchors at every position of every level, levels rounded up at each halving
    anchors = sum(2 * -(-height // stride) * -(-width // stride) for stride in (8, 16, 32))
    assert shapes == [(2, anchors, 4), (2, anchors, 2), (2, anchors, 10)]
    if height == width == 640:
        assert anchors == 16_800


def test_training_gives_logits_and_evaluation_their_softmax(baseline):
    image = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        scores = baseline(image)[1]
        baseline.training = True  # the root alone, so that batch norm stays as it is
        logits = baseline(image)[1]
        baseline.training = False
    assert (logits.sum(-1) - 1).abs().max() > 1e-3
    torch.testing.assert_close(functional.softmax(logits, -1), scores)


def test_fusion_divides_positive_weights_by_their_sum_and_one_in_ten_thousand():
    one = torch.ones(1, 1, 1, 1, dtype=torch.float64)
    # relu makes (-5, 2) into (0, 2): 0 * 7 + 2 / (2 + 0.0001) * 3
    found = fuse(torch.tensor([-5.0, 2.0], dtype=torch.float64), 7 * one, 3 * one)
    assert float(found) == pytest.approx(6 / 2.0001, abs=1e-12)
    # a weight without a feature only enters the sum: (1 * 7 + 2 * 3) / (1 + 2 + 4 + 0.0001)
    found = fuse(torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64), 7 * one, 3 * one)
    assert float(found) == pytest.approx(13 / 7.0001, abs=1e-12)
    assert float(fuse(torch.tensor([-1.0, -1.0]), one, one)) == 0


def test_pooling_pads_with_zeros_that_take_part():
    # even: windows start at rows 0 and 2 of 4, the last reaches the zero row below; odd: one zero row on each side
    even = torch.arange(-16.0, 0.0).reshape(1, 1, 4, 4)
    assert pool_same(even).flatten().tolist() == [-6, 0, 0, 0]
    odd = torch.arange(-9.0, 0.0).reshape(1, 1, 3, 3)
    assert pool_same(odd).flatten().tolist() == [0, 0, 0, 0]
    assert pool_same(odd + 10).flatten().tolist() == [5, 6, 8, 9]


def test_the_channel_shuffle_parts_neighbours():
    # 6 channels in 2 groups: (3, 2) = (0 1)(2 3)(4 5), swapped: 0 2 4 1 3 5
    assert ChannelShuffle(2)(torch.arange(6.0).view(1, 6, 1, 1)).flatten().tolist() == [0, 2, 4, 1, 3, 5]


def test_the_zoo_is_listed_and_described_without_torch():
    program = """
import sys
from archscope.models import zoo_models, zoo_spec
assert zoo_spec("baseline", bifpn_channels=32).components
assert all(model.description for model in zoo_models())
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_every_zoo_name_and_alias_makes_a_spec_of_that_name():
    assert [model.name for model in zoo_models()] == sorted(ZOO)
    for alias, name in ALIASES.items():
        assert zoo_spec(alias).name == zoo_spec(name).name == name
        assert zoo_spec(alias).source == f"zoo:{name}"


def test_a_spec_survives_pickling_into_another_process():
    spec = pickle.loads(pickle.dumps(zoo_spec("baseline", bifpn_cells=1)))  # noqa: S301 - our own bytes
    with torch.device("meta"):
        assert len(spec.build().bifpn) == 1


def test_every_module_belongs_to_one_component_by_its_top_name(baseline):
    named = {pattern.removesuffix(".**") for part in zoo_spec("baseline").components for pattern in part.patterns}
    tops = {name for name, _ in baseline.named_children()}
    covered = {"bacbkbone_*_cbam": 3, "bif_cbam_*": 3, "ssh*": 6}
    assert named == {"body", "bifpn", "ClassHead", "BboxHead", "LandmarkHead", *covered}
    assert len(tops) == len(named) - len(covered) + sum(covered.values())


def test_an_unknown_model_names_near_ones():
    with pytest.raises(SpecError) as caught:
        zoo_spec("basline")
    assert "did you mean baseline" in caught.value.help
    assert "featherface-baseline" in caught.value.help


@pytest.mark.parametrize(
    ("options", "what", "help_"),
    [
        ({"bifpn_chanels": 32}, "no option 'bifpn_chanels'", "did you mean bifpn_channels"),
        ({"bifpn_channels": 30}, "bifpn_channels=30 is not a multiple of 8 from 8 to 256", ""),
        ({"bifpn_channels": "many"}, "'many' is no integer", ""),
        ({"bifpn_cells": True}, "bifpn_cells=True is not an integer from 1 to 8", ""),
        ({"bifpn_cells": 2.0}, "bifpn_cells=2.0 is not an integer", ""),
        ({"head": "share"}, "head='share' is unknown", "did you mean shared"),
        ({"head_channels": 16}, "width of a shared trunk", "head=shared"),
        ({"cbam_reduction": 32, "bifpn_channels": 16}, "leaves no hidden channel", "at most 16"),
        ({"ssh_groups": 3}, "ssh_groups=3 does not divide bifpn_channels = 64", "divides"),
        ({"ssh_groups": 8, "ssh_channels": 16}, "does not divide ssh_channels / 4 = 4", "divides"),
    ],
)
def test_options_that_cannot_be_are_refused_with_the_reason(options, what, help_):
    with pytest.raises(OptionError) as caught:
        zoo_spec("baseline", **options)
    assert what in caught.value.what
    assert help_ in caught.value.help


def test_an_integer_option_may_come_as_text():
    values = {option.name: option.value for option in zoo_spec("baseline", bifpn_channels="32").options}
    assert values["bifpn_channels"] == 32
