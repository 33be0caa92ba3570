"""The conditions of a run: global settings of torch that are the same for every caller, and put back afterwards."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils._python_dispatch import _disable_current_modes

from archscope.measure.running.mode_stacks import mode_stacks_kept
from archscope.measure.running.replaced_functions import Way, replaced
from archscope.memory import give_back_free_memory, resident_bytes

_GROWTH = 128_000_000  # bytes
_AFTER: list[int] = []  # the size of the process after the last collection
_FROZEN_BY_PYTHON = 1000  # 3.12 starts with some 400 objects frozen


@contextlib.contextmanager
def run_conditions(*, gradients: bool) -> Iterator[None]:
    """Outside of inference mode and autocast, on the CPU by default, attention without its fast path.

    Inference mode would show other operators, autocast would add casts and a default device would allocate on it. All
    kernels of attention are allowed, whichever the caller has switched off. Compiled functions run as they were
    written: torch compiles nothing while it is watched.
    """
    with mode_stacks_kept(), _all_closed() as stack:
        stack.callback(sys.setrecursionlimit, sys.getrecursionlimit())
        sys.setrecursionlimit(2 * sys.getrecursionlimit())  # watching a module takes frames that the model counts on
        stack.enter_context(torch.inference_mode(mode=False))
        stack.enter_context(torch.set_grad_enabled(gradients))
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        fast = torch.backends.mha.get_fastpath_enabled()  # on the CPU it hides an encoder layer in one operator
        stack.callback(torch.backends.mha.set_fastpath_enabled, fast)
        torch.backends.mha.set_fastpath_enabled(False)
        for kernel in ("flash", "mem_efficient", "math"):
            switch = getattr(torch.backends.cuda, f"enable_{kernel}_sdp")
            stack.callback(switch, getattr(torch.backends.cuda, f"{kernel}_sdp_enabled")())
            switch(enabled=True)
        stack.enter_context(_flex_attention_as_written())
        yield


@contextlib.contextmanager
def _all_closed() -> Iterator[contextlib.ExitStack]:
    """A stack of things to undo: each is tried, and what the model raised is what comes through."""
    stack = contextlib.ExitStack()
    try:
        yield stack
    finally:
        with contextlib.suppress(Exception):
            stack.close()


@contextlib.contextmanager
def sparing_collections() -> Iterator[bool]:
    """Python's garbage collector looks at new objects alone: it would walk all of torch once every few models.

    False where it does not, because the caller froze objects already.
    """
    if gc.get_freeze_count() > _FROZEN_BY_PYTHON:  # the caller's own, which unfreeze would end
        yield False
        return
    gc.freeze()
    try:
        yield True
    finally:
        gc.unfreeze()
        _collect_what_grew()


def _collect_what_grew() -> None:
    """Models that hold themselves (a child that knows its parent) go when Python looks at old objects.

    It rarely would: all that outlived a run counts as looked at, because it was frozen.
    """
    size = resident_bytes()
    if _AFTER and size > _AFTER[0] + _GROWTH and gc.isenabled():
        gc.collect()
        give_back_free_memory()  # else what was freed would count as held, and the next threshold lie higher
        _AFTER[:] = [resident_bytes()]
    elif not _AFTER or size < _AFTER[0]:
        _AFTER[:] = [size]


@contextlib.contextmanager
def _flex_attention_as_written() -> Iterator[None]:
    """Flex attention compiles itself when nobody else does, of which this is the only switch, and refuses meta tensors.

    Of those it would run the same operators as of any.
    """
    flex: Any = sys.modules.get("torch.nn.attention.flex_attention")
    if flex is None:
        yield
        return
    before = flex._FLEX_ATTENTION_DISABLE_COMPILE_DEBUG  # noqa: SLF001
    flex._FLEX_ATTENTION_DISABLE_COMPILE_DEBUG = True  # noqa: SLF001
    try:
        with replaced("flex attention", lambda: _flex_ways(flex)):
            yield
    finally:
        flex._FLEX_ATTENTION_DISABLE_COMPILE_DEBUG = before  # noqa: SLF001


def _flex_ways(flex: Any) -> Iterator[Way]:
    yield flex, "_validate_device", _unless_meta
    traced = "create_fw_bw_graph"
    home: Any = sys.modules.get("torch._higher_order_ops.flex_attention")
    if hasattr(home, traced):
        yield home, traced, _unwatched


def _unless_meta(original: Any) -> Any:
    return lambda query, *others: None if query.is_meta else original(query, *others)


def _unwatched(original: Any) -> Any:
    """What torch runs to learn the gradient of a score function is none of the model's work."""

    def run(*args: Any) -> Any:
        with _disable_current_modes():
            return original(*args)

    return run
