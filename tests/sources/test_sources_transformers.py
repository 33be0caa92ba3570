"""Classes of transformers that AutoModel does not map, the inputs of each kind, and a library that stays as it was."""

from __future__ import annotations

import pytest
import torch
import transformers
from transformers import masking_utils
from transformers.modeling_utils import PreTrainedModel
from transformers.utils import import_utils

import archscope
from archscope.errors import BuildError, SpecError
from archscope.sources import load


@pytest.mark.parametrize(
    ("config", "model"),
    [
        ("ClapTextConfig", "ClapTextModel"),
        ("SiglipTextConfig", "SiglipTextModel"),
        ("AltCLIPVisionConfig", "AltCLIPVisionModel"),
        ("FunnelConfig", "FunnelModel"),  # which the library maps to two classes
    ],
)
def test_a_configuration_stands_for_the_model_of_its_own_module(config, model):
    parameters = archscope.analyze(load(f"hf:{config}")).totals.parameters
    with torch.device("meta"):
        built = getattr(transformers, model)(getattr(transformers, config)())
    assert parameters == sum(parameter.numel() for parameter in built.parameters())


def test_a_part_that_is_no_model_is_refused_with_a_model_that_has_it():
    with pytest.raises(SpecError, match="describes a part of one") as caught:
        load("hf:SamMaskDecoderConfig")
    assert caught.value.help.startswith("name a model that has it: hf:Sam")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("BertConfig", {"input_ids": (1, 128)}),
        ("BartConfig", {"input_ids": (1, 128), "decoder_input_ids": (1, 128)}),
        ("CLIPConfig", {"input_ids": (1, 77), "pixel_values": (1, 3, 224, 224)}),
        ("LlavaConfig", {"input_ids": (1, 128)}),
        ("DacConfig", {"input_values": (1, 1, 16_000)}),
        ("Wav2Vec2Config", {"input_values": (1, 16_000)}),
        ("WhisperConfig", {"input_features": (1, 80, 3000), "decoder_input_ids": (1, 128)}),
        ("LayoutLMConfig", {"input_ids": (1, 128), "bbox": (1, 128, 4)}),
    ],
)
def test_inputs_follow_what_forward_takes(name, shapes):
    spec = load(f"hf:{name}")
    assert {one.name: one.shape for one in spec.inputs} == shapes
    assert ("text alone" in spec.description) == (name == "LlavaConfig")


@pytest.mark.parametrize("name", ["IBertConfig", "RoFormerConfig", "BartConfig"])
def test_warnings_about_padding_and_masks_do_not_send_a_model_to_the_cpu(name):
    functions = [
        masking_utils._ignore_causal_mask_sdpa,
        masking_utils._ignore_bidirectional_mask_sdpa,
        import_utils.torch_compilable_check,
        PreTrainedModel.warn_if_padding_and_no_attention_mask,
    ]
    report = archscope.analyze(load(f"hf:{name}"))
    assert (report.model.device, report.model.fallback, report.value_dependent) == ("meta", "", ())
    assert report.totals.complete
    assert functions == [
        masking_utils._ignore_causal_mask_sdpa,
        masking_utils._ignore_bidirectional_mask_sdpa,
        import_utils.torch_compilable_check,
        PreTrainedModel.warn_if_padding_and_no_attention_mask,
    ]


def test_a_configuration_that_the_library_cannot_build_says_so_in_a_few_words():
    with pytest.raises(BuildError, match="transformers cannot build InformerModel as configured") as caught:
        archscope.analyze(load("hf:InformerConfig"))
    assert len(caught.value.what) < 300
    assert "--set FIELD=VALUE" in caught.value.help


def test_the_default_of_an_option_is_what_the_configuration_says_without_it():
    spec = load("hf:MixtralConfig", num_hidden_layers=2, vocab_size=100)
    assert {option.name: (option.value, option.default) for option in spec.options} == {
        "num_hidden_layers": (2, 32),
        "vocab_size": (100, 32_000),
    }
