"""Calling a model's class or factory with options, and the error when that fails."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from archscope.causes import cause_of
from archscope.errors import ArchscopeError, BuildError, place_of, raised
from archscope.sources.arguments import arguments_of
from archscope.spec import ModelSpec, Option, OptionValue, option_value

if TYPE_CHECKING:
    from torch import nn

OptionValues = Mapping[str, Any]


def construct(
    target: Callable[..., Any], name: str, options: OptionValues, *, shown: Callable[..., Any] | None = None
) -> nn.Module:
    """Call ``target`` with ``options``; raises BuildError with the signature of ``shown`` (else ``target``)."""
    shown = shown or target
    from torch import nn

    from archscope.sources.networks import networks

    try:
        model = target(**arguments_of(target, options))
        if isinstance(model, ModelSpec):
            model = model.build()
        if not isinstance(model, nn.Module):
            several = networks(model)
            model = model if several is None else several
    except ArchscopeError:
        raise
    except (Exception, SystemExit) as error:
        known = cause_of(error)
        what = known.what if known and known.what else f"raised {raised(error)}"
        called = f"it is called as {name}{_signature(shown)}; --set key=value passes an option"
        raise BuildError(
            f"{name}({_written(options)}) {what}",
            where=place_of(error) or _defined_at(shown),
            help=known.help if known else called,
        ) from error
    if not isinstance(model, nn.Module):
        raise BuildError(
            f"{name}({_written(options)}) returned {article(type(model).__name__)}, not a torch.nn.Module",
            where=_defined_at(shown),
            help="name a class, or a function that returns a model or several in a tuple or dict",
        )
    return model


def described(target: Callable[..., Any], options: OptionValues) -> tuple[Option, ...]:
    """``options`` with the defaults that ``target`` gives them."""
    parameters = parameters_of(target)

    def default(key: str, value: Any) -> OptionValue:
        parameter = parameters.get(key)
        if parameter is None or parameter.default is parameter.empty:
            return option_value(value)
        known = parameter.default
        if isinstance(known, (tuple, list)) and isinstance(value, (tuple, list)):
            known = type(value)(known)
        is_plain = isinstance(known, (bool, int, float, str, tuple, list, dict, type(None)))
        return option_value(known if is_plain else value)

    return tuple(
        Option(name=key, value=option_value(value), default=default(key, value)) for key, value in options.items()
    )


def parameters_of(target: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The parameters of ``target`` by name; none when they cannot be told."""
    try:
        return inspect.signature(target).parameters
    except (TypeError, ValueError):
        return {}


def _signature(target: Callable[..., Any]) -> str:
    try:
        return str(inspect.signature(target))
    except (TypeError, ValueError):
        return "(...)"


def _defined_at(target: Callable[..., Any]) -> str:
    try:
        file, line = inspect.getsourcefile(target), inspect.getsourcelines(target)[1]
    except (OSError, TypeError):
        return ""
    return f"{os.path.relpath(file)}:{line}" if file and "site-packages" not in PurePath(file).parts else ""


def _written(options: OptionValues) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in options.items())


def article(kind: str) -> str:
    """``kind`` with a or an before it."""
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"
