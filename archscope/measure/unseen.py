"""Memory that was read and that nothing is known to have written: a kernel passed torch's dispatcher by."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

import torch

from archscope.records import OpCall, Path, TensorMeta, Trace


class _Effect(NamedTuple):
    """The arguments that an operator writes to, and whether it reads the values of the others."""

    written: frozenset[str]
    reads: bool


def unseen_writes(trace: Trace) -> tuple[Path, ...]:
    """The module that made each storage that nothing wrote to before it was read, or before the run left it behind."""
    empty: dict[int, Path] = {}
    found: list[Path] = []
    for call in trace.calls or ():
        if empty:
            effect = _effect(call.op)
            for name, tensor in _inputs(call):
                if tensor.storage in empty and (effect is None or name in effect.written):
                    del empty[tensor.storage]
                elif tensor.storage in empty and effect is not None and effect.reads:
                    found.append(empty.pop(tensor.storage))
        if call.op.startswith(("aten::empty", "aten::new_empty")):
            empty.update((output.storage, call.path) for output in call.outputs if output.numel)
    outlive = {storage.id for storage in trace.storages if storage.freed is None}
    return (*found, *(path for storage, path in empty.items() if storage in outlive))


def _inputs(call: OpCall) -> Iterator[tuple[str, TensorMeta]]:
    unread = "self" if call.arguments.get("beta") == 0 else ""  # a sum that scales it by 0 does not ask for its values
    for name, value in call.arguments.items():
        for tensor in value if isinstance(value, list) else (value,):
            if isinstance(tensor, TensorMeta) and name != unread:
                yield name, tensor


@functools.cache
def _effect(op: str) -> _Effect | None:
    """What ``op`` does to its arguments; None where it has no schema and may do anything."""
    name, _, overload = op.partition(".")
    try:
        schema = torch._C._get_schema(name, overload)  # noqa: SLF001 - no public name
    except RuntimeError:
        return None
    aliases = [result.alias_info for result in schema.returns if result.alias_info is not None]
    views = any(not alias.is_write for alias in aliases)
    sizes_alone = name.endswith("_like") or name.startswith("aten::new_")
    return _Effect(
        written=frozenset(a.name for a in schema.arguments if a.alias_info is not None and a.alias_info.is_write),
        reads=not views and not sizes_alone and name != "aten::_unsafe_view",
    )
