"""Restated figures of counters that see operators, held against the real counters on whole networks."""

from __future__ import annotations

import logging
import warnings

import pytest
import torch
import transformers
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import archscope
from archscope.judge.conventions import FLOPS, FVCORE, MACS, TORCH, apply
from archscope.measure.measuring import trace_spec

IMAGE, WORDS = torch.zeros(1, 3, 64, 64), torch.zeros(1, 12, dtype=torch.int64)
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
TEXT = {**SMALL, "vocab_size": 99}
VISION = {**SMALL, "image_size": 64}
STAGES = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 2]}
NETWORKS = {
    "ResNet": (STAGES | {"layer_type": "basic"}, IMAGE),
    "RegNet": (STAGES | {"groups_width": 8}, IMAGE),
    "ConvNext": ({"hidden_sizes": [8, 16], "depths": [1, 2], "num_stages": 2}, IMAGE),
    "ConvNextV2": ({"hidden_sizes": [8, 16], "depths": [1, 2], "num_stages": 2}, IMAGE),
    "MobileNetV1": ({"depth_multiplier": 0.25}, IMAGE),
    "MobileNetV2": ({"depth_multiplier": 0.35}, IMAGE),
    "PoolFormer": ({"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1]}, IMAGE),
    "Segformer": ({"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 1, 2, 2]}, IMAGE),
    "Albert": (TEXT | {"embedding_size": 32}, WORDS),
    "Bit": ({"hidden_sizes": [128, 256], "depths": [1, 1], "embedding_size": 32}, IMAGE),
    "Swin": ({"embed_dim": 12, "depths": [1, 1], "num_heads": [2, 4], "image_size": 64, "window_size": 4}, IMAGE),
    "ViT": (VISION, IMAGE),
    "DeiT": (VISION, IMAGE),
    "Bert": (TEXT, WORDS),
    "Roberta": (TEXT, WORDS),
    "Electra": (TEXT | {"embedding_size": 32}, WORDS),
    "DistilBert": ({"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64, "vocab_size": 99}, WORDS),
    "GPT2": ({"n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 99}, WORDS),
    "Llama": (TEXT, WORDS),
    "Qwen2": (TEXT | {"num_key_value_heads": 2}, WORDS),
    "OPT": (TEXT | {"ffn_dim": 64, "word_embed_proj_dim": 32}, WORDS),
}


def network(name: str, attention: str = "eager") -> nn.Module:
    config = getattr(transformers, f"{name}Config")(**NETWORKS[name][0])
    config._attn_implementation = attention
    return getattr(transformers, f"{name}Model")(config).eval()


class AsTuple(nn.Module):
    """torch.jit traces no output classes."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(value for value in self.model(inputs).values() if isinstance(value, torch.Tensor))


def fvcore_total(model: nn.Module, inputs: torch.Tensor) -> int:
    logging.getLogger("fvcore.nn.jit_analysis").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated, and tracing says where a model reads values
        from fvcore.nn import FlopCountAnalysis

        counter = FlopCountAnalysis(AsTuple(model), inputs)
        counter.unsupported_ops_warnings(enabled=False)
        counter.uncalled_modules_warnings(enabled=False)
        return int(counter.total())


@pytest.mark.parametrize("name", NETWORKS)
def test_the_restated_figures_equal_fvcore_and_torchs_counter(name):
    model, inputs = network(name), NETWORKS[name][1]
    seen = archscope.trace(model, inputs)
    assert apply(FVCORE, seen).counted == fvcore_total(model, inputs)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(inputs)
    assert apply(TORCH, seen).counted == counter.get_total_flops()


@pytest.mark.parametrize("name", ["ViT", "Bert"])
def test_fvcore_does_not_see_the_products_inside_fused_attention(name):
    model, inputs = network(name, "sdpa"), NETWORKS[name][1]
    seen = archscope.trace(model, inputs)
    restated = apply(FVCORE, seen)
    assert restated.counted == fvcore_total(model, inputs)
    assert restated.counted < apply(MACS, seen).counted


@pytest.fixture(scope="module")
def baseline():
    return trace_spec(archscope.load("featherface-baseline"))


def test_the_baseline_by_fvcores_rule(baseline):
    # convolution + linear + 2 per batch-normalised element + 1 per upsampled element
    assert 953_473_600 + 24_576 + 2 * 14_775_200 + 1_536_000 == 984_584_576
    assert apply(FVCORE, baseline).counted == 984_584_576


def test_the_baseline_by_torchs_rule_and_by_archscopes_own(baseline):
    assert apply(TORCH, baseline).counted == 2 * (953_473_600 + 24_576)
    assert apply(MACS, baseline).counted == 1_243_802_176
    assert apply(FLOPS, baseline).counted == archscope.analyze(baseline).totals.flops
