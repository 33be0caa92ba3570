"""Sizes of the arguments of transformers: what its documentation calls them, looked up in a configuration."""

from __future__ import annotations

import ast
import re
from typing import Any

from archscope.sources.huggingface_axes import ONE, SEQUENCES

TOKENS = 128
SAMPLES = 16_000  # one second of audio at the sampling rate of speech models
FRAMES = 1_000  # ten seconds of a spectrogram with a hop of 10 ms
CLIP = 16  # frames of a video
_IMAGE = 224
_SIDES = frozenset({"height", "width", "image_size", "frame_size"})
_WIDTHS = frozenset({"hidden_size", "hidden_dim", "embed_dim", "dim", "embedding_dim", "d_model"})
_BINS = frozenset({"feature_dim", "feature_size", "num_mel_bins", "n_mels", "input_dim", "mel_bins", "n_mel_bins"})
_FEATURES: tuple[str, ...] = (
    "num_mel_bins",
    "feature_size",
    "feature_projection_input_dim",
    "input_feat_per_channel",
    "n_mels",
)
_FEATURES += ("num_mel_channels", "input_dim", "input_feature_size", "feature_dim", "input_feat_size")
_FEATURES += ("model_in_dim", "n_mel_bins", "mel_bins", "input_size", "mel_dim")
_CHANNELS = ("audio_channels", "in_channels", "num_channels")
_CROSSED = ("cross_attention_hidden_size", "cross_hidden_size")
_SPECTROGRAMS = frozenset({"input_features", "spectrogram", "mel_spectrogram", "audio_mel", "audio_input_ids"})
_PARAGRAPH = r"^[ \t]*{}[ \t]*(?:\(|:)(?P<said>.*?)(?=\n[ \t]*\n|\n[ \t]*\w+[ \t]*(?:\(`|\(torch)|\Z)"
_SHAPES = (
    re.compile(r"shape\s*:?\s*`[(\[](?P<dims>[^`]*?)[)\]]`", re.DOTALL),
    re.compile(r"`[(\[](?P<dims>\w[^`]*?)[)\]]`", re.DOTALL),
    re.compile(r"\[(?P<dims>[\w*+, ]+)\]"),
)


def documented(name: str, function: Any) -> list[str]:
    """The names of the dimensions that the documentation of ``function`` gives its argument ``name``."""
    text = getattr(function, "__doc__", None) or ""
    told = re.search(_PARAGRAPH.format(re.escape(name)), text, re.MULTILINE | re.DOTALL)
    for form in _SHAPES if told else ():
        found = form.search(told["said"])  # type: ignore[index]  # there is none without it
        if found:
            return [dim.strip().strip("`*") for dim in found["dims"].split(",") if dim.strip()]
    return []


def size_of(name: str, dim: str, config: Any) -> int | None:  # noqa: C901, PLR0911 - one for each kind of dimension
    """How large the dimension ``dim`` of the argument ``name`` is; None where ``config`` does not tell."""
    dim = dim.replace("self.config.", "").replace("config.", "")
    audio = name == "input_values" or name in _SPECTROGRAMS
    if dim in ONE:
        return 1
    if dim.isdigit():
        return int(dim)
    if not dim.isidentifier():
        return _worked_out(name, dim, config)
    if name == "past_values" and SEQUENCES.fullmatch(dim):
        return (number(config, "context_length") or TOKENS) + int(max(getattr(config, "lags_sequence", None) or [0]))
    if SEQUENCES.fullmatch(dim) or (audio and dim in {"num_frames", "frames", "num_samples", "max_num_frames"}):
        return SAMPLES if name == "input_values" else FRAMES if name in _SPECTROGRAMS else tokens(config)
    if dim in _BINS:
        return number(config, *_FEATURES)
    if dim in {"channels", "num_channels", "image_channels"}:
        return number(config, *_CHANNELS) or (1 if audio else 3)
    if dim in _SIDES:
        return image(config)[-1]
    if name == "encoder_hidden_states" and (dim == "features" or dim in _WIDTHS):
        return number(config, "encoder_hidden_size", *_CROSSED, "hidden_size", "d_model")
    if dim in _WIDTHS:
        return number(config, "hidden_size", "d_model", "hidden_dim", "embed_dim", "dim")
    if dim == "features":
        return number(config, "input_dim", "input_size", "hidden_size", "d_model", "hidden_dim", "embed_dim", "dim")
    if dim in {"grid_height", "grid_width"}:
        return image(config)[-1] // (number(config, "patch_size") or 1)
    counted = "num_" in dim or dim.endswith("tokens") or dim == "frames"  # as many as one likes
    return number(config, dim) or (tokens(config) if counted else None)


def _worked_out(name: str, dim: str, config: Any) -> int | None:
    """A dimension that is written as a sum, a product or a power of others."""
    try:
        return _value(ast.parse(dim, mode="eval").body, name, config)
    except (SyntaxError, TypeError):
        return None


def _value(node: ast.AST, name: str, config: Any) -> int:  # noqa: PLR0911 - one for each kind of term
    match node:
        case ast.Constant(value=int()):
            return node.value  # type: ignore[return-value]  # which the pattern says
        case ast.Name():
            return size_of(name, node.id, config) or _unknown()
        case ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=field)]):
            return len(getattr(config, field, ())) or _unknown()
        case ast.BinOp(op=ast.Mult()):
            return _value(node.left, name, config) * _value(node.right, name, config)
        case ast.BinOp(op=ast.Add()):
            return _value(node.left, name, config) + _value(node.right, name, config)
        case ast.BinOp(op=ast.Pow(), right=ast.Constant(value=2)):
            return _value(node.left, name, config) ** 2
    return _unknown()


def _unknown() -> int:
    raise TypeError


def number(config: Any, *names: str) -> int | None:
    """The first of these fields that is a number, of the configuration or of one of its parts."""
    for part in parts(config):
        for name in names:
            value = getattr(part, name, None)
            if type(value) is int and value > 0:
                return value
    return None


def parts(config: Any) -> list[Any]:
    """A configuration and those that are fields of it."""
    return [config, *(value for value in vars(config).values() if isinstance(getattr(value, "model_type", None), str))]


def tokens(config: Any) -> int:
    """The length of a text: 128, or as long as it may be."""
    text = getattr(config, "text_config", None) or getattr(config, "decoder", None) or config
    most = getattr(text, "max_position_embeddings", None) or TOKENS
    return min(TOKENS, most) if most > 0 else TOKENS  # XLNet writes -1 for any number


def image(config: Any, *, frames: bool = True) -> tuple[int, ...]:
    """The shape of a picture, or of a video where the configuration has frames: batch, channels, height, width."""
    whole = config
    config = getattr(config, "vision_config", None) or getattr(config, "encoder", None) or config
    size = _side_of_image(config) or _side_of_image(whole) or _IMAGE
    height, width = (size, size) if isinstance(size, int) else tuple(size)
    clip = (config.num_frames,) if frames and hasattr(config, "num_frames") else ()
    return (1, *clip, getattr(config, "num_channels", 3), height, width)


def _side_of_image(config: Any) -> Any:
    """The size of a picture as the configuration tells it, or one of its parts, or theirs."""
    if ratios := getattr(config, "scaled_images_ratios", None):  # the smallest of its copies is one patch
        return int(config.patch_size / min(ratios))
    inner = parts(config)[1:]
    for part in (config, *inner, *(deeper for one in inner for deeper in parts(one)[1:])):
        timm_size = (getattr(part, "model_args", None) or {}).get("img_size")  # of a model that timm makes
        if found := getattr(part, "image_size", None) or timm_size:
            windows = getattr(part, "num_windows", None)
            step = part.patch_size * windows if windows and isinstance(found, int) else 1
            return found // step * step or found if step > 1 else found
    return None
