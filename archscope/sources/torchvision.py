"""Models of torchvision (``torchvision:NAME``), without their weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from archscope.errors import OptionError, SpecError, did_you_mean
from archscope.sources.construction import construct, described, parameters_of
from archscope.sources.libraries import require
from archscope.spec import InputSpec, ModelSpec

if TYPE_CHECKING:
    from torch import nn

_WEIGHTS = ("weights", "weights_backbone")
_DETECTION_SIDE = 800  # to which GeneralizedRCNNTransform scales the shorter side unless told otherwise
_FRAMES = 16  # the clip length with which torchvision's video models are trained


def from_torchvision(source: str, name: str, options: Mapping[str, Any]) -> ModelSpec:
    """The model that ``torchvision.models.get_model(name, weights=None, **options)`` makes.

    Its input is what its weights' transforms produce: the smallest crop, as the constructor's defaults want it. Raises
    SpecError for an unknown name, OptionError for weights and ImportModelError when torchvision is missing.
    """
    models = require("torchvision.models", wanted_by=source)
    refused = [key for key in _WEIGHTS if key in options]
    if refused:
        raise OptionError("weights change no figure: models are built without them", help=f"leave out {refused[0]}")
    names = models.list_models()
    if name not in names:
        hint = did_you_mean(name, names)
        raise SpecError(f"torchvision has no model {name!r}", help=f"{hint}torchvision.models.list_models() lists them")
    builder = models.get_model_builder(name)
    without = {key: None for key in _WEIGHTS if key in parameters_of(builder)}

    def get_model(**settings: Any) -> nn.Module:
        return builder(**without, **settings)  # type: ignore[no-any-return]

    return ModelSpec(
        name=name,
        source=source,
        build=lambda: construct(get_model, name, options, shown=builder),
        options=described(builder, options),
        inputs=_inputs(models, name, builder.__module__),
    )


def _inputs(models: Any, name: str, home: str) -> tuple[InputSpec, ...]:
    try:
        known = list(models.get_model_weights(name))
    except ValueError:
        return ()
    if ".detection" in home:
        return (InputSpec(shape=(1, 3, _DETECTION_SIDE, _DETECTION_SIDE)),)
    sides = [side for weights in known if (side := _side(weights.transforms()))]
    least = [weights.meta.get("min_size") for weights in known]
    if ".optical_flow" in home and least and least[0]:
        return tuple(InputSpec(shape=(1, 3, *least[0]), name=image) for image in ("image1", "image2"))
    if not sides:
        return ()
    if ".video" in home:
        frames = max(_FRAMES, *(weights.meta.get("min_temporal_size") or 1 for weights in known))
        return (InputSpec(shape=(1, 3, frames, *min(sides))),)
    return (InputSpec(shape=(1, 3, *min(sides))),)


def _side(transforms: Any) -> tuple[int, int] | None:
    """Height and width of what a transform produces: its crop, else (segmentation) its resized image."""
    for size in (getattr(transforms, "crop_size", None), getattr(transforms, "resize_size", None)):
        if size:
            return (size[0], size[-1])
    return None
