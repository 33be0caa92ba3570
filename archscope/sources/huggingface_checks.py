"""Checks of transformers that read values only to warn, or to see that nothing is padded: answered for meta tensors.

A meta tensor has no values, so that such a check would send the whole run to the CPU. The inputs that a source makes
have no padding, which is what is answered here; what differs from that is asked of the tensor as ever.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch

_FUNCTIONS = {
    "transformers.masking_utils": {
        "_ignore_causal_mask_sdpa": "mask",
        "_ignore_bidirectional_mask_sdpa": "mask",
        "find_packed_sequence_indices": "check",
    },
    "transformers.utils.import_utils": {"torch_compilable_check": "check"},
}


@contextlib.contextmanager
def unpadded() -> Iterator[None]:
    """While it lasts, masks on meta are taken to hide nothing, and assertions about meta tensors to hold."""
    with contextlib.ExitStack() as stack:
        for home, functions in _FUNCTIONS.items():
            with contextlib.suppress(ImportError):  # another version of the library
                module = importlib.import_module(home)
                for name, kind in functions.items():
                    _exchange(stack, module, name, _without_mask if kind == "mask" else _not_on_meta)
        models: Any = getattr(sys.modules.get("transformers.modeling_utils"), "PreTrainedModel", None)
        _exchange(stack, models, "warn_if_padding_and_no_attention_mask", _not_on_meta)
        yield


def _exchange(stack: contextlib.ExitStack, owner: Any, name: str, change: Callable[[Any], Any]) -> None:
    """Put what ``change`` makes of ``owner.name`` in its place until ``stack`` ends; nothing where it is not there."""
    function = vars(owner).get(name) if owner is not None else None
    if callable(function):
        changed = change(function)
        setattr(owner, name, changed)
        _rename(name, function, changed)
        stack.callback(_rename, name, changed, function)
        stack.callback(setattr, owner, name, function)


def _rename(name: str, old: Any, new: Any) -> None:
    """Let every module of the library that imported ``old`` by its name have ``new``."""
    for module in [module for key, module in sys.modules.items() if key.startswith("transformers.")]:
        if vars(module).get(name) is old:
            setattr(module, name, new)


def _without_mask(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` whose ``padding_mask``, the first argument, is none where it is on meta."""

    @functools.wraps(function)
    def answered(padding_mask: Any = None, *args: Any, **kwargs: Any) -> Any:
        hides_nothing = isinstance(padding_mask, torch.Tensor) and padding_mask.is_meta
        return function(None if hides_nothing else padding_mask, *args, **kwargs)

    return answered


def _not_on_meta(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` that does nothing where one of its arguments is a meta tensor."""

    @functools.wraps(function)
    def answered(*args: Any, **kwargs: Any) -> Any:
        tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor)]
        return None if any(tensor.is_meta for tensor in tensors) else function(*args, **kwargs)

    return answered
