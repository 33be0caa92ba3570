"""``load``: find the source that a MODEL names, and load it."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import re
from pathlib import Path
from typing import Any

from archscope.config import Config, ModelConfig, find_config
from archscope.errors import ConfigError, ImportModelError, InputError, OptionError, SpecError
from archscope.json_text import parse_json
from archscope.models import ALIASES, ZOO, zoo_spec
from archscope.report import Report
from archscope.serial import from_json
from archscope.sources.batch import made_batch, names_function
from archscope.sources.call_text import parse_call
from archscope.spec import Given, Inputs, InputSpec, ModelSpec, literal_of

_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_GRAPHS = frozenset({".pt2", ".onnx", ".tflite"})
_FORMS = (
    "a name of the zoo, module:attr, file.py:attr, timm:NAME, torchvision:NAME, hf:NAME, x.pt2, x.onnx, x.tflite,"
    " x.ts, x.gguf or a saved report"
)


def load(text: str, /, **options: Any) -> ModelSpec | Report:
    """What ``text`` (a MODEL, as the command line takes it) names: a model that can be built, or a saved report.

    Looked up in this order: the models of the nearest archscope.toml, the zoo, then by form. ``options`` go to the
    builder. Raises SpecError when it names nothing, OptionError and ConfigError, and ImportModelError or BuildError for
    code that fails.
    """
    config = find_config(Path.cwd())
    if config and text in config.models:
        return load_configured(config, text, **options)
    return _load(text, options, base=Path(), known=tuple(config.models) if config else ())


def load_configured(config: Config, name: str, /, **options: Any) -> ModelSpec | Report:
    """The model ``name`` of ``config``; ``options`` win over those of the config. Raises what ``load`` raises."""
    model = config.models[name]
    loaded = _load(model.source, {**model.options, **options}, base=config.root, known=())
    place = str(model.location)
    if isinstance(loaded, Report):
        if model.inputs or model.call or model.components is not None:
            raise ConfigError(
                f"{name!r} is the saved report {model.source}, which is not measured again",
                where=place,
                help="leave out inputs, call and components, or name the model itself",
            )
        return loaded
    try:
        inputs = _called(config, model)
    except InputError as error:
        raise ConfigError(error.what, where=place, help=error.help) from error
    if isinstance(inputs, Given) and inputs.value is None and loaded.inputs:
        inputs = dataclasses.replace(inputs, usual=loaded.inputs)
    components = loaded.components if model.components is None else model.components
    return dataclasses.replace(loaded, name=name, inputs=inputs or loaded.inputs, components=components)


def _called(config: Config, model: ModelConfig) -> tuple[InputSpec, ...] | Inputs | Given:
    """What the config says that the model is called with: nothing, arguments, or what a function makes."""
    if names_function(model.inputs):
        return Given(value=made_batch(model.inputs[0].strip(), config.root), method=model.call)
    if model.call and not model.inputs:
        return Given(method=model.call)
    return parse_call(model.inputs, model.call)


def _load(text: str, options: dict[str, Any], *, base: Path, known: tuple[str, ...]) -> ModelSpec | Report:
    options = {key: literal_of(value) for key, value in options.items()}
    prefix, _, name = text.partition(":")
    if prefix == "zoo" or text in ZOO or text in ALIASES:
        spec: ModelSpec = zoo_spec(text.removeprefix("zoo:"), **options)
        return spec
    coded = _from_library(text, prefix, name, base, options) or _from_code(text, base, options)
    found = coded or _from_data(text, base / text, options)
    if found is None:
        raise _names_nothing(text, base / text, known)
    return found


def _from_library(text: str, prefix: str, name: str, base: Path, options: dict[str, Any]) -> ModelSpec | None:
    """The model that the prefix's own source makes; None for another prefix."""
    match prefix:
        case "timm":
            from archscope.sources.timm import from_timm

            return from_timm(text, name, options)
        case "torchvision":
            from archscope.sources.torchvision import from_torchvision

            return from_torchvision(text, name, options)
        case "hf":
            from archscope.sources.huggingface import from_huggingface

            return from_huggingface(text, name, base, options)
    return None


def _from_code(text: str, base: Path, options: dict[str, Any]) -> ModelSpec | None:
    left, colon, attribute = text.rpartition(":")
    if colon and _MODULE.fullmatch(attribute) and (left.endswith(".py") or _MODULE.fullmatch(left)):
        from archscope.sources.attribute import from_code

        return from_code(text, left, attribute, base, options)
    return None


def _from_data(text: str, file: Path, options: dict[str, Any]) -> ModelSpec | Report | None:
    """What a file without code names; None when it is no such file."""
    from archscope.sources.checkpoint import INDEX_SUFFIX, SUFFIXES, from_checkpoint
    from archscope.sources.gguf import SUFFIX, from_gguf
    from archscope.sources.script_archive import is_script
    from archscope.sources.torchscript import SUFFIXES as OF_SCRIPTS
    from archscope.sources.torchscript import from_torchscript

    report = file.suffix == ".json" and not file.name.endswith(INDEX_SUFFIX)
    kinds = {SUFFIX, *SUFFIXES, *OF_SCRIPTS, *_GRAPHS}
    if not (report or file.suffix in kinds or file.name.endswith(INDEX_SUFFIX)):
        return None
    if options:
        raise OptionError(f"{text} is a file: it takes no options", help=f"leave out {', '.join(options)}")
    if file.is_dir():
        raise ImportModelError(f"{text!r} is a folder", help="name a file in it")
    if not file.is_file():
        near = difflib.get_close_matches(file.name, [entry.name for entry in file.parent.glob(f"*{file.suffix}")], n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "the path is taken from the current folder"
        raise ImportModelError(f"there is no file {text!r}", help=hint)
    if report:
        return _saved(text, file)
    if file.suffix in _GRAPHS:
        return _graph(text, file)
    if file.suffix in OF_SCRIPTS or is_script(file):
        return from_torchscript(text, file)
    return from_gguf(text, file) if file.suffix == SUFFIX else from_checkpoint(text, file)


def _graph(text: str, file: Path) -> ModelSpec:
    """The graph in a file of one of ``_GRAPHS``."""
    if file.suffix == ".pt2":
        from archscope.sources.exported import from_exported

        return from_exported(text, file)
    if file.suffix == ".onnx":
        from archscope.sources.onnx_file import from_onnx

        return from_onnx(text, file)
    from archscope.sources.tflite_file import from_tflite

    return from_tflite(text, file)


def _saved(text: str, file: Path) -> Report:
    try:
        content = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SpecError(f"{text} is not text", help="a saved report is JSON in UTF-8") from error
    if '"model_type"' in content and _has_model_type(content):
        raise SpecError(f"{text} is no saved report, but a config of transformers", help=f"write hf:{text}")
    return from_json(content, where=text)


def _has_model_type(content: str) -> bool:
    try:
        return "model_type" in parse_json(content)
    except (ValueError, TypeError):
        return False  # no JSON object, which a reader of reports can say better


def _names_nothing(text: str, file: Path, known: tuple[str, ...]) -> SpecError:
    near = difflib.get_close_matches(text, (*known, *ZOO, *ALIASES), n=3)
    if near:
        return SpecError(f"{text!r} names no model", help=f"did you mean {' or '.join(near)}?")
    if file.suffix == ".py" and file.is_file():
        return SpecError(f"{text!r} is a file: which model in it?", help=_candidates(text, file))
    if _MODULE.fullmatch(text) and "." in text:
        module, _, attribute = text.rpartition(".")
        return SpecError(f"{text!r} names no model", help=f"for an attribute of a module write {module}:{attribute}")
    return SpecError(f"{text!r} names no model", help=f"a MODEL is {_FORMS}")


def _candidates(text: str, file: Path) -> str:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last two of what is nested too deep
        return f"write {text}:ATTRIBUTE"
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    return "write " + (" or ".join(f"{text}:{name}" for name in classes[:4]) or f"{text}:ATTRIBUTE")
