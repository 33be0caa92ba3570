"""The devices on which a model can be run: meta, fake or real tensors in place of its own tensors and inputs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from archscope.measure.running.fake_tensors import fake_like, fakes
from archscope.measure.running.inputs import exchanged_inputs, on_meta, with_values
from archscope.measure.running.meta_parameters import meta_like, real_like
from archscope.measure.running.model_state import Replacement
from archscope.spec import Inputs

_FAKE = "fake "


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIns:
    """``device`` as a trace tells it, what stands for a weight and for inputs, and what must be on meanwhile."""

    device: str
    weight: Replacement
    inputs: Callable[[Inputs], Inputs]
    around: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext


def stand_ins(device: str) -> StandIns:
    """Those for ``device``: ``meta``, a real one, or ``fake cpu`` and ``fake cuda``, which cast as that device does."""
    if device == "meta":
        return StandIns(device=device, weight=meta_like, inputs=on_meta)
    if device.startswith(_FAKE):
        made = fake_like(device.removeprefix(_FAKE))
        return StandIns(
            device="meta", weight=made, inputs=lambda call: exchanged_inputs(on_meta(call), made), around=fakes
        )
    return StandIns(device=device, weight=real_like(device), inputs=lambda call: with_values(call, device))
