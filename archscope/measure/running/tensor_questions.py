"""What the model asks a tensor without an operator: where it is, and how large one is whose size values decided."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch

from archscope.measure.running.code_lines import asked_by_model, is_model_code
from archscope.measure.running.replaced_functions import Way
from archscope.measure.running.run_notes import RunNotes
from archscope.measure.running.steering_lines import answer_chooses, asks_for_meta, steers_by_size

_BASE: Any = torch._C.TensorBase  # noqa: SLF001 - torch.Tensor inherits all this from it
_IS_META = _BASE.is_meta.__get__

Current = Callable[[], RunNotes | None]


def places_asked(current: Current) -> Iterator[Way]:
    """Each attribute that tells where a tensor is, its owner, and what makes the one that notes who asks."""
    for name in ("device", "is_meta", "is_cpu"):
        yield torch.Tensor, name, lambda original, name=name: _place(f"Tensor.{name}", original.__get__, current)
    yield torch.UntypedStorage, "device", lambda original: _of_storage(original, current)
    yield torch.Tensor, "type", lambda original: _kind(original, current)


def sizes_asked(current: Current) -> Iterator[Way]:
    """Each attribute that tells how large a tensor is, its owner, and what makes the one that notes who asks."""
    yield torch.Tensor, "shape", lambda original: property(_size("shape", original.__get__, current))
    for name in ("size", "numel", "nelement", "__len__", "__iter__", "unbind", "split", "_nnz"):
        yield torch.Tensor, name, lambda original, name=name: _size(name, original, current)


def _of_storage(original: Any, current: Current) -> property:
    def asked(storage: Any) -> Any:
        answer = original.__get__(storage)
        frame = sys._getframe(1)  # noqa: SLF001
        if answer.type == "meta" and is_model_code(frame.f_code.co_filename):
            notes = current()
            known = asks_for_meta(frame) if notes is not None else ""
            if notes is not None and known:
                notes.asked_where("UntypedStorage.device", by_a_gpu=known == "cpu")
        return answer

    return property(asked)


def _kind(original: Any, current: Current) -> Callable[..., Any]:
    """``type()`` without another type names the device (``torch.FloatTensor``), which on meta is none of any device."""

    def asked(tensor: Any, *args: Any, **kwargs: Any) -> Any:
        notes = current() if not (args or kwargs) and _IS_META(tensor) else None
        if notes is not None and asked_by_model() and answer_chooses():
            notes.asked_where("Tensor.type", by_a_gpu=False)
        return original(tensor, *args, **kwargs)

    return asked


def _place(name: str, answer: Callable[[Any], Any], current: Current) -> property:
    def asked(tensor: Any) -> Any:
        frame = sys._getframe(1)  # noqa: SLF001
        if is_model_code(frame.f_code.co_filename) and _IS_META(tensor):
            notes = current()
            if notes is not None:
                known = "cpu" if name == "Tensor.is_cpu" else "meta"
                known = asks_for_meta(frame) if name == "Tensor.device" else known
                if known:
                    notes.asked_where(name, by_a_gpu=known == "cpu")
        return answer(tensor)

    return property(asked)


def _size(name: str, answer: Callable[..., Any], current: Current) -> Callable[..., Any]:
    def asked(tensor: Any, *args: Any, **kwargs: Any) -> Any:
        notes = current()
        if notes is not None and notes.sized and asked_by_model() and steers_by_size():
            notes.asked_size(f"Tensor.{name}", tensor)
        return answer(tensor, *args, **kwargs)

    return asked
