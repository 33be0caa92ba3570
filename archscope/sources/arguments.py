"""Options as the arguments of a constructor: dotted ones are fields of a config object, made by its class."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

from archscope.errors import OptionError, did_you_mean
from archscope.spec import literal_of
from archscope.value_text import Fields, put


def arguments_of(target: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """``options`` as keyword arguments of ``target``; raises OptionError for a field that a config object lacks."""
    nested: dict[str, Any] = {}
    for key, value in options.items():
        try:
            put(nested, key.split("."), literal_of(value))
        except ValueError as error:
            raise OptionError(f"option {key!r}: {error}", help="set the whole, or its fields") from error
    parameters, kinds = _parameters(target), _kinds(target)
    fielded = {key.partition(".")[0] for key in options if "." in key}
    return {
        name: _made(name, value, parameters.get(name), kinds.get(name), changes=name in fielded)
        if isinstance(value, dict)
        else value
        for name, value in nested.items()
    }


def _made(name: str, fields: dict[str, Any], parameter: Any, kind: Any, *, changes: bool) -> Any:
    """The object that ``fields`` describe: the default with other values, one of the annotated class, or a dict."""
    default = parameter.default if parameter is not None else None
    if _has_fields(default):
        return _changed(name, default, fields)
    made = next((one for one in (typing.get_args(kind) or (kind,)) if _is_config_class(one)), None)
    if made is None:
        return Fields({**default, **fields}) if changes and isinstance(default, dict) else fields
    inner, kinds = _parameters(made), _kinds(made)
    if inner and not any(p.kind is p.VAR_KEYWORD for p in inner.values()):
        _require(name, fields, inner)
    return made(
        **{
            key: _made(f"{name}.{key}", value, inner.get(key), kinds.get(key), changes=True)
            if isinstance(value, dict)
            else value
            for key, value in fields.items()
        }
    )


def _changed(name: str, default: Any, fields: Mapping[str, Any]) -> Any:
    """A copy of ``default`` with other values in its fields."""
    _require(name, fields, {key for key in dir(default) if not key.startswith("_")})
    values = {
        key: _changed(f"{name}.{key}", getattr(default, key), value)
        if isinstance(value, dict) and _has_fields(getattr(default, key))
        else value
        for key, value in fields.items()
    }
    if dataclasses.is_dataclass(default):
        return dataclasses.replace(typing.cast("Any", default), **values)
    made = copy.copy(default)
    for key, value in values.items():
        setattr(made, key, value)
    return made


def _require(name: str, fields: Mapping[str, Any], known: Any) -> None:
    for key in fields:
        if key not in known:
            hint = did_you_mean(key, known) or f"it has {', '.join(sorted(known)[:12])}"
            raise OptionError(f"{name} has no field {key!r}", help=hint)


def _has_fields(value: Any) -> bool:
    """Whether ``value`` is an object that options may change field by field."""
    if value is None or isinstance(value, (type, dict, str, bytes, int, float, list, tuple, set)) or callable(value):
        return False
    if type(value).__module__ == "dataclasses":  # what stands for a default that is made anew
        return False
    return dataclasses.is_dataclass(value) or hasattr(value, "__dict__")


def _is_config_class(kind: Any) -> bool:
    return inspect.isclass(kind) and kind.__module__ not in {"builtins", "typing", "types", "collections.abc", "torch"}


def _parameters(target: Any) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(target).parameters
    except (TypeError, ValueError):
        return {}


def _kinds(target: Any) -> dict[str, Any]:
    """The annotations by name; those that cannot be resolved are left out."""
    home = target.__init__ if inspect.isclass(target) else target
    try:
        return typing.get_type_hints(home)
    except Exception:  # noqa: BLE001 - names that exist for type checkers alone, or what a class makes of them
        return {}
