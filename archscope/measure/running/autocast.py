"""Which mixed precision a model asks for in its forward pass, where meta tensors would show none."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

_TORCH: Any = torch
_AMP: Any = torch.cuda.amp.common


@dataclass(slots=True)
class AutocastSeen:
    """The device whose autocast was turned on (``cpu``, ``cuda``), and whether one was asked for that is not here."""

    device: str = ""
    refused: bool = False

    @property
    def told(self) -> str:
        """What to say of a run that could not have what it asked for."""
        if not self.refused:
            return ""
        return "autocast for CUDA is off where there is no GPU: dtypes, bytes and memory are those of full precision"


@contextlib.contextmanager
def autocast_watched() -> Iterator[AutocastSeen]:
    """Note what this thread asks of autocast."""
    seen, mine = AutocastSeen(), threading.get_ident()
    turn, asks = torch.set_autocast_enabled, _AMP.amp_definitely_not_available

    def turned(*args: Any) -> None:
        if threading.get_ident() == mine and args[-1] and seen.device != "cuda":
            seen.device = args[0] if len(args) > 1 else "cuda"  # the older form has no device
        turn(*args)

    def asked() -> bool:
        absent = bool(asks())
        seen.refused |= absent and threading.get_ident() == mine
        return absent

    _TORCH.set_autocast_enabled, _AMP.amp_definitely_not_available = turned, asked
    try:
        yield seen
    finally:
        _TORCH.set_autocast_enabled, _AMP.amp_definitely_not_available = turn, asks
