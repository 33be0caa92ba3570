"""FeatherFace's presets as ModelSpecs: torch is imported only when one is built."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from archscope.models.featherface.config import BASELINE, V2, FeatherFaceConfig, configure, describe_options
from archscope.models.featherface.layout import components
from archscope.spec import InputSpec, ModelSpec, OptionValue

if TYPE_CHECKING:
    from archscope.models.featherface.model import FeatherFace


def featherface_baseline(**options: OptionValue) -> ModelSpec:
    """The published FeatherFace: 592,371 parameters, 1.244 G MACs at 1x3x640x640. Raises OptionError."""
    return _spec("featherface-baseline", "face detector, the published 0.59M-parameter network", BASELINE, options)


def featherface_v2(**options: OptionValue) -> ModelSpec:
    """FeatherFace under 0.25M parameters. Raises OptionError."""
    return _spec("featherface-v2", "face detector, FeatherFace reduced to under 0.25M parameters", V2, options)


def build(config: FeatherFaceConfig) -> FeatherFace:
    """A new FeatherFace on torch's default device."""
    from archscope.models.featherface.model import FeatherFace

    return FeatherFace(config)


def _spec(name: str, description: str, preset: FeatherFaceConfig, options: dict[str, OptionValue]) -> ModelSpec:
    config = configure(preset, options)
    return ModelSpec(
        name=name,
        source=f"zoo:{name}",
        build=partial(build, config),
        options=describe_options(config, preset),
        inputs=(InputSpec(shape=(1, 3, 640, 640)),),
        components=components(config),
        description=description,
    )
