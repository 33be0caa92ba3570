"""The zoo: models that archscope knows by name. Importing it does not import torch; building a model does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from archscope.errors import SpecError, did_you_mean
from archscope.models.featherface.spec import featherface_baseline, featherface_v2
from archscope.spec import ModelSpec, OptionValue

ZOO: Mapping[str, Callable[..., ModelSpec]] = MappingProxyType(
    {"featherface-baseline": featherface_baseline, "featherface-v2": featherface_v2}
)
ALIASES: Mapping[str, str] = MappingProxyType({"baseline": "featherface-baseline", "v2": "featherface-v2"})

#: Pairs of models that belong side by side: a base and what became of it.
COMPARED: tuple[tuple[str, str], ...] = (("featherface-baseline", "featherface-v2"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZooModel:
    """A model of the zoo as ``archscope models`` lists it."""

    name: str
    aliases: tuple[str, ...]
    description: str


def zoo_models() -> tuple[ZooModel, ...]:
    """Every model of the zoo, by name."""
    return tuple(
        ZooModel(
            name=name,
            aliases=tuple(alias for alias, meant in ALIASES.items() if meant == name),
            description=ZOO[name]().description,
        )
        for name in sorted(ZOO)
    )


def zoo_spec(name: str, **options: OptionValue) -> ModelSpec:
    """The model called ``name`` (or its alias), with ``options`` in place of its defaults.

    Raises SpecError for an unknown name and OptionError for options that it refuses.
    """
    full = ALIASES.get(name, name)
    if full not in ZOO:
        hint = did_you_mean(name, (*ZOO, *ALIASES))
        raise SpecError(f"the zoo has no model {name!r}", help=f"{hint}it has {', '.join(sorted(ZOO))}")
    return ZOO[full](**options)
