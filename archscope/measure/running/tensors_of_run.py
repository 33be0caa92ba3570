"""Whether something holds a tensor that a run made, which is of no use after it."""

from __future__ import annotations

import functools
import types
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor

Met: TypeAlias = Callable[[Iterable[torch.Tensor]], bool]

HOLD_NOTHING = frozenset(
    {str, bytes, int, float, complex, bool, type(None), torch.dtype, torch.device, types.BuiltinFunctionType}
)
_DEEPEST = 6  # containers and objects inside of each other
_MOST = 20_000  # of things looked at


def any_tensor(_tensors: Iterable[torch.Tensor]) -> bool:
    """Where nobody watched what was made: all that is new."""
    return True


def holds_of_run(met: Met, value: Any) -> bool:
    """Whether ``value`` is, or has anywhere in it, a tensor of the run or one without values."""
    seen: set[int] = set()
    waiting: list[tuple[Any, int]] = [(value, 0)]
    while waiting and len(seen) < _MOST:
        part, deep = waiting.pop()
        if type(part) in HOLD_NOTHING or id(part) in seen or deep > _DEEPEST:
            continue
        seen.add(id(part))
        if isinstance(part, torch.Tensor):
            if part.is_meta or isinstance(part, FakeTensor) or met([part]):
                return True
        elif isinstance(part, nn.Module):
            waiting += [(held, deep) for store in _stores(part) for held in store.values()]
        else:
            waiting += [(inner, deep + 1) for inner in _parts(part)]
    return False


def _stores(module: nn.Module) -> tuple[dict[str, Any], ...]:
    return module._parameters, module._buffers, module._modules  # noqa: SLF001 - parameters() walks below too


def _parts(value: Any) -> Iterable[Any]:  # noqa: PLR0911 - one for each kind
    """What ``value`` holds; classes and modules lead everywhere."""
    match value:
        case type() | types.ModuleType() | functools._lru_cache_wrapper():  # noqa: SLF001 - its only name
            return ()
        case types.FunctionType():
            return [cell.cell_contents for cell in value.__closure__ or () if cell != types.CellType()]
        case types.MethodType():
            return (value.__self__, value.__func__)
        case functools.partial():
            return (value.func, *value.args, *value.keywords.values())
        case weakref.ReferenceType():
            return (value(),)
        case dict():
            return [part for pair in dict.items(value) for part in pair]
        case tuple() | list() | set() | frozenset() | deque():
            return [*value]
        case BaseException():
            return value.args
    held = getattr(value, "__dict__", None)
    return [*held.values()] if isinstance(held, dict) else ()
