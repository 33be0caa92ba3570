"""How far a module looks: the receptive field of its output along each dimension of an input, and its stride."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisField:
    """The field along one dimension of an input: ``positions`` of it, ``whole`` when those are all there are.

    ``strides`` are rationals as text (``16``, ``1/2``): one, or several where tensors of several strides were joined,
    or none where every position sees the same. ``positions`` is None where the field is not known: ``reason`` says why.
    """

    dimension: int
    positions: int | None
    whole: bool
    strides: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InputField:
    """The field of a module's output in the input of that name."""

    input: str
    axes: tuple[AxisField, ...]
