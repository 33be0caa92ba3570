"""Models of timm (``timm:NAME``), without their weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from archscope.errors import OptionError, SpecError, did_you_mean
from archscope.sources.construction import construct, described
from archscope.sources.libraries import require
from archscope.spec import IMAGES, InputSpec, ModelSpec

if TYPE_CHECKING:
    from torch import nn


def from_timm(source: str, name: str, options: Mapping[str, Any]) -> ModelSpec:
    """The model that ``timm.create_model(name, **options)`` makes; its input is that of its pretrained config.

    Raises SpecError for an unknown name, OptionError for ``pretrained`` and ImportModelError when timm is missing.
    """
    timm = require("timm", wanted_by=source)
    if "pretrained" in options:
        raise OptionError("weights change no figure: models are built without them", help="leave out pretrained")
    if not timm.is_model(name):
        hint = did_you_mean(name, timm.list_models())
        raise SpecError(f"timm has no model {name!r}", help=f"{hint}timm.list_models() lists them")

    entry = timm.model_entrypoint(name.partition(".")[0])

    def create_model(**settings: Any) -> nn.Module:
        return timm.create_model(name, **settings)  # type: ignore[no-any-return]

    return ModelSpec(
        name=name,
        source=source,
        build=lambda: construct(create_model, name, options, shown=entry),
        options=described(entry, options),
        inputs=_inputs(timm, name, options),
    )


def _inputs(timm: Any, name: str, options: Mapping[str, Any]) -> tuple[InputSpec, ...]:
    known = timm.get_pretrained_cfg(name)
    size = getattr(known, "input_size", None)
    if not size:
        return ()
    channels, height, width = size
    if isinstance(options.get("in_chans"), int):
        channels = options["in_chans"]
    if isinstance(options.get("img_size"), int):
        height = width = options["img_size"]
    return (InputSpec(shape=(1, channels, height, width), axes=IMAGES),)
