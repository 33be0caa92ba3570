"""Models of transformers (``hf:``), made from their configuration alone, without weights and without network."""

from __future__ import annotations

import contextlib
import difflib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archscope.errors import ImportModelError, OptionError, SpecError
from archscope.json_text import parse_json
from archscope.sources.code_fields import offline, without_code
from archscope.sources.construction import construct
from archscope.sources.libraries import require
from archscope.spec import InputSpec, ModelSpec, Option, OptionValue, option_value

if TYPE_CHECKING:
    from torch import nn

_TOKENS = 128
_MOST_SIZE = 10**9
_SAMPLES = 16_000  # one second of audio at the sampling rate of speech models


def from_huggingface(source: str, target: str, base: Path, options: Mapping[str, Any]) -> ModelSpec:
    """The model of a folder with a config.json, of such a file, or of a class of transformers.

    ``options`` set fields of the configuration. Inputs follow the model's main input: 128 tokens, an image of the
    configured size, one second of audio. Raises SpecError, OptionError and ImportModelError.
    """
    transformers = require("transformers", wanted_by=source)
    file = _config_file(source, target, base / target)
    if file is None:
        name, note, fields = target, "", without_code(options, source)
        model_class, config_class = _classes(transformers, source, target)
    else:
        raw = _read(file)
        name = file.parent.name if file.name == "config.json" and file.parent.name else file.stem
        fields = without_code({**raw, **options}, str(file))
        model_class, config_class, note = _described_classes(transformers, file, fields)
        fields = {key: value for key, value in fields.items() if key not in options} | _overridden(raw, options)
        note = "; ".join(part for part in (note, _without_quantization(raw)) if part)
    with offline():
        defaults = _configured(config_class, fields, source)
    for key in options:
        if not hasattr(defaults, key):
            near = difflib.get_close_matches(key, vars(defaults), n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"see transformers.{config_class.__name__}"
            raise OptionError(f"{config_class.__name__} has no field {key!r}", help=hint)
    with offline():
        config = _configured(config_class, {**fields, **options}, source)

    def from_config(**_settings: Any) -> nn.Module:
        with offline():
            if model_class is None:
                return transformers.AutoModel.from_config(config)  # type: ignore[no-any-return]
            return model_class._from_config(config)  # type: ignore[no-any-return]  # noqa: SLF001 - as AutoModel does

    known = model_class or _base_class(transformers, config_class)
    return ModelSpec(
        name=name,
        source=source,
        build=lambda: construct(from_config, name, {}, shown=config_class),
        options=tuple(
            Option(name=key, value=option_value(value), default=_plain(getattr(defaults, key), value))
            for key, value in options.items()
        ),
        inputs=_inputs(known, config) if known else (),
        description=note,
        within=offline,
    )


def _overridden(fields: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """What ``fields`` say of those that ``options`` set, as far as it is fit to be a default."""
    found: dict[str, Any] = {}
    for key in options.keys() & fields.keys():
        with contextlib.suppress(SpecError):
            found |= without_code({key: fields[key]}, "")
    return found


def _configured(config_class: Any, fields: Mapping[str, Any], source: str) -> Any:
    try:
        return config_class(**fields)
    except Exception as error:
        raise SpecError(
            f"{config_class.__name__} cannot be made of these fields: {type(error).__name__}: {str(error)[:500]}",
            where=source,
            help=f"see transformers.{config_class.__name__}",
        ) from error


def _without_quantization(fields: Mapping[str, Any]) -> str:
    found = fields.get("quantization_config") or fields.get("compression_config")
    return "measured as it is before quantization_config changes its weights" if found else ""


def _config_file(source: str, target: str, path: Path) -> Path | None:
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise SpecError(f"the folder {target!r} holds no config.json", where=source, help="name the config file")
        return path / "config.json"
    if path.is_file():
        return path
    if path.suffix == ".json" or "/" in target:
        raise SpecError(
            f"there is no file or folder {target!r}",
            where=source,
            help="nothing is fetched: save the model's config.json and name it",
        )
    return None


def _read(file: Path) -> dict[str, Any]:
    try:
        fields = parse_json(file.read_bytes())
    except ValueError as error:
        raise SpecError(f"{file} is not JSON: {error}", help="name a config.json of transformers") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("model_type"), str):
        raise SpecError(f"{file} has no model_type", help="name a config.json of transformers")
    return fields


def _described_classes(transformers: Any, file: Path, fields: dict[str, Any]) -> tuple[Any, Any, str]:
    """The model's class (None for the base model of the type), its configuration's, and what must be said of them."""
    kind = fields.pop("model_type")
    mapping = transformers.CONFIG_MAPPING
    if kind not in mapping:
        near = difflib.get_close_matches(kind, list(mapping), n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "a newer transformers may know it"
        raise SpecError(f"transformers has no model type {kind!r}", where=str(file), help=hint)
    config_class = mapping[kind]
    architectures = fields.get("architectures") or []
    if not isinstance(architectures, list) or not all(isinstance(name, str) for name in architectures):
        raise SpecError("architectures is no list of names", where=str(file), help="name a class of transformers")
    if not architectures:
        return None, config_class, ""
    found = _class_of(transformers, architectures[0])
    if found is None:
        base = getattr(_base_class(transformers, config_class), "__name__", "the base model")
        return None, config_class, f"transformers has no {architectures[0]}: measured as its {base}"
    if transformers.PreTrainedModel not in found.__mro__ or not issubclass(config_class, found.config_class or ()):
        raise SpecError(
            f"architectures names {architectures[0]}, which is no model of type {kind!r}",
            where=str(file),
            help="name a model class that takes this configuration, or remove the field",
        )
    return found, config_class, ""


def _class_of(transformers: Any, name: str) -> Any:
    """The class of transformers called ``name``; None when there is none, or a library that it needs is not there."""
    try:
        found = getattr(transformers, name, None)
    except (ImportError, RuntimeError):
        return None
    return found if inspect.isclass(found) else None


def _classes(transformers: Any, source: str, name: str) -> tuple[Any, Any]:
    found: Any = getattr(transformers, name, None) if name.isidentifier() else None
    bases: Any = found.__mro__ if inspect.isclass(found) else ()
    if transformers.PreTrainedConfig in bases:
        return None, found
    if transformers.PreTrainedModel in bases and found.config_class:
        return found, found.config_class
    candidates = [key for key in dir(transformers) if key.endswith(("Config", "Model")) or "For" in key]
    near = difflib.get_close_matches(name, candidates, n=3)
    hint = (
        f"did you mean {' or '.join(near)}?"
        if near
        else "name a model class, a config class, a config.json or a folder"
    )
    if found is not None:
        raise ImportModelError(f"transformers.{name} is neither a model nor a configuration", where=source, help=hint)
    raise SpecError(f"transformers has no class {name!r}", where=source, help=hint)


def _base_class(transformers: Any, config_class: Any) -> Any:
    try:
        return transformers.MODEL_MAPPING[config_class]
    except (KeyError, ImportError, ValueError, AttributeError):  # also a class that the mapping names and nobody has
        return None


def _plain(default: Any, value: Any) -> OptionValue:
    return option_value(default if isinstance(default, (bool, int, float, str, list, tuple, dict)) else value)


def _inputs(model_class: Any, config: Any) -> tuple[InputSpec, ...]:
    """What the model's forward takes, one sample of each; empty when that cannot be told from the configuration."""
    try:
        inputs = _guessed(model_class, config)
    except (TypeError, ValueError, AttributeError, KeyError, ImportError):  # a field holds what it never does
        return ()
    sound = all(type(size) is int and 0 < size < _MOST_SIZE for spec in inputs for size in spec.shape)
    return inputs if sound else ()


def _guessed(model_class: Any, config: Any) -> tuple[InputSpec, ...]:
    main = model_class.main_input_name
    shape = _shape(main, config)
    if shape is None:
        return ()
    inputs = [InputSpec(shape=shape, dtype="int64" if main == "input_ids" else _dtype(config), name=main)]
    accepted = inspect.signature(model_class.forward).parameters
    if config.is_encoder_decoder and "decoder_input_ids" in accepted:
        inputs.append(InputSpec(shape=(1, _TOKENS), dtype="int64", name="decoder_input_ids"))
    pair = main == "input_ids" and "pixel_values" in accepted and not model_class.can_generate()
    if pair and hasattr(config, "vision_config"):
        inputs.append(InputSpec(shape=_image(config.vision_config), dtype=_dtype(config), name="pixel_values"))
    given = {"self", *(spec.name for spec in inputs)}
    for name, parameter in accepted.items():
        if (
            name not in given
            and parameter.default is parameter.empty
            and parameter.kind == parameter.POSITIONAL_OR_KEYWORD
        ):
            shape = _shape(name, config)
            if shape is None:
                return ()
            inputs.append(InputSpec(shape=shape, dtype="int64" if name == "input_ids" else _dtype(config), name=name))
    return tuple(inputs)


def _shape(main: str, config: Any) -> tuple[int, ...] | None:
    mel_bins = getattr(config, "num_mel_bins", None)
    match main:
        case "input_ids":
            text = getattr(config, "text_config", None) or config
            most = getattr(text, "max_position_embeddings", None) or _TOKENS
            return (1, min(_TOKENS, most) if most > 0 else _TOKENS)  # XLNet writes -1 for any number
        case "pixel_values":
            return _image(getattr(config, "vision_config", config))
        case "input_features" if mel_bins and hasattr(config, "max_source_positions"):
            return (1, mel_bins, 2 * config.max_source_positions)
        case "input_values" if mel_bins and hasattr(config, "max_length"):
            return (1, config.max_length, mel_bins)
        case "input_values":
            return (1, _SAMPLES)
    return None


def _image(config: Any) -> tuple[int, ...]:
    size = getattr(config, "image_size", None) or 224
    height, width = (size, size) if isinstance(size, int) else tuple(size)
    frames = (config.num_frames,) if hasattr(config, "num_frames") else ()
    return (1, *frames, getattr(config, "num_channels", 3), height, width)


def _dtype(config: Any) -> str:
    return str(getattr(config, "dtype", None) or "float32").removeprefix("torch.")
