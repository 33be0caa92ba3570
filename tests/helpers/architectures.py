"""Architectures of transformers, built from their own configs: two layers deep for tests, whole for the benchmarks."""

from __future__ import annotations

import contextlib
import warnings

import torch

TOKENS = {"input_ids": (1, 8)}
BOTH = {"input_ids": (1, 8), "decoder_input_ids": (1, 8)}
IMAGE = {"pixel_values": (1, 3, 224, 224)}
PAIR = {"input_ids": (1, 8), "pixel_values": (1, 3, 224, 224)}
SOUND = {"input_values": (1, 16000)}

TEXT = (
    *("albert", "bert", "bloom", "codegen", "cohere", "ctrl", "diffllama", "distilbert", "electra", "falcon", "fnet"),
    *("gemma2", "gpt2", "gpt_neo", "gpt_neox", "gptj", "granite", "llama", "mistral", "mobilebert", "modernbert"),
    *("mpnet", "mpt", "olmo2", "opt", "persimmon", "phi", "phi3", "qwen2", "qwen3", "roberta", "stablelm", "xlnet"),
)
ENCODER_DECODER = ("t5", "mt5", "longt5", "pegasus_x", "prophetnet")
VISION = (
    *("beit", "bit", "cvt", "deit", "dinov2", "focalnet", "hiera", "ijepa", "levit", "mobilenet_v2", "poolformer"),
    *("pvt", "regnet", "resnet", "segformer", "swiftformer", "swin", "swinv2", "vit"),
)
OF_SOUND = ("data2vec-audio", "hubert", "sew", "unispeech", "wav2vec2", "wavlm")
PAIRS = ("altclip", "chinese_clip", "clip", "siglip")
OF_THEIR_OWN = {
    "audio-spectrogram-transformer": {"input_values": (1, 1024, 128)},
    "whisper": {"input_features": (1, 80, 3000), "decoder_input_ids": (1, 8)},
    "dac": {"input_values": (1, 1, 24000)},
    "timesformer": {"pixel_values": (1, 16, 3, 224, 224)},
    "blip": {"input_ids": (1, 8), "pixel_values": (1, 3, 384, 384)},
    "owlvit": {"input_ids": (1, 8), "pixel_values": (1, 3, 768, 768)},
    "dpt": {"pixel_values": (1, 3, 384, 384)},
    "mobilevit": {"pixel_values": (1, 3, 256, 256)},
}
DETECTION = {
    "yolos": {"pixel_values": (1, 3, 512, 864)},
    "rt_detr": IMAGE,
    "owlvit": {"input_ids": (1, 8), "pixel_values": (1, 3, 768, 768)},
}
MULTIMODAL = ("llava", "idefics3", "qwen2_vl", "git")
EXPERTS = ("mixtral", "qwen2_moe", "qwen3_moe", "olmoe", "phimoe", "deepseek_v3", "gpt_oss", "llama4_text")
STATE_SPACE = ("mamba", "mamba2", "falcon_mamba", "falcon_h1", "rwkv", "lfm2")

ARCHITECTURES = {
    **dict.fromkeys((*TEXT, *MULTIMODAL, *EXPERTS, *STATE_SPACE), TOKENS),
    **dict.fromkeys(ENCODER_DECODER, BOTH),
    **dict.fromkeys(VISION, IMAGE),
    **dict.fromkeys(OF_SOUND, SOUND),
    **dict.fromkeys(PAIRS, PAIR),
    **OF_THEIR_OWN,
    **DETECTION,
}

_DEPTHS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "decoder_layers")
_DEPTHS += ("num_decoder_layers", "num_encoder_layers")
_PARTS = ("text_config", "vision_config", "audio_config")


def config_of(name, *, depth=None, **overrides):
    """The config that transformers gives ``name``, cut to ``depth`` layers."""
    from transformers import CONFIG_MAPPING

    config = CONFIG_MAPPING[name](**overrides)
    if depth is not None:
        _cut(config, depth)
    return config


def _cut(config, depth):
    for name in _DEPTHS:
        if isinstance(getattr(config, name, None), int):
            with contextlib.suppress(NotImplementedError):  # where the config has a name of its own for it
                setattr(config, name, depth)
    if "layer_types" in vars(config):
        config.layer_types = config.layer_types[:depth]
    for name in _PARTS:
        part = getattr(config, name, None)
        if part is not None and not isinstance(part, dict):
            _cut(part, depth)


def build(config):
    """The bare model of ``config`` on meta, in eval mode."""
    from transformers import AutoModel

    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")
        return AutoModel.from_config(config).eval()


def inputs_of(shapes, device="meta"):
    """Tensors of these shapes: tokens are integers, all else is floating."""
    return {
        name: torch.ones(shape, dtype=torch.long if name.endswith("_ids") else torch.float32, device=device)
        for name, shape in shapes.items()
    }
