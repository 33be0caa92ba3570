"""What the forward of a model of transformers takes, one sample of each argument, worked out from its configuration.

Sizes are those that the configuration gives; where it gives none: 128 tokens, images of 224 pixels, one second of
audio, 1,000 frames of a spectrogram. What arguments look like otherwise is read in the documentation of ``forward``.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from archscope.sources.huggingface_axes import ONE, SEQUENCES, axes_of
from archscope.spec import InputSpec

_TOKENS = 128
_MOST_SIZE = 10**9
_SAMPLES = 16_000  # one second of audio at the sampling rate of speech models
_FRAMES = 1_000  # ten seconds of a spectrogram with a hop of 10 ms
_CLIP = 16  # frames of a video
_PATCHES = 2_048  # of a picture of a document
_BESIDE_TEXT = ("pixel_values", "input_features", "input_values", "pixel_values_videos", "bbox")
_PLACEHOLDER = re.compile(r"\w*(?:image|video|audio|vision|speech|media)\w*_(?:token_id|token_index|token)")
_SIDES = frozenset({"height", "width", "image_size", "frame_size"})
_FEATURES: tuple[str, ...] = (
    "num_mel_bins",
    "feature_size",
    "feature_projection_input_dim",
    "input_feat_per_channel",
    "n_mels",
)
_FEATURES += ("num_mel_channels", "input_dim", "input_feature_size", "feature_dim", "input_feat_size")
_FEATURES += ("model_in_dim",)
_CHANNELS = ("audio_channels", "in_channels", "num_channels")
_DOCUMENTED = r"^\s*{}\s*\(`[^`]*`[^`\n]*`\(([^)`]*)\)`"


def inputs_of(model_class: Any, config: Any) -> tuple[tuple[InputSpec, ...], str]:
    """The inputs of ``model_class.forward`` and what must be said of them.

    There are none where the configuration and the library's documentation do not tell a size.
    """
    try:
        accepted = dict(list(inspect.signature(model_class.forward).parameters.items())[1:])
        names = list(dict.fromkeys(_arguments(model_class, config, accepted)))
    except (TypeError, ValueError, AttributeError, ImportError):  # the class stands for a library that is missing
        return (), ""
    inputs, unknown = [], []
    for name in names:
        shape = _known_shape(name, model_class, config)
        if shape is None:
            unknown.append(name)
        else:
            axes = axes_of(name, shape, _documented(name, model_class))
            inputs.append(InputSpec(shape=shape, dtype=_dtype(name, config), name=name, axes=axes))
    if unknown or not inputs:
        wanted = " ".join(f"--input {name}=SIZES" for name in (unknown or list(accepted))[:4])
        return (), f"its inputs are not known: give {wanted}"
    return tuple(inputs), _left_out(names, accepted)


def _arguments(model_class: Any, config: Any, accepted: dict[str, inspect.Parameter]) -> Iterator[str]:
    """The names of the arguments to give: those without a default, the main one, and what a pair of towers takes."""
    main = model_class.main_input_name
    required = [
        name
        for name, parameter in accepted.items()
        if parameter.default is parameter.empty and parameter.kind == parameter.POSITIONAL_OR_KEYWORD
    ]
    given = [name for name in ([main] if isinstance(main, str) else main) if name in accepted]
    if not required and not given:
        given = [name for name in ("input_ids", *_BESIDE_TEXT) if name in accepted][:1]
    yield from required
    yield from given if not required or set(given) & {"input_ids"} else ()
    if getattr(config, "is_encoder_decoder", False) and "decoder_input_ids" in accepted:
        yield "decoder_input_ids"
    if "input_ids" in {*required, *given} and not _has_placeholders(model_class, config):
        yield from [name for name in _BESIDE_TEXT if name in accepted]


def _has_placeholders(model_class: Any, config: Any) -> bool:
    """Whether tokens of the text stand for pictures or sounds: without them, the text runs alone."""
    marked = any(_PLACEHOLDER.fullmatch(key) for part in _parts(config) for key in vars(part))
    return marked or bool(model_class.can_generate())


def _left_out(names: list[str], accepted: dict[str, inspect.Parameter]) -> str:
    beside = [name for name in _BESIDE_TEXT if name in accepted and name not in names]
    if not beside or "input_ids" not in names:
        return ""
    return f"measured on text alone; {beside[0]} and the tokens that stand for it are given in Python"


def _known_shape(name: str, model_class: Any, config: Any) -> tuple[int, ...] | None:
    try:
        shape = _shape(name, model_class, config)
    except (TypeError, ValueError, AttributeError, KeyError):  # a field holds what it never does
        return None
    sound = shape is not None and all(type(size) is int and 0 < size < _MOST_SIZE for size in shape)
    return shape if sound else None


def _shape(  # noqa: C901, PLR0911 - one for each kind of argument
    name: str, model_class: Any, config: Any
) -> tuple[int, ...] | None:
    dims = _documented(name, model_class)
    match name:
        case "input_ids" | "decoder_input_ids":
            return (_number(config, "num_codebooks") or 1 if "*" in "".join(dims[:1]) else 1, _tokens(config))
        case "bbox":
            return (1, _tokens(config), 4)
        case "pixel_values" if "Matching" in model_class.__name__:
            return (1, 2, *_image(config)[1:])
        case "pixel_values" if len(dims) != len(("batch_size", "num_patches", "patch_dim")):
            return _image(config)
        case "hidden_states" if model_class.main_input_name == "pixel_values":
            return _image(config)
        case "flattened_patches":
            return (1, _PATCHES, 2 + int(_number(config, "patch_embed_hidden_size") or 0))
        case "inputs" if getattr(config, "encoder", None) is not None:
            return (1, _SAMPLES)
        case "input_values" if any(hasattr(part, "dac_config") for part in _parts(config)):
            return (1, 1, _SAMPLES)
        case "input_features" if (bins := _number(config, "num_mel_bins")) and _number(config, "spec_size"):
            return (1, 1, _FRAMES + 1, bins)
        case "pixel_values_videos":
            frames = _number(config, "num_frames", "frames_per_clip") or _CLIP
            return (1, frames, *_image(config, frames=False)[1:])
        case "input_features" if (bins := _number(config, "num_mel_bins")) and _number(config, "max_source_positions"):
            return (1, bins, 2 * int(_number(config, "max_source_positions") or 0))
        case "input_values" if (bins := _number(config, "num_mel_bins")) and _number(config, "max_length"):
            return (1, int(_number(config, "max_length") or 0), bins)
    sizes = [_size(name, dim, config) for dim in dims]
    return tuple(sizes) if sizes and all(sizes) else None  # type: ignore[arg-type]  # none of them is None


def _documented(name: str, model_class: Any) -> list[str]:
    """The names of the dimensions that the documentation of ``forward`` gives for ``name``; empty when none."""
    found = re.search(_DOCUMENTED.format(re.escape(name)), model_class.forward.__doc__ or "", re.MULTILINE)
    return [dim.strip().strip("`*") for dim in found[1].split(",") if dim.strip()] if found else []


def _size(name: str, dim: str, config: Any) -> int | None:  # noqa: PLR0911 - one for each kind of dimension
    audio = name in {"input_values", "input_features"}
    if dim in ONE:
        return 1
    if dim.isdigit():
        return int(dim)
    if name == "past_values" and SEQUENCES.fullmatch(dim):
        return (_number(config, "context_length") or _TOKENS) + int(max(getattr(config, "lags_sequence", None) or [0]))
    if SEQUENCES.fullmatch(dim) or (audio and dim in {"num_frames", "frames"}):
        return {"input_values": _SAMPLES, "input_features": _FRAMES}.get(name, _tokens(config))
    if dim in {"feature_dim", "feature_size", "num_mel_bins", "n_mels", "input_dim"}:
        return _number(config, *_FEATURES)
    if dim in {"channels", "num_channels"}:
        return _number(config, *_CHANNELS) or (1 if audio else 3)
    if dim in _SIDES:
        return _image(config)[-1]
    if dim in {"hidden_size", "hidden_dim", "embed_dim", "dim", "embedding_dim"}:
        return _number(config, "hidden_size", "d_model", "hidden_dim", "embed_dim", "dim")
    return _number(config, dim)


def _number(config: Any, *names: str) -> int | None:
    """The first of these fields that is a number, of the configuration or of one of its parts."""
    for part in _parts(config):
        for name in names:
            value = getattr(part, name, None)
            if type(value) is int and value > 0:
                return value
    return None


def _parts(config: Any) -> list[Any]:
    """A configuration and those that are fields of it."""
    return [config, *(value for value in vars(config).values() if isinstance(getattr(value, "model_type", None), str))]


def _tokens(config: Any) -> int:
    text = getattr(config, "text_config", None) or getattr(config, "decoder", None) or config
    most = getattr(text, "max_position_embeddings", None) or _TOKENS
    return min(_TOKENS, most) if most > 0 else _TOKENS  # XLNet writes -1 for any number


def _image(config: Any, *, frames: bool = True) -> tuple[int, ...]:
    config = getattr(config, "vision_config", None) or getattr(config, "encoder", None) or config
    size = getattr(config, "image_size", None) or 224
    height, width = (size, size) if isinstance(size, int) else tuple(size)
    clip = (config.num_frames,) if frames and hasattr(config, "num_frames") else ()
    return (1, *clip, getattr(config, "num_channels", 3), height, width)


def _dtype(name: str, config: Any) -> str:
    if name.endswith(("_ids", "_mask", "token_index", "_idx", "_shapes", "bbox")):
        return "int64"
    return str(getattr(config, "dtype", None) or "float32").removeprefix("torch.")
