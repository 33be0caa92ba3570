"""Running an operator as those that torch makes it of: composite ones, and those on lists of tensors (_foreach_add)."""

from __future__ import annotations

from typing import Any

import torch

_KEY = torch._C.DispatchKey.CompositeImplicitAutograd  # noqa: SLF001 - no public name
_OF_LISTS = torch._C.DispatchKey.CompositeExplicitAutograd  # noqa: SLF001 - where the form is that goes one by one
_HAS_KERNEL = torch._C._dispatch_has_kernel_for_dispatch_key  # noqa: SLF001 - no public name


def is_taken_apart(func: Any) -> bool:
    """Whether ``func`` is to be seen as its parts; one with a kernel of its own too (silu_backward) is not."""
    name = func.name()
    if name.startswith("aten::_foreach_"):
        return bool(_HAS_KERNEL(name, "CompositeExplicitAutograd"))
    return bool(_HAS_KERNEL(name, "CompositeImplicitAutograd")) and not _HAS_KERNEL(name, "CPU")


def taken_apart(func: Any, *args: Any, **kwargs: Any) -> Any:
    """Run the operators that ``func`` consists of: ``func.decompose`` prefers forms that only compilers ask for."""
    key = _OF_LISTS if func.name().startswith("aten::_foreach_") else _KEY
    return func._op_dk(key, *args, **kwargs)  # noqa: SLF001 - the kernel that runs when nothing intercepts it
