"""Several networks that belong together, such as a generator and a discriminator, as one model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import nn

from archscope.errors import InputError


class Networks(nn.Module):
    """Networks by name. ``forward`` takes what each gets by its name: a tensor, or arguments in a tuple or dict."""

    def __init__(self, parts: Mapping[str, nn.Module]) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, **inputs: Any) -> dict[str, Any]:
        """What each network gives that got something."""
        given = {}
        for name, value in inputs.items():
            if name not in self._modules:
                raise InputError(f"there is no network {name!r}", help=f"name one of {', '.join(self._modules)}")
            given[name] = _called(getattr(self, name), value)
        return given


def _called(network: nn.Module, value: Any) -> Any:
    if isinstance(value, dict):
        return network(**value)
    return network(*value) if isinstance(value, (tuple, list)) else network(value)


def networks(made: Any) -> Networks | None:
    """The networks of a tuple, a list or a dict of modules; None for anything else, a container of torch too."""
    if isinstance(made, Mapping) and made and all(isinstance(part, nn.Module) for part in made.values()):
        return Networks(_distinct([(str(name), part) for name, part in made.items()]))
    if isinstance(made, (tuple, list)) and made and all(isinstance(part, nn.Module) for part in made):
        names = getattr(made, "_fields", None) or [type(part).__name__ for part in made]
        return Networks(_distinct(list(zip(names, made, strict=True))))
    return None


def _distinct(parts: list[tuple[str, nn.Module]]) -> dict[str, nn.Module]:
    """The parts by names that may be attributes and differ: the second ``Net`` is ``Net_2``."""
    found: dict[str, nn.Module] = {}
    for name, part in parts:
        plain = re.sub(r"\W", "_", name) or "network"
        plain = plain if not hasattr(nn.Module, plain) else f"{plain}_"
        number, distinct = 1, plain
        while distinct in found:
            number += 1
            distinct = f"{plain}_{number}"
        found[distinct] = part
    return found
