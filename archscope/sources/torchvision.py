"""Models of torchvision (``torchvision:NAME``), without their weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from archscope.errors import OptionError, SpecError, did_you_mean
from archscope.sources.construction import construct, described, parameters_of
from archscope.sources.libraries import require
from archscope.spec import IMAGES, VIDEOS, InputSpec, ModelSpec

if TYPE_CHECKING:
    from torch import nn

_WEIGHTS = ("weights", "weights_backbone")
_DETECTION_SIDE = 800  # to which GeneralizedRCNNTransform scales the shorter side unless told otherwise
_FRAMES = 16  # the clip length with which torchvision's video models are trained
_FLOW_SIDE = 512  # at which the published operation counts of optical flow (211.007 G for raft_large) come out
_AS_TRAINED = {"googlenet": {"aux_logits": False, "init_weights": False}}  # what its weights describe


def from_torchvision(source: str, name: str, options: Mapping[str, Any]) -> ModelSpec:
    """The model that ``torchvision.models.get_model(name, **options)`` makes, as its weights describe it, without them.

    Weights come with auxiliary heads of segmentation, without those of GoogLeNet, and with the frozen batch norms of
    detection; ``options`` win. The input is what the weights' transforms produce: the smallest crop. Raises SpecError
    for an unknown name, OptionError for weights and ImportModelError when torchvision is missing.
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
    without: dict[str, Any] = {key: None for key in _WEIGHTS if key in parameters_of(builder)}

    trained = _weights(models, name)
    if trained:
        without |= _AS_TRAINED.get(name, {})
        without |= {"aux_loss": True} if "aux_loss" in parameters_of(builder) else {}

    def get_model(**settings: Any) -> nn.Module:
        return builder(**{**without, **settings})  # type: ignore[no-any-return]

    detects = ".detection" in builder.__module__
    frozen = detects and bool(trained) and _freezes(get_model, trained[0].meta.get("num_params"))

    def build() -> nn.Module:
        model = construct(get_model, name, options, shown=builder)
        if frozen:
            _freeze(model)
        return model

    return ModelSpec(
        name=name,
        source=source,
        build=build,
        options=described(builder, options),
        inputs=_inputs(trained, builder.__module__),
        description=_bounds(build) if detects else "",
    )


def _weights(models: Any, name: str) -> list[Any]:
    try:
        return list(models.get_model_weights(name))
    except ValueError:  # it has none
        return []


def _freezes(get_model: Callable[[], nn.Module], published: int | None) -> bool:
    """Whether the published number of parameters comes out once the batch norms of the backbone hold none."""
    import torch

    with torch.device("meta"):
        model = get_model()
    normal = sum(parameter.numel() for module in _batch_norms(model).values() for parameter in module.parameters())
    return bool(normal) and sum(parameter.numel() for parameter in model.parameters()) - normal == published


def _batch_norms(model: nn.Module) -> dict[str, nn.Module]:
    from torch import nn

    backbone = getattr(model, "backbone", nn.Identity())
    return {path: module for path, module in backbone.named_modules() if isinstance(module, nn.BatchNorm2d)}


def _freeze(model: Any) -> None:
    """Exchange the batch norms of the backbone for frozen ones, as torchvision does where it loads weights."""
    from torchvision.ops.misc import FrozenBatchNorm2d

    for path, module in _batch_norms(model).items():
        parent, _, last = path.rpartition(".")
        setattr(model.backbone.get_submodule(parent), last, FrozenBatchNorm2d(module.num_features, eps=module.eps))


def _bounds(build: Callable[[], nn.Module]) -> str:
    """The most boxes that the heads of a two-stage detector can get; how many there are is up to the values."""
    import torch

    with torch.device("meta"):
        model: Any = build()
    try:
        proposals = model.rpn._post_nms_top_n["testing"]  # noqa: SLF001 - there is no public name for it
        detections = model.roi_heads.detections_per_img
    except (AttributeError, KeyError, TypeError):
        return ""
    others = any(getattr(model.roi_heads, head, None) is not None for head in ("mask_head", "keypoint_head"))
    further = f", masks or keypoints for at most {detections:,} of them" if others else ""
    return f"the box head runs on at most {proposals:,} proposals an image{further}: how many depends on the values"


def _inputs(known: list[Any], home: str) -> tuple[InputSpec, ...]:
    """One sample of what a model of the module ``home`` with these weights takes."""
    if not known:
        return ()
    if ".detection" in home:
        return (InputSpec(shape=(1, 3, _DETECTION_SIDE, _DETECTION_SIDE), axes=IMAGES),)
    sides = [side for weights in known if (side := _side(weights.transforms()))]
    if ".optical_flow" in home:
        shape = (1, 3, _FLOW_SIDE, _FLOW_SIDE)
        return tuple(InputSpec(shape=shape, name=image, axes=IMAGES) for image in ("image1", "image2"))
    if not sides:
        return ()
    if ".video" in home:
        frames = max(_FRAMES, *(weights.meta.get("min_temporal_size") or 1 for weights in known))
        return (InputSpec(shape=(1, 3, frames, *min(sides)), axes=VIDEOS),)
    return (InputSpec(shape=(1, 3, *min(sides)), axes=IMAGES),)


def _side(transforms: Any) -> tuple[int, int] | None:
    """Height and width of what a transform produces: its crop, else (segmentation) its resized image."""
    for size in (getattr(transforms, "crop_size", None), getattr(transforms, "resize_size", None)):
        if size:
            return (size[0], size[-1])
    return None
