"""One operator, run: on meta with constants of the CPU, and with dtypes that its meta kernel does not take."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils import _pytree as pytree

from archscope.measure.running.attention_values import BACKWARD, FORWARD, attention_values

# None of a torch that is older than the operator (2.6 is).
_GROUPED_MM = getattr(getattr(torch.ops.aten, "_grouped_mm", None), "default", None)
_INPLACE_VIEW = torch.Tag.inplace_view


def run_operator(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call an operator; constants that a model made on the CPU follow when they meet a meta tensor."""
    try:
        return func(*args, **kwargs)
    except (RuntimeError, NotImplementedError):
        if func is _GROUPED_MM and args[0].is_meta and args[0].dtype is not torch.bfloat16:
            return _grouped_mm_on_meta(func, args, kwargs)
        if func in FORWARD or func in BACKWARD:
            return attention_values(func, args, kwargs)
        leaves = pytree.tree_leaves((args, kwargs))
        if not any(isinstance(leaf, torch.Tensor) and leaf.is_meta for leaf in leaves):
            raise
        if _INPLACE_VIEW in func.tags and not getattr(args[0], "is_meta", True):
            raise  # it would give its new shape to a tensor that nobody has
        moved = pytree.tree_map(_to_meta, (args, kwargs))
        if all(before is after for before, after in zip(leaves, pytree.tree_leaves(moved), strict=True)):
            raise
        return func(*moved[0], **moved[1])


def _grouped_mm_on_meta(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Torch's meta kernel takes bfloat16 alone, as CUDA does, where the CPU takes any dtype."""
    narrow, options = pytree.tree_map_only(_is_floating, torch.Tensor.bfloat16, (args, kwargs))
    return func(*narrow, **options).to(args[0].dtype)


def _is_floating(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def _to_meta(value: Any) -> Any:
    if isinstance(value, torch.Tensor) and not value.is_meta:
        return value.to("meta")
    if isinstance(value, torch.device) and value.type != "meta":
        return torch.device("meta")
    return value
