"""Which class of transformers a configuration, or a name, stands for: looked up in the library, nothing is fetched."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import inspect
import pkgutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from archscope.errors import ImportModelError, SpecError


def described_classes(transformers: Any, file: Path, fields: dict[str, Any]) -> tuple[Any, Any, str]:
    """The model's class, its configuration's, and what must be said of them, as a config.json describes them.

    Takes ``model_type`` out of ``fields``. Raises SpecError.
    """
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
    found = _class_of(transformers, architectures[0]) if architectures else None
    if found is None:
        base = _base_class(transformers, config_class, str(file))
        note = f"transformers has no {architectures[0]}: measured as its {base.__name__}" if architectures else ""
        return base, config_class, note
    if transformers.PreTrainedModel not in found.__mro__ or not issubclass(config_class, found.config_class or ()):
        raise SpecError(
            f"architectures names {architectures[0]}, which is no model of type {kind!r}",
            where=str(file),
            help="name a model class that takes this configuration, or remove the field",
        )
    return found, config_class, ""


def named_classes(transformers: Any, source: str, name: str) -> tuple[Any, Any]:
    """The model class and the configuration class of the class called ``name``. Raises SpecError, ImportModelError."""
    found: Any = getattr(transformers, name, None) if name.isidentifier() else None
    bases: Any = found.__mro__ if inspect.isclass(found) else ()
    if transformers.PreTrainedConfig in bases:
        return _base_class(transformers, found, source), found
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


def _base_class(transformers: Any, config_class: Any, where: str) -> Any:
    """The model that AutoModel makes of such a configuration, else the model of its own module that takes it."""
    mapped = _mapped(transformers, config_class)
    if mapped is None:  # another name of a configuration
        bases = config_class.__mro__[1 : config_class.__mro__.index(transformers.PreTrainedConfig)]
        mapped = next(filter(None, (_mapped(transformers, base) for base in bases)), None)
    if mapped is None:
        raise SpecError(
            f"transformers builds no model of {config_class.__name__} alone: it describes a part of one",
            where=where,
            help=_whole_models(transformers, config_class),
        )
    return mapped[0] if isinstance(mapped, (tuple, list)) else mapped


def _mapped(transformers: Any, config_class: Any) -> Any:
    try:
        return transformers.MODEL_MAPPING[config_class]
    except (KeyError, ImportError, ValueError, AttributeError):  # also a class that the mapping names and nobody has
        return _of_its_module(transformers, config_class)


def _of_its_module(transformers: Any, config_class: Any) -> Any:
    """The model class beside ``config_class`` that names it as its own: one called like it, else a plain model."""
    models = _models_beside(transformers, config_class)
    found = [model for model in models if model.config_class is config_class]
    stem = config_class.__name__.removesuffix("Config").removesuffix("_")

    def fitness(model: Any) -> tuple[bool, bool, bool, bool]:
        name = model.__name__
        public = hasattr(transformers, name)
        return (name == f"{stem}Model", name.endswith("Model"), public, name.startswith(stem) and "For" not in name)

    return max(found, key=fitness, default=None)


def _models_beside(transformers: Any, config_class: Any) -> list[Any]:
    """The models of the package of the library that holds ``config_class``, as they stand there."""
    package = config_class.__module__.rpartition(".")[0]
    if not package.startswith("transformers.models."):
        return []
    found: list[Any] = []
    for module in pkgutil.iter_modules(sys.modules[package].__path__, f"{package}."):
        if module.name.removeprefix(f"{package}.").startswith("modeling_"):
            with contextlib.suppress(ImportError, RuntimeError):  # it wants a library that is not there
                found += _models_of(transformers, importlib.import_module(module.name))
    return found


def _models_of(transformers: Any, module: ModuleType) -> list[Any]:
    return [
        found
        for name, found in vars(module).items()
        if inspect.isclass(found)
        and found.__module__ == module.__name__
        and transformers.PreTrainedModel in found.__mro__
        and not name.endswith("PreTrainedModel")
    ]


def _whole_models(transformers: Any, config_class: Any) -> str:
    """The model that has such a part: one whose configuration holds it, else the one with the shortest name."""
    models = [model for model in _models_beside(transformers, config_class) if hasattr(transformers, model.__name__)]
    holders = [model for model in models if config_class in (getattr(model.config_class, "sub_configs", {}).values())]
    found = holders or [model for model in models if model.__name__.endswith("Model")] or models
    whole = min(found, key=lambda model: (not model.__name__.endswith("Model"), len(model.__name__)), default=None)
    return f"name a model that has it: hf:{whole.__name__}" if whole else _ANY


_ANY = "name the configuration of a whole model, as hf:BertConfig"


def _class_of(transformers: Any, name: str) -> Any:
    """The class of transformers called ``name``; None when there is none, or a library that it needs is not there."""
    try:
        found = getattr(transformers, name, None)
    except (ImportError, RuntimeError):
        return None
    return found if inspect.isclass(found) else None
