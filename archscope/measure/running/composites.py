"""Running a composite operator as the operators that torch makes it of (CompositeImplicitAutograd)."""

from __future__ import annotations

from typing import Any

import torch

_KEY = torch._C.DispatchKey.CompositeImplicitAutograd  # noqa: SLF001 - no public name


def taken_apart(func: Any, *args: Any, **kwargs: Any) -> Any:
    """Run the operators that ``func`` consists of: ``func.decompose`` prefers forms that only compilers ask for."""
    return func._op_dk(_KEY, *args, **kwargs)  # noqa: SLF001 - the kernel that runs when nothing intercepts it
