"""Models of transformers (``hf:``), made from their configuration alone, without weights and without network."""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archscope.errors import BuildError, ForwardError, OptionError, SpecError
from archscope.json_text import parse_json
from archscope.sources.code_fields import offline, without_code
from archscope.sources.huggingface_checks import unpadded
from archscope.sources.huggingface_classes import described_classes, named_classes
from archscope.sources.huggingface_inputs import inputs_of
from archscope.sources.libraries import require
from archscope.spec import ModelSpec, Option, OptionValue, option_value

if TYPE_CHECKING:
    from torch import nn


_HELP = (
    "--input NAME=SIZES sets an input, --set FIELD=VALUE a field of the configuration; a released model's config.json "
    "has fields that fit"
)
_LONGEST = 140  # characters of what a forward raised


def from_huggingface(source: str, target: str, base: Path, options: Mapping[str, Any]) -> ModelSpec:
    """The model of a folder with a config.json, of such a file, or of a class of transformers.

    ``options`` set fields of the configuration. Inputs follow what the model's forward takes: 128 tokens, an image of
    the configured size, one second of audio. Raises SpecError, OptionError and ImportModelError.
    """
    transformers = require("transformers", wanted_by=source)
    file = _config_file(source, target, base / target)
    if file is None:
        without_code(options, source)
        name, note = target, ""
        fields: Mapping[str, Any] = {}
        model_class, config_class = named_classes(transformers, source, target)
    else:
        raw = _read(file)
        name = file.parent.name if file.name == "config.json" and file.parent.name else file.stem
        fields = without_code({**raw, **options}, str(file))
        model_class, config_class, note = described_classes(transformers, file, fields)
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

    if _without_attention(config):
        config.use_cache = False  # its cache has no layer that knows how much it holds

    def from_config() -> nn.Module:
        with offline():
            try:
                if not isinstance(config, model_class.config_class):  # AutoModel knows which part of it the model takes
                    return transformers.AutoModel.from_config(config)  # type: ignore[no-any-return]
                return model_class._from_config(config)  # type: ignore[no-any-return]  # noqa: SLF001 - as AutoModel does
            except Exception as error:
                raise _unbuildable(model_class.__name__, source, error) from error

    inputs, remark = inputs_of(model_class, config)
    return ModelSpec(
        name=name,
        source=source,
        build=from_config,
        options=tuple(
            Option(name=key, value=option_value(value), default=_plain(getattr(defaults, key), value))
            for key, value in options.items()
        ),
        inputs=inputs,
        description="; ".join(part for part in (note, remark) if part),
        within=_within,
    )


def _without_attention(config: Any) -> bool:
    """Whether none of the layers of a text model attends to others, as of a hybrid that is set so."""
    try:
        kinds = getattr(config, "layer_types", None) or getattr(config, "layers_block_type", None) or ()
    except Exception:  # noqa: BLE001 - a field that is worked out from others that are not set
        return False
    return bool(kinds) and not any(_attends(str(kind)) for kind in kinds)


def _attends(kind: str) -> bool:
    return kind == "hybrid" or ("attention" in kind and "linear" not in kind)


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
            f"{config_class.__name__} cannot be made of these fields: {type(error).__name__}: {_first_reason(error)}",
            where=source,
            help=f"see transformers.{config_class.__name__}",
        ) from error


def _first_reason(error: Exception) -> str:
    """The last line of what a validator says, which is its cause, without the rest of it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[-1][:150]


def _unbuildable(name: str, source: str, error: Exception) -> BuildError:
    missing = re.search(r"requires the ([\w.-]+) library", str(error))
    hint = "set the fields that it needs (--set FIELD=VALUE), or name the config.json of a released model"
    return BuildError(
        f"transformers cannot build {name} as configured: {type(error).__name__}: {_first_reason(error)}",
        where=source,
        help=f"pip install {missing[1]}" if missing else hint,
    )


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


def _plain(default: Any, value: Any) -> OptionValue:
    return option_value(default if isinstance(default, (bool, int, float, str, list, tuple, dict)) else value)


@contextlib.contextmanager
def _within() -> Iterator[None]:
    with offline(), unpadded():
        try:
            yield
        except ForwardError as error:
            error.what = error.what.partition("\n")[0][:_LONGEST]
            if not error.help.startswith("it ran on meta alone"):
                error.help = _HELP
            raise
