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
    """The device whose autocast was turned on (``cpu``, ``cuda``), and one that was asked for and is not here."""

    device: str = ""
    absent: str = ""

    @property
    def told(self) -> str:
        """What to say of a run that could not have what it asked for."""
        if not self.absent:
            return ""
        return (
            f"autocast for {self.absent} does nothing on a machine without such a device: dtypes, bytes and memory are "
            "those of full precision"
        )

    def ask(self, device: str) -> None:
        """Take note of a device."""
        if device == "cpu" or (device == "cuda" and torch.cuda.is_available()):
            self.device = self.device or device
        else:
            self.absent = device


@contextlib.contextmanager
def autocast_watched() -> Iterator[AutocastSeen]:
    """Note what this thread asks of autocast."""
    seen, mine = AutocastSeen(), threading.get_ident()
    turn, asks = torch.set_autocast_enabled, _AMP.amp_definitely_not_available

    def turned(*args: Any) -> None:
        if threading.get_ident() == mine and args[-1]:
            seen.ask(str(args[0]) if len(args) > 1 else "cuda")  # the older form has no device
        turn(*args)

    def asked() -> bool:
        absent = bool(asks())
        if absent and threading.get_ident() == mine:
            seen.ask("cuda")
        return absent

    _TORCH.set_autocast_enabled, _AMP.amp_definitely_not_available = turned, asked
    try:
        yield seen
    finally:
        _TORCH.set_autocast_enabled, _AMP.amp_definitely_not_available = turn, asks
