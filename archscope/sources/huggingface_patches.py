"""What a vision tower of transformers takes that is given patches of a picture, and the sizes of their grid as values.

Its processor cuts pictures of any size into patches: each is a row, and ``grid_thw`` (or ``spatial_shapes``,
``pixel_position_ids``) says how they lie. The picture is as large as the configuration says, or of 224 pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from inspect import Parameter
from typing import Any

from archscope.sources.huggingface_sizes import documented, image, number
from archscope.spec import InputSpec

_GRIDS = frozenset({"grid_thw", "spatial_shapes", "pixel_position_ids", "image_position_ids"})
_POSITIONS = frozenset({"pixel_position_ids", "image_position_ids"})
_PATCHES = ("pixel_values", "hidden_states")
_MERGES = ("spatial_merge_size", "merge_size", "pooling_kernel_size", "downsample_factor")
_SINGLE = 5  # dimensions of patches that keep their height and width


def patch_inputs(accepted: Mapping[str, Parameter], function: Any, config: Any) -> tuple[InputSpec, ...]:
    """The patches of one picture and what says how they lie; empty where ``function`` takes none of that."""
    grid = next((name for name in accepted if name in _GRIDS), None)
    patches = next((name for name in _PATCHES if name in accepted), None)
    vision = getattr(config, "vision_config", None) or config
    edge = number(vision, "patch_size")
    if grid is None or patches is None or edge is None:
        return ()
    merge = number(vision, *_MERGES) or 1
    side = _side(vision, merge)
    batch = () if grid == "grid_thw" else (1,)
    wide = (vision_channels(vision), edge, edge)
    dims = documented(patches, function)
    if len(dims) == _SINGLE and dims.count("patch_size") == len(wide) - 1:
        shape: tuple[int, ...] = (1, side * side, *wide)
    else:
        deep = number(vision, "temporal_patch_size", "patch_temporal") or 1
        shape = (*batch, side * side, deep * math.prod(wide))
    made = [InputSpec(shape=shape, dtype=_dtype(config), name=patches), _grid(grid, side)]
    made += _beside(accepted, made, side * side, merge)
    return tuple(made)


def vision_channels(vision: Any) -> int:
    """How many channels a picture has."""
    return number(vision, "in_channels", "num_channels", "in_chans") or 3


def _side(vision: Any, merge: int) -> int:
    """How many patches lie beside each other: a multiple of those that are merged."""
    known = math.isqrt(number(vision, "num_patches") or 0)
    side = known or image(vision)[-1] // (number(vision, "patch_size") or 1)
    return max(side // merge, 1) * merge


def _grid(name: str, side: int) -> InputSpec:
    if name in _POSITIONS:
        places = tuple(place for y in range(side) for x in range(side) for place in (x, y))
        return InputSpec(shape=(1, side * side, 2), dtype="int64", name=name, values=places)
    values = (side, side) if name == "spatial_shapes" else (1, side, side)
    return InputSpec(shape=(1, len(values)), dtype="int64", name=name, values=values)


def _beside(
    accepted: Mapping[str, Parameter], made: Iterable[InputSpec], patches: int, merge: int
) -> Iterable[InputSpec]:
    """What else must be given: masks that hide nothing, and the sizes of what is merged."""
    known = {spec.name for spec in made}
    for name, parameter in accepted.items():
        if name in known or parameter.default is not parameter.empty:
            continue
        if name.endswith("mask"):
            yield InputSpec(shape=(1, patches), dtype="int64", name=name, values=(1,))
        if name == "merge_sizes":
            yield InputSpec(shape=(1,), dtype="int64", name=name, values=(merge,))


def _dtype(config: Any) -> str:
    return str(getattr(config, "dtype", None) or "float32").removeprefix("torch.")
