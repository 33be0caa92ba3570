"""What the forward of a model of transformers takes, one sample of each argument, worked out from its configuration.

Sizes are those that the configuration gives; where it gives none: 128 tokens, images of 224 pixels, one second of
audio, 1,000 frames of a spectrogram. What arguments look like otherwise is read in the documentation of ``forward``.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from archscope.sources.huggingface_axes import axes_of
from archscope.sources.huggingface_patches import patch_inputs
from archscope.sources.huggingface_sizes import CLIP, FRAMES, SAMPLES, documented, image, number, parts, size_of, tokens
from archscope.spec import Inputs, InputSpec, LoneSize

_MOST_SIZE = 10**9
_PATCHES = 2_048  # of a picture of a document
_BESIDE_TEXT = ("pixel_values", "input_features", "input_values", "pixel_values_videos", "bbox")
_ALONE = (*_BESIDE_TEXT, "flattened_patches", "inputs_embeds", "hidden_states")
_PLACEHOLDER = re.compile(r"\w*(?:image|video|audio|vision|speech|media)\w*_(?:token_id|token_index|token)")
_CHANNELS_FIRST = re.compile(r"Conv1d\(\s*(?:self\.|config\.)+(?:num_mel_bins|n_mels|mel_bins)\b")
_TILED = 6  # dimensions of pictures in tiles: batch, pictures, tiles, channels, height, width

_WHOLE = (int, "int")

Arguments = Mapping[str, inspect.Parameter]


def inputs_of(model_class: Any, config: Any) -> tuple[tuple[InputSpec, ...] | Inputs, str]:
    """The inputs of ``model_class`` and what must be said of them.

    There are none where the configuration and the library's documentation do not tell a size. A model without a
    forward is called by its ``encode``.
    """
    try:
        method = "" if _has_forward(model_class) else "encode"
        function = getattr(model_class, method or "forward", None)
        if function is None:
            return (), f"{model_class.__name__} has no forward: {_part_of(config)}"
        accepted = dict(list(inspect.signature(function).parameters.items())[1:])
        names = list(dict.fromkeys(_arguments(model_class, config, accepted)))
    except (TypeError, ValueError, AttributeError, ImportError):  # the class stands for a library that is missing
        return (), ""
    made = {spec.name: spec for spec in _known_patches(accepted, names, function, config)}
    unknown = []
    for name in names:
        if name not in made:
            spec = _input(name, accepted, model_class, function, config)
            if spec is None:
                unknown.append(name)
            else:
                made[name] = spec
    inputs = tuple(made.values())
    if unknown or not inputs:
        wanted = " ".join(f"--input {name}=SIZES" for name in (unknown or list(accepted))[:4])
        return (), f"its inputs are not known: give {wanted}"
    if method:
        return Inputs(kwargs={spec.name: spec for spec in inputs}, method=method), f"its {method} is measured"
    return inputs, _left_out([*made], accepted)


def _has_forward(model_class: Any) -> bool:
    from torch import nn

    return model_class.forward is not nn.Module.forward


def _part_of(config: Any) -> str:
    part = next((type(part).__name__ for part in parts(config)[1:]), "")
    return f"name a part of it, hf:{part}" if part else "name a class of transformers that has one"


def _arguments(model_class: Any, config: Any, accepted: Arguments) -> Iterator[str]:
    """The names of the arguments to give: those without a default, the main one, and what a pair of towers takes."""
    main = model_class.main_input_name
    required = [
        name
        for name, parameter in accepted.items()
        if parameter.default is parameter.empty and parameter.kind == parameter.POSITIONAL_OR_KEYWORD
    ]
    given = [name for name in ([main] if isinstance(main, str) else main) if name in accepted]
    if all(accepted[name].annotation in _WHOLE for name in (*required, *given)):  # which holds where there are none
        given = [name for name in ("input_ids", *_ALONE) if name in accepted][:1]
    yield from required
    yield from given if not required or "input_ids" in given else ()
    if getattr(config, "is_encoder_decoder", False) and "decoder_input_ids" in accepted:
        yield "decoder_input_ids"
    if "pixel_values" in given and "input_ids" in accepted and hasattr(config, "text_config"):
        yield "input_ids"
    if "input_ids" in {*required, *given} and not _has_placeholders(model_class, config):
        yield from [name for name in _BESIDE_TEXT if name in accepted]
    alone = "input_ids" not in accepted or model_class.__name__.endswith("Decoder")
    if "encoder_hidden_states" in accepted and alone:  # half of a model, which its other half feeds
        yield "encoder_hidden_states"


def _has_placeholders(model_class: Any, config: Any) -> bool:
    """Whether tokens of the text stand for pictures or sounds: without them, the text runs alone."""
    marked = any(_PLACEHOLDER.fullmatch(key) for part in parts(config) for key in vars(part))
    return marked or bool(model_class.can_generate())


def _left_out(names: list[str], accepted: Arguments) -> str:
    beside = [name for name in _BESIDE_TEXT if name in accepted and name not in names]
    if not beside or "input_ids" not in names:
        return ""
    return f"measured on text alone; {beside[0]} and the tokens that stand for it are given in Python"


def _known_patches(accepted: Arguments, names: list[str], function: Any, config: Any) -> tuple[InputSpec, ...]:
    """What a tower of packed patches takes, where its patches are among the arguments to give."""
    try:
        made = patch_inputs(accepted, function, config)
    except (TypeError, ValueError, AttributeError):  # a field holds what it never does
        return ()
    return made if made and made[0].name in names and all(map(_is_sound, (spec.shape for spec in made))) else ()


def _input(name: str, accepted: Arguments, model_class: Any, function: Any, config: Any) -> InputSpec | None:
    try:
        if accepted[name].annotation in _WHOLE:
            return LoneSize(shape=(1,), dtype="int64", name=name)
        if name == "image_sizes":
            return InputSpec(shape=(1, 2), dtype="int64", name=name, values=image(config)[-2:])
        shape = _shape(name, model_class, function, config)
    except (TypeError, ValueError, AttributeError, KeyError):  # a field holds what it never does
        return None
    if shape is None or not _is_sound(shape):
        return None
    hides_nothing = (1,) if name.endswith("mask") or name == "aspect_ratio_ids" else ()
    axes = axes_of(name, shape, documented(name, function))
    dtype = _dtype(name, str(accepted[name].annotation), config)
    return InputSpec(shape=shape, dtype=dtype, name=name, axes=axes, values=hides_nothing)


def _is_sound(shape: tuple[Any, ...]) -> bool:
    return all(type(size) is int and 0 < size < _MOST_SIZE for size in shape)


def _shape(  # noqa: C901, PLR0911, PLR0912 - one for each kind of argument
    name: str, model_class: Any, function: Any, config: Any
) -> tuple[int, ...] | None:
    dims = documented(name, function)
    match name:
        case "decoder_input_ids" if streams := getattr(getattr(config, "decoder_config", None), "num_channels", 0):
            return (1, tokens(config), streams)
        case "input_ids" | "decoder_input_ids":
            if books := number(config, "n_codes_total"):
                return (1, tokens(config), books)
            if (books := number(config, "num_codebooks")) and tokens(config) == books + 1:  # a position for each
                return (1, books)
            if hasattr(config, "codebook_vocab_size"):  # the text beside the codes
                return (1, tokens(config), (number(config, "num_codebooks") or 0) + 1)
            if len(dims) == len(("batch_size", "sequence_length", "num_codebooks")):
                return (1, tokens(config), number(config, dims[-1], "num_channels") or 1)
            return (number(config, "num_codebooks") or 1 if "*" in "".join(dims[:1]) else 1, tokens(config))
        case "bbox":
            return (1, tokens(config), 4)
        case "pixel_values" if "Matching" in model_class.__name__:
            return (1, 2, *image(config)[1:])
        case "pixel_values" if tiles := number(config, "max_num_tiles"):
            return (1, 1, tiles, *image(config)[1:])
        case "aspect_ratio_mask" if tiles := number(config, "max_num_tiles"):
            return (1, 1, tiles)
        case "aspect_ratio_ids":
            return (1, 1)
        case "pixel_values" if len(dims) != len(("batch_size", "num_patches", "patch_dim")):
            return image(config)
        case "hidden_states" if model_class.main_input_name == "pixel_values":
            return image(config)
        case "image":
            return image(config)
        case "hidden_states" if hasattr(config, "downsampling_ratios") or hasattr(config, "upsampling_ratios"):
            if "Encoder" in model_class.__name__:
                return (1, number(config, "channels") or 1, SAMPLES)
            return (1, number(config, "hidden_size") or 0, tokens(config))
        case "flattened_patches":
            return (1, _PATCHES, 2 + _depth_of_patches(config))
        case "inputs" if (latent := number(config, "d_latents")) and (width := number(config, "d_model") or latent):
            return (1, tokens(config), width)
        case "inputs" if getattr(config, "encoder", None) is not None:
            return (1, SAMPLES)
        case "input_values" if any(hasattr(part, "dac_config") for part in parts(config)):
            return (1, 1, SAMPLES)
        case "input_features" if (bins := number(config, "num_mel_bins")) and number(config, "spec_size"):
            return (1, 1, FRAMES + 1, bins)
        case "pixel_values_videos":
            frames = number(config, "num_frames", "frames_per_clip") or CLIP
            return (1, frames, *image(config, frames=False)[1:])
        case "input_features" if bins := number(config, "feature_projection_input_dim"):
            return (1, FRAMES, bins)
        case "input_features" if (bins := number(config, "num_mel_bins")) and len(dims) < len(("b", "frames", "bins")):
            return (1, FRAMES, bins)
        case "input_features" if (bins := number(config, "num_mel_bins", "n_mels")) and _channels_first(model_class):
            return (1, bins, 2 * (number(config, "max_source_positions") or FRAMES // 2))
        case "input_values" if (bins := number(config, "num_mel_bins")) and number(config, "max_length"):
            return (1, int(number(config, "max_length") or 0), bins)
        case "mel_spectrogram" if bins := number(config, "mel_dim", "num_mel_bins"):
            return (1, bins, FRAMES)
        case "spectrogram" | "audio_mel" if bins := number(config, "model_in_dim", "input_feat_size"):
            return (1, FRAMES, bins)
    if not dims and not (dims := _usual_dims(name)):
        return None
    sizes = [size_of(name, dim, config) for dim in dims]
    return tuple(sizes) if sizes and all(sizes) else None  # type: ignore[arg-type]  # none of them is None


def _usual_dims(name: str) -> list[str]:
    """The dimensions of an argument that the library does not document, by its name."""
    if name.endswith("mask"):
        return ["batch_size", "sequence_length"]
    if name in {"hidden_states", "encoder_hidden_states"} or name.endswith(("_embeds", "_features")):
        return ["batch_size", "sequence_length", "features"]
    return []


def _depth_of_patches(config: Any) -> int:
    sides = number(config, "patch_size") or 0
    return number(config, "patch_embed_hidden_size") or (number(config, "num_channels") or 3) * sides**2


def _channels_first(model_class: Any) -> bool:
    """Whether the frames of a spectrogram are its last axis: a convolution over time, made for its bins, reads it."""
    return bool(_CHANNELS_FIRST.search(_source_of(model_class.__module__)))


@functools.lru_cache(maxsize=8)
def _source_of(module: str) -> str:
    try:
        return inspect.getsource(sys.modules[module])
    except (OSError, KeyError):
        return ""


def _dtype(name: str, annotation: str, config: Any) -> str:
    if "BoolTensor" in annotation:
        return "bool"
    if name.endswith(("_ids", "_mask", "_index", "_idx", "_shapes", "bbox", "_lengths")) or "LongTensor" in annotation:
        return "int64" if name != "pixel_values" else "float32"
    return str(getattr(config, "dtype", None) or "float32").removeprefix("torch.")
