"""Saving and restoring the stacks of torch's function modes and dispatch modes in this thread."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from torch import overrides
from torch.utils import _device
from torch.utils import _python_dispatch as dispatch


@contextlib.contextmanager
def mode_stacks_kept() -> Iterator[None]:
    """Put back the stacks of dispatch and function modes where code entered one and never left it.

    The ``with`` block of another mode would take that one off in the place of its own.
    """
    before = _stacks()
    device = _device.CURRENT_DEVICE
    try:
        yield
    finally:
        _device.CURRENT_DEVICE = device
        for held, now, (_, push, pop) in zip(before, _stacks(), _PLACES, strict=True):
            if [*map(id, held)] != [*map(id, now)]:
                for _ in now:
                    pop()
                for mode in held:
                    push(mode)


_PLACES: tuple[Any, ...] = (
    (dispatch._get_current_dispatch_mode_stack, dispatch._push_mode, dispatch._pop_mode),  # noqa: SLF001 - the same
    (overrides._get_current_function_mode_stack, overrides._push_mode, overrides._pop_mode),  # noqa: SLF001
)


def _stacks() -> list[list[Any]]:
    return [[*modes()] for modes, _, _ in _PLACES]
