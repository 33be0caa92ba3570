"""Torch's fake tensors: taken off where the caller has them on, put on where a model asks for mixed precision.

Autocast decides by device and leaves meta tensors alone. A fake tensor has the device's dispatch and no memory, so it
is cast as one on that device would be.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily

from archscope.measure.running.model_state import Replacement
from archscope.measure.running.parameter_classes import as_parameter


def is_fake(tensor: torch.Tensor) -> bool:
    """Whether ``tensor`` is one of torch's fake tensors."""
    return isinstance(tensor, FakeTensor)


@contextlib.contextmanager
def fakes() -> Iterator[None]:
    """Every tensor that is made is a fake one."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


def fake_like(device: str) -> Replacement:
    """Fake tensors on ``device``, to be made where ``fakes`` is on."""

    def twin_of(tensor: torch.Tensor) -> torch.Tensor:
        twin = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=device)
        return as_parameter(tensor, twin)

    return twin_of


@contextlib.contextmanager
def without_fakes() -> Iterator[None]:
    """Outside of every FakeTensorMode that the caller has entered."""
    with unset_fake_temporarily():
        yield
