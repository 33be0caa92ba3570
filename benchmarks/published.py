"""Figures that papers, model cards and libraries publish, as text with the digits that they have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

_IMAGE = {"pixel_values": (1, 3, 224, 224)}
_LABELS = {"num_labels": 1000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A model that a class of transformers builds from ``settings``, and what ``source`` says of it."""

    name: str
    cls: str
    source: str
    parameters: str = ""
    macs: str = ""
    active: str = ""
    inputs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


def _torchvision(name: str, cls: str, parameters: str, gmacs: str, **settings: Any) -> Published:
    settings |= _LABELS
    source = "torchvision, Weights.meta"
    return Published(
        name=name, cls=cls, source=source, parameters=parameters, macs=gmacs, inputs=_IMAGE, settings=settings
    )


def _card(name: str, cls: str, parameters: str, **settings: Any) -> Published:
    return Published(name=name, cls=cls, source="model card", parameters=parameters, settings=settings)


def _paper(name: str, cls: str, parameters: str, source: str, **settings: Any) -> Published:
    return Published(name=name, cls=cls, source=source, parameters=parameters, settings=settings)


def _pythia(name: str, parameters: str, shape: tuple[int, int, int], vocabulary: int = 50304) -> Published:
    width, layers, heads = shape
    sizes = {"hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": layers}
    return _card(
        f"Pythia {name}",
        "GPTNeoXForCausalLM",
        parameters,
        **sizes,
        num_attention_heads=heads,
        vocab_size=vocabulary,
        tie_word_embeddings=False,
    )


def _llama(name: str, parameters: str, shape: tuple[int, int, int, int], **settings: Any) -> Published:
    width, inner, layers, heads = shape
    settings = {"vocab_size": 128256, "num_key_value_heads": 8, "tie_word_embeddings": False} | settings
    sizes = {"hidden_size": width, "intermediate_size": inner, "num_hidden_layers": layers}
    return _card(name, "LlamaForCausalLM", parameters, **sizes, num_attention_heads=heads, **settings)


def _bloom(name: str, parameters: str, width: int, layers: int, heads: int) -> Published:
    return _card(
        f"BLOOM {name}", "BloomForCausalLM", parameters, hidden_size=width, n_layer=layers, n_head=heads,
        vocab_size=250880,
    )  # fmt: skip


FEATHERFACE = {
    "Backbone": (213_072, 332_851_200),
    "BiFPN": (112_606, 205_696_000),
    "SSH": (246_885, 686_380_800),
    "CBAM": (13_568, 1_670_976),
    "Heads": (6_240, 17_203_200),
    "total": (592_371, 1_243_802_176),
}

_RESNET, _VIT, _SWIN = "ResNetForImageClassification", "ViTForImageClassification", "SwinForImageClassification"
_CONVNEXT = "ConvNextForImageClassification"
_WIDE = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}

WITH_MACS = (
    Published(
        name="GPT-2 124M, 1,024 tokens", cls="GPT2LMHeadModel", parameters="124M", macs="145,824,153,600",
        source="nanoGPT, transformer_sizing: 291,648,307,200 FLOPs forward", inputs={"input_ids": (1, 1024)},
    ),
    _torchvision("ResNet-18", _RESNET, "11,689,512", "1.814G", layer_type="basic", depths=[2, 2, 2, 2],
                 hidden_sizes=[64, 128, 256, 512]),
    _torchvision("ResNet-34", _RESNET, "21,797,672", "3.664G", layer_type="basic", depths=[3, 4, 6, 3],
                 hidden_sizes=[64, 128, 256, 512]),
    _torchvision("ResNet-50", _RESNET, "25,557,032", "4.089G"),
    _torchvision("ResNet-101", _RESNET, "44,549,160", "7.801G", depths=[3, 4, 23, 3]),
    _torchvision("ResNet-152", _RESNET, "60,192,808", "11.514G", depths=[3, 8, 36, 3]),
    _torchvision("ViT-B/16", _VIT, "86,567,656", "17.564G"),
    _torchvision("ViT-B/32", _VIT, "88,224,232", "4.409G", patch_size=32),
    _torchvision("ViT-L/16", _VIT, "304,326,632", "61.555G", **_WIDE),
    _torchvision("ViT-L/32", _VIT, "306,535,400", "15.378G", **_WIDE, patch_size=32),
    _torchvision("Swin-T", _SWIN, "28,288,354", "4.491G"),
    _torchvision("Swin-S", _SWIN, "49,606,258", "8.741G", depths=[2, 2, 18, 2]),
    _torchvision("Swin-B", _SWIN, "87,768,224", "15.431G", depths=[2, 2, 18, 2], embed_dim=128,
                 num_heads=[4, 8, 16, 32]),
    _torchvision("ConvNeXt-T", _CONVNEXT, "28,589,128", "4.456G"),
    _torchvision("ConvNeXt-S", _CONVNEXT, "50,223,688", "8.684G", depths=[3, 3, 27, 3]),
    _torchvision("ConvNeXt-B", _CONVNEXT, "88,591,464", "15.355G", depths=[3, 3, 27, 3],
                 hidden_sizes=[128, 256, 512, 1024]),
    _torchvision("MobileNetV2", "MobileNetV2ForImageClassification", "3,504,872", "0.301G"),
    Published(
        name="RegNetY-4.0GF", cls="RegNetForImageClassification", parameters="20.6M", macs="4.0G",
        source="Radosavovic et al. 2020", inputs=_IMAGE, settings=_LABELS,
    ),
    Published(
        name="DeiT-S", cls=_VIT, parameters="22M", macs="4.6G", source="Touvron et al. 2021", inputs=_IMAGE,
        settings=_LABELS | {"hidden_size": 384, "intermediate_size": 1536, "num_attention_heads": 6},
    ),
)  # fmt: skip

WITH_PARAMETERS = (
    _paper("BERT-base", "BertModel", "110M", "Devlin et al. 2019"),
    _paper("BERT-large", "BertModel", "340M", "Devlin et al. 2019", **_WIDE),
    _paper("DistilBERT", "DistilBertModel", "66M", "Sanh et al. 2019"),
    _paper("ALBERT-base", "AlbertModel", "12M", "Lan et al. 2020", hidden_size=768, num_attention_heads=12,
           intermediate_size=3072),
    _paper("CLIP ViT-B/32", "CLIPModel", "151,277,313", "openai/CLIP, notebook"),
    _llama("Llama 2 7B", "6,738,415,616", (4096, 11008, 32, 32), vocab_size=32000, num_key_value_heads=32),
    _llama("Llama 2 13B", "13,015,864,320", (5120, 13824, 40, 40), vocab_size=32000, num_key_value_heads=40),
    _llama("Llama 2 70B", "68,976,648,192", (8192, 28672, 80, 64), vocab_size=32000),
    _llama("Llama 3 8B", "8,030,261,248", (4096, 14336, 32, 32)),
    _llama("Llama 3.1 70B", "70,553,706,496", (8192, 28672, 80, 64)),
    _llama("Llama 3.1 405B", "405,853,388,800", (16384, 53248, 126, 128)),
    _llama("TinyLlama 1.1B", "1,100,048,384", (2048, 5632, 22, 32), vocab_size=32000, num_key_value_heads=4),
    _card("Mistral 7B", "MistralForCausalLM", "7,241,732,096"),
    _card("Mixtral 8x7B", "MixtralForCausalLM", "46,702,792,704"),
    _card("Qwen2 7B", "Qwen2ForCausalLM", "7,615,616,512", hidden_size=3584, intermediate_size=18944,
          num_hidden_layers=28, num_attention_heads=28, num_key_value_heads=4, vocab_size=152064,
          tie_word_embeddings=False),
    _card("Gemma 7B", "GemmaForCausalLM", "8,537,680,896"),
    _card("Gemma 2 9B", "Gemma2ForCausalLM", "9,241,705,984", hidden_size=3584, intermediate_size=14336,
          num_hidden_layers=42, num_attention_heads=16, num_key_value_heads=8, head_dim=256),
    _card("Phi-2", "PhiForCausalLM", "2,779,683,840", hidden_size=2560, intermediate_size=10240,
          num_hidden_layers=32, num_attention_heads=32, partial_rotary_factor=0.4),
    _card("GPT-NeoX-20B", "GPTNeoXForCausalLM", "20,554,567,680"),
    _pythia("70M", "70,426,624", (512, 6, 8)),
    _pythia("160M", "162,322,944", (768, 12, 12)),
    _pythia("410M", "405,334,016", (1024, 24, 16)),
    _pythia("1B", "1,011,781,632", (2048, 16, 8)),
    _pythia("1.4B", "1,414,647,808", (2048, 24, 16)),
    _pythia("2.8B", "2,775,208,960", (2560, 32, 32)),
    _pythia("6.9B", "6,857,302,016", (4096, 32, 32), 50432),
    _pythia("12B", "11,846,072,320", (5120, 36, 40), 50688),
    _bloom("560M", "559,214,592", 1024, 24, 16),
    _bloom("1.1B", "1,065,314,304", 1536, 24, 16),
    _bloom("3B", "3,002,557,440", 2560, 30, 32),
    _bloom("7.1B", "7,069,016,064", 4096, 30, 32),
    _bloom("176B", "176,247,271,424", 14336, 70, 112),
    _card("Mamba 130M", "MambaForCausalLM", "129,135,360", hidden_size=768, num_hidden_layers=24),
)  # fmt: skip


def _mixture(name: str, cls: str, figures: tuple[str, str], source: str, **settings: Any) -> Published:
    parameters, active = figures
    shapes = {"input_ids": (1, 128)}
    return Published(
        name=name, cls=cls, source=source, parameters=parameters, active=active, inputs=shapes, settings=settings
    )


# Built in bfloat16, as they are published. OpenAI leaves the embedding of the tokens out of its active parameters.
MIXTURES = (
    _mixture("Mixtral 8x7B", "MixtralForCausalLM", ("46.7B", "12.9B"), "Mistral AI, announcement"),
    _mixture("Qwen1.5-MoE-A2.7B", "Qwen2MoeForCausalLM", ("14.3B", "2.7B"), "model card"),
    _mixture("Qwen3-30B-A3B", "Qwen3MoeForCausalLM", ("30.5B", "3.3B"), "model card", num_hidden_layers=48,
             num_key_value_heads=4, head_dim=128),
    _mixture("Phi-3.5-MoE", "PhimoeForCausalLM", ("42B", "6.6B"), "Abdin et al. 2024"),
    _mixture("DeepSeek-V3", "DeepseekV3ForCausalLM", ("671B", "37B"), "DeepSeek-AI 2024"),
    _mixture("gpt-oss-120b", "GptOssForCausalLM", ("116.8B", "5.1B"), "OpenAI 2025, without the embedding"),
    _mixture("gpt-oss-20b", "GptOssForCausalLM", ("20.9B", "3.6B"), "OpenAI 2025, without the embedding",
             num_hidden_layers=24, num_local_experts=32),
)  # fmt: skip
