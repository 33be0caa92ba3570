"""What a model holds that changes in place and has no attributes: random generators, arrays, buffers, iterators."""

from __future__ import annotations

import array
import contextlib
import copy
import io
import itertools
import random
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np
import torch

_ITERATORS: tuple[type, ...] = (itertools.count, type(iter([])), type(iter(())), type(iter(range(0))))
HELD: tuple[type, ...] = (
    *(torch.Generator, np.random.Generator, np.random.RandomState, random.Random),
    *(np.ndarray, bytearray, memoryview, array.array, io.BytesIO, io.StringIO, *_ITERATORS),
)
_LARGEST = 64_000_000  # bytes


def own_copy(value: Any) -> Any:
    """A copy of ``value``, one of ``HELD``, that goes its own way; None where it has to be shared.

    Those are arrays of more than 64 MB or of a file, and generators that no class can make anew.
    """
    if _is_large(value):
        return None
    with contextlib.suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if isinstance(value, torch.Generator):
            made = torch.Generator(device=value.device)
            made.set_state(value.get_state())
            return made
        if isinstance(value, memoryview):
            whole, form = memoryview(bytearray(value)), cast("Any", value.format)
            return whole.cast(form, value.shape) if value.c_contiguous and value.shape else None
        return copy.deepcopy(value) if not isinstance(value, _ITERATORS) else copy.copy(value)
    return None


def state_of(value: Any) -> Callable[[], object] | None:
    """What puts ``value``, one of ``HELD``, back into the state that it is in now; None for what has no way back."""
    match value:
        case torch.Generator():
            state = value.get_state()
            return lambda: value.set_state(state)
        case random.Random():
            return _setting(value.setstate, value.getstate())
        case np.random.RandomState():
            return _setting(value.set_state, value.get_state())
        case np.random.Generator():
            bits: Any = value.bit_generator
            return _setting(lambda known: setattr(bits, "state", known), bits.state)
        case io.BytesIO() | io.StringIO() if not value.closed:
            return partial(_rewrite, value, value.getvalue(), value.tell())
    return _state_of_numbers(value)


def _state_of_numbers(value: Any) -> Callable[[], object] | None:
    if _is_large(value):
        return None
    match value:
        case np.ndarray() | bytearray() | array.array():
            whole: Any = ... if isinstance(value, np.ndarray) else slice(None)
            return _setting(lambda known: value.__setitem__(whole, known), copy.deepcopy(value))
        case memoryview() if not value.readonly and value.c_contiguous:
            bare = value.cast("B")
            return _setting(lambda known: bare.__setitem__(slice(None), known), bytes(bare))
    return None


def _rewrite(stream: Any, content: Any, place: int) -> None:
    if stream.getvalue() != content:
        stream.seek(0)
        stream.truncate()
        stream.write(content)
    stream.seek(place)


def _setting(setter: Callable[[Any], object], state: Any) -> Callable[[], object]:
    return lambda: setter(state)


def _is_large(value: Any) -> bool:
    return isinstance(value, np.memmap) or (isinstance(value, (np.ndarray, memoryview)) and value.nbytes > _LARGEST)
