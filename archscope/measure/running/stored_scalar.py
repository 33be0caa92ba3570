"""Recording ``x[...] = 1.0`` on meta as the fill that devices run, not as the copy that torch makes there."""

from __future__ import annotations

import dis
import sys
from types import FrameType
from typing import Any

import torch

SCALAR = torch.ops.aten.scalar_tensor.default
_LIFTED = torch.ops.aten.lift_fresh.default
_STORES = frozenset(dis.opmap[name] for name in ("STORE_SUBSCR", "STORE_SLICE") if name in dis.opmap)
_BETWEEN = ("torch._compile", "torch._dynamo.")  # torch's own frames around a mode's dispatch


def stored_scalar(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, tuple[Any, ...], Any]:
    """``SCALAR`` and its arguments as they are, or where Python stores into a meta tensor, what a device does instead.

    torch asks for nothing else between the assignment in the model's code and this call.
    """
    device = kwargs.get("device")
    if device is None or device.type != "meta" or not _stores(sys._getframe(2)):  # noqa: SLF001 - who asks for it?
        return func, args, kwargs
    return _LIFTED, (torch.tensor(args[0], dtype=kwargs.get("dtype")),), {}


def _stores(frame: FrameType | None) -> bool:
    """Whether the code that runs the operator, in ``frame`` or around it, is at an assignment to a subscript."""
    while frame is not None and str(frame.f_globals.get("__name__")).startswith(_BETWEEN):
        frame = frame.f_back
    return frame is not None and frame.f_code.co_code[frame.f_lasti] in _STORES
