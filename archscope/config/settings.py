"""The types of a config that was read and checked: Config and ModelConfig."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archscope.policy import Budget, Location, LockPolicy
from archscope.spec import Component


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """A model that the config names: ``[models.NAME]``.

    ``source`` is any MODEL but a config name. ``inputs`` are written as for ``--input``, or the one there is names a
    function as for ``--inputs``. ``call`` is another method than forward. ``components`` replace the source's own list;
    None leaves it.
    """

    name: str
    source: str
    location: Location
    options: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    call: str = ""
    components: tuple[Component, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A config file. ``path`` is the file; what it names by relative path lies below its folder, ``root``.

    ``locations`` tells where a key that has a default was set (``lock.depth``).
    """

    path: pathlib.Path
    models: Mapping[str, ModelConfig]
    budgets: tuple[Budget, ...]
    lock: LockPolicy
    locations: Mapping[str, Location]

    @property
    def root(self) -> pathlib.Path:
        """The folder of the file."""
        return self.path.parent
