"""Guessing, from a model's first layer, which ``--input`` to offer when its inputs are unknown."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from torch import nn

from archscope.measure.running.inventory import walk

_IMAGE = "224x224"
_GIVEN = "SHAPE-OR-VALUE"


def suggested_input(model: nn.Module) -> str:
    """``--input x=1x3x224x224`` for a model that starts with a convolution of 3 channels; empty when nothing tells.

    One for each argument that ``forward`` requires; only the first is guessed.
    """
    names = _required(model)
    shape = _shape(module for _, module in walk(model))
    if not names or not shape:
        return ""
    if len(names) == 1:
        return f"--input {shape}"
    return " ".join([f"--input {names[0]}={shape}", *(f"--input {name}={_GIVEN}" for name in names[1:])])


def three_forms(model: nn.Module, method: str = "") -> str:
    """Three ways to give ``model`` what it requires: in order, by name, and as text."""
    names = _required(model, method)
    shape = _shape(module for _, module in walk(model)) or "SHAPE"
    if not names and _takes_any_name(model, method):
        parts = ", ".join(name for name, _ in model.named_children())
        return (
            f'it takes inputs by name alone: analyze(model, {{"NAME": x}}); on the command line --input NAME={shape}; '
            f"its parts are {parts}"
        )
    names = names or ["x"]
    texts = [f"{name}={_GIVEN if place else shape}" for place, name in enumerate(names)]
    in_order = names[0] if len(names) == 1 else f"({', '.join(names)})"
    by_name = "{" + ", ".join(f'"{name}": {name}' for name in names) + "}"
    as_text = f'"{shape}"' if len(names) == 1 else f"[{', '.join(map(_quoted, texts))}]"
    words = " ".join(f"--input {text}" for text in texts)
    forms = ", ".join(f"analyze(model, {form})" for form in (in_order, by_name))
    return f"{forms} or analyze(model, {as_text}); on the command line {words}"


def _quoted(text: str) -> str:
    return f'"{text}"'


def _required(model: nn.Module, method: str = "") -> list[str]:
    try:
        parameters = inspect.signature(getattr(model, method or "forward")).parameters.values()
    except (TypeError, ValueError):
        return []
    kinds = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    named = [parameter for parameter in parameters if parameter.kind in kinds]
    required = [parameter.name for parameter in named if parameter.default is inspect.Parameter.empty]
    return required or [parameter.name for parameter in named[:1]]


def _takes_any_name(model: nn.Module, method: str) -> bool:
    """Whether it takes nothing but keywords, of any name."""
    try:
        parameters = [*inspect.signature(getattr(model, method or "forward")).parameters.values()]
    except (TypeError, ValueError):
        return False
    return len(parameters) == 1 and parameters[0].kind is inspect.Parameter.VAR_KEYWORD


def _shape(modules: Iterable[nn.Module]) -> str:  # noqa: PLR0911 - one for each kind of layer
    """What the first layer with a known input size takes."""
    for module in modules:
        match module:
            case nn.Conv1d() | nn.ConvTranspose1d():
                return f"1x{module.in_channels}x1000"
            case nn.Conv2d() | nn.ConvTranspose2d():
                return f"1x{module.in_channels}x{_IMAGE}"
            case nn.Conv3d() | nn.ConvTranspose3d():
                return f"1x{module.in_channels}x16x112x112"
            case nn.Embedding() | nn.EmbeddingBag():
                return "1x128:int64"
            case nn.Linear():
                return f"1x{module.in_features}"
            case nn.RNNBase():
                return f"1x128x{module.input_size}"
            case nn.MultiheadAttention():
                return f"1x128x{module.embed_dim}"
    return ""
