"""Parts of transformers that take more than words and pictures: grids of patches, halves of a model, spectrograms."""

from __future__ import annotations

import pytest
import torch
import transformers
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import archscope
from archscope.errors import BuildError, ForwardError
from archscope.sources import load
from archscope.spec import InputSpec

SMALL = {"depth": 2, "hidden_size": 64, "num_heads": 4, "intermediate_size": 128, "out_hidden_size": 64}


def counted(name, config, **call):
    """MACs of a run with real tensors, by torch's own counter, which does not know the CPU's fused attention."""
    model = getattr(transformers, name)(config).eval()
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(**call)
    return counter.get_total_flops() // 2


def test_a_tower_of_patches_runs_on_meta_with_the_grid_as_values():
    fields = {**SMALL, "num_position_embeddings": 256, "deepstack_visual_indexes": [1]}
    spec = load("hf:Qwen3VLVisionConfig", **fields)
    assert [(one.name, one.shape, one.values) for one in spec.inputs] == [
        ("hidden_states", (196, 3 * 2 * 16 * 16), ()),
        ("grid_thw", (1, 3), (1, 14, 14)),
    ]
    report = archscope.analyze(spec)
    assert (report.model.device, report.totals.complete) == ("meta", True)
    assert report.value_dependent  # the grid decides how much there is to do, and the model reads it
    patches, grid = torch.rand(196, 1536), torch.tensor([[1, 14, 14]])
    config = transformers.Qwen3VLVisionConfig(**fields)
    assert report.totals.macs == counted("Qwen3VLVisionModel", config, hidden_states=patches, grid_thw=grid)


def test_a_grid_is_a_multiple_of_what_is_merged():
    spec = load("hf:Qwen2VLVisionConfig", patch_size=16, spatial_merge_size=4)
    assert spec.inputs[1].values == (1, 12, 12)  # 224 / 16 = 14, and 14 is no multiple of 4


def test_patches_in_a_batch_come_with_a_mask_that_hides_nothing():
    spec = load("hf:Siglip2VisionConfig", num_hidden_layers=1)
    found = {one.name: (one.shape, one.values) for one in spec.inputs}
    assert found == {
        "pixel_values": ((1, 256, 3 * 16 * 16), ()),
        "spatial_shapes": ((1, 2), (16, 16)),
        "pixel_attention_mask": ((1, 256), (1,)),
    }
    assert archscope.analyze(spec).totals.complete


@pytest.mark.parametrize(
    ("name", "options", "shapes"),
    [
        ("Blip2QFormerConfig", {}, {"query_embeds": (1, 128, 768), "encoder_hidden_states": (1, 128, 1408)}),
        ("SpeechT5HifiGanConfig", {}, {"spectrogram": (1, 1000, 80)}),
        ("GraniteSpeechEncoderConfig", {"num_layers": 2}, {"hidden_states": (1, 128, 160)}),
        ("Sam2Config", {}, {"pixel_values": (1, 3, 1024, 1024)}),
        ("BarkFineConfig", {"num_layers": 1}, {"codebook_idx": (1,), "input_ids": (1, 128, 8)}),
        ("MllamaVisionConfig", {}, {"pixel_values": (1, 1, 4, 3, 448, 448), "aspect_ratio_ids": (1, 1)}),
    ],
)
def test_parts_get_what_their_signature_documentation_and_configuration_tell(name, options, shapes):
    spec = load(f"hf:{name}", **options)
    found = {one.name: one.shape for one in spec.inputs}
    assert {key: found.get(key) for key in shapes} == shapes


def test_a_tokenizer_of_pictures_without_a_forward_is_measured_by_its_encode():
    spec = load("hf:ChameleonVQVAEConfig", base_channels=32, num_res_blocks=1, channel_multiplier=[1, 2])
    assert spec.inputs.method == "encode"
    assert "encode" in spec.description
    assert archscope.analyze(spec).totals.complete


def test_a_whole_without_a_forward_names_a_part_that_has_one():
    spec = load("hf:BarkConfig")
    assert spec.inputs == ()
    assert spec.description.endswith("name a part of it, hf:BarkSemanticConfig")


def test_a_hybrid_none_of_whose_layers_attends_runs_without_a_cache():
    spec = load("hf:BambaConfig", num_hidden_layers=1, hidden_size=64, mamba_n_heads=4, mamba_d_head=32, vocab_size=99)
    assert archscope.analyze(spec).totals.complete


def test_a_constructor_that_fails_for_its_fields_is_not_told_to_be_too_large(monkeypatch):
    monkeypatch.setattr("archscope.measure.running.memory_limit.most_bytes", lambda: 10**6)
    with pytest.raises(BuildError, match="transformers cannot build Dots1Model as configured: TypeError"):
        archscope.analyze(load("hf:Dots1Config"))


def test_what_the_code_of_a_model_refuses_is_not_built_again_and_told_in_a_line():
    spec = load("hf:Blip2Config")
    built = []
    build = spec.build

    def watched():
        built.append(torch.get_default_device().type)
        return build()

    object.__setattr__(spec, "build", watched)
    with pytest.raises(ForwardError) as caught:
        archscope.analyze(spec)
    assert built == ["meta"]
    assert "\n" not in caught.value.what
    assert len(caught.value.what + caught.value.help) < 300
    assert "--set FIELD=VALUE" in caught.value.help


def test_values_of_an_input_stay_on_every_device_and_are_repeated():
    class Splits(torch.nn.Module):
        def forward(self, x, lengths):
            return [part @ part.T for part in x.split(lengths.tolist())]

    inputs = [InputSpec(shape=(6, 5)), InputSpec(shape=(3,), dtype="int64", values=(1, 2))]
    with pytest.raises(ForwardError):
        archscope.analyze(Splits(), inputs)  # 1 + 2 + 1 are not 6
    inputs[0] = InputSpec(shape=(4, 5))
    report = archscope.analyze(Splits(), inputs)
    assert report.model.device == "meta"
    assert report.totals.macs == 5 * (1 + 4 + 1)
