"""FeatherFace's presets as ModelSpecs: torch is imported only when one is built."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from archscope.models.featherface.config import BASELINE, V2, FeatherFaceConfig, configure, describe_options
from archscope.models.featherface.layout import components
from archscope.spec import IMAGES, InputSpec, ModelSpec, OptionValue

if TYPE_CHECKING:
    from archscope.models.featherface.model import FeatherFace


def featherface_baseline(**options: OptionValue) -> ModelSpec:
    """The published FeatherFace: 592,371 parameters, 1.244 G MACs at 1x3x640x640. Raises OptionError."""
    return _spec("featherface-baseline", "face detector, the published 0.59M-parameter network", BASELINE, options)


def featherface_v2(**options: OptionValue) -> ModelSpec:
    """FeatherFace under 0.25M: 249,777 parameters, 459 M MACs at 1x3x640x640. Raises OptionError.

    The backbone keeps its 213,072 parameters, so everything else has to fit in 36,927. Where they go, and why:

    - BiFPN, 25,908: 32 channels, two cells. The bottom-up path reuses the first projections; a second pair would cost
      12,480 for reading the same features again.
    - CBAM, 201: on the BiFPN's outputs alone, reduction 32, one channel gate and one spatial kernel for all levels. On
      the backbone they would cost 5,844 more, 4,360 of them for P5's 256 channels, and a projection follows there that
      weighs channels anyway.
    - SSH, 7,092: 48 channels in four groups with a shuffle between chained kernels, one set of kernels for all levels.
      Plain, not deformable: even separable offset convolutions would cost 3,735, which buys more as width, and the
      sampling is slow without a kernel of its own and hard to quantise.
    - Heads, 3,504: one separable trunk of 32 channels, as many as the tasks have outputs: a narrower one is a
      bottleneck.

    What levels share is convolutions; every level keeps its own batch norm (996 parameters more), because running
    averages over levels of different statistics fit none of them in eval mode.
    Of six candidates of this size this one learnt drawn faces best, with every seed: ``docs/featherface.md`` has the
    table, ``benchmarks/trial_featherface_v2.py`` the trial.
    """
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
        inputs=(InputSpec(shape=(1, 3, 640, 640), axes=IMAGES),),
        components=components(config),
        description=description,
    )
