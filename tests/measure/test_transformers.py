"""Architectures of transformers: nothing uncounted, parameters once, MACs as torch's own counter has them."""

from __future__ import annotations

import warnings

import pytest
import torch
from architectures import ARCHITECTURES, build, config_of, inputs_of
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from archscope import Inputs, analyze, trace

# The operators that torch's counter knows; its rules count 2 flops for each MAC. Fused attention it sees taken apart:
# on meta torch runs it so, whatever runs on a device.
KNOWN_TO_TORCH = {str(packet).replace(".", "::") for packet in flop_registry}
KNOWN_TO_TORCH |= {"aten::_scaled_dot_product_flash_attention_for_cpu"}


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what transformers warns of is not ours
        yield


def measured(model, shapes, device="meta"):
    return analyze(trace(model, Inputs(kwargs=inputs_of(shapes)), device=device))


def by_torch(model, shapes):
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(**inputs_of(shapes))
    return counter.get_total_flops() / 2


def heavy(report):
    return {row.op.partition(".")[0] for row in report.operators if row.macs}


# Where torch's counter has no figure to compare with.
GROUPED = "its experts' grouped products have no formula in torch"
BEYOND_TORCH = {
    **dict.fromkeys(
        ("mixtral", "qwen2_moe", "qwen3_moe", "olmoe", "phimoe", "deepseek_v3", "gpt_oss", "llama4_text"), GROUPED
    ),
    "xlnet": "torch's counter stops at a constant that the model makes on the CPU",
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture_is_counted_whole_and_as_by_torch(name):
    shapes = ARCHITECTURES[name]
    model = build(config_of(name, depth=2))
    report = measured(model, shapes)
    assert report.uncounted == ()
    assert report.totals.complete
    assert report.totals.parameters == sum(p.numel() for p in model.parameters())
    assert report.totals.macs > 0
    if name not in BEYOND_TORCH:
        assert heavy(report) <= KNOWN_TO_TORCH
        assert report.totals.macs == by_torch(model, shapes)


def test_at_least_sixty_architectures_of_every_kind_are_tried():
    assert len(ARCHITECTURES) >= 60
    assert set(BEYOND_TORCH) <= set(ARCHITECTURES)


# Of full size too; torch's counter takes too long for all of them.
HELD_AGAINST_TORCH = (
    *("bert", "gpt2", "llama", "t5", "vit", "resnet", "swin", "clip", "whisper", "wav2vec2", "mixtral", "yolos"),
)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture_of_full_size_is_counted_whole(name):
    model = build(config_of(name))
    report = measured(model, ARCHITECTURES[name])
    assert report.uncounted == ()
    assert report.totals.parameters == sum(p.numel() for p in model.parameters())
    if name in HELD_AGAINST_TORCH and name not in BEYOND_TORCH:
        assert report.totals.macs == by_torch(model, ARCHITECTURES[name])


def test_gpt2_costs_what_its_paper_sizes_say():
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config_of("gpt2")).eval()
    report = measured(model, {"input_ids": (1, 1024)})
    layers, width, tokens, words = 12, 768, 1024, 50257
    per_layer = tokens * 12 * width**2 + 2 * tokens**2 * width  # QKV, output, two of the MLP; QK^T and AV
    assert report.totals.macs == layers * per_layer + tokens * width * words == 145_824_153_600
    assert report.totals.parameters == 124_439_808


def test_a_mixture_of_experts_costs_what_its_router_picks():
    report = measured(build(config_of("mixtral", num_hidden_layers=1)), {"input_ids": (1, 256)})
    tokens, width, hidden, keys, experts, picked = 256, 4096, 14336, 1024, 8, 2
    attention = 2 * width * width + 2 * width * keys + 2 * tokens * width
    assert report.totals.macs == tokens * (attention + picked * 3 * width * hidden + width * experts)


ON_BOTH = ("bert", "gpt2", "t5", "vit", "resnet", "swin", "wav2vec2", "mamba", "olmoe")


@pytest.mark.parametrize("name", ON_BOTH)
def test_an_architecture_costs_the_same_macs_on_meta_and_cpu(name):
    small = {"num_experts": 16, "hidden_size": 64, "intermediate_size": 32} if name == "olmoe" else {}
    model = build(config_of(name, depth=2, **small))
    shapes = {
        key: (1, 3, 64, 64) if key == "pixel_values" and name == "resnet" else s
        for key, s in ARCHITECTURES[name].items()
    }
    assert measured(model, shapes, "cpu").totals.macs == measured(model, shapes).totals.macs


@pytest.mark.parametrize("name", ["bert", "resnet", "vit"])
def test_an_exported_architecture_costs_what_the_model_costs(name):
    model = build(config_of(name, depth=2))
    inputs = inputs_of(ARCHITECTURES[name])
    exported = torch.export.export(model, (), inputs)
    report = analyze(trace(exported.module(), Inputs(kwargs=inputs), device="meta"))
    assert report.uncounted == ()
    assert report.totals.macs == measured(model, ARCHITECTURES[name]).totals.macs
