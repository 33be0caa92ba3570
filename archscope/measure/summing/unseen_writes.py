"""Finding kernels that bypassed torch's dispatcher: memory was read that no recorded call had written."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

import torch

from archscope.records import OpCall, Path, TensorMeta, Trace

# In-place operators that ask for nothing that was there; those that write to some places may write to all.
_OVERWRITES = frozenset({"copy_", "fill_", "zero_", "set_", "resize_", "resize_as_", "fill_diagonal_", "detach_"})
_OVERWRITES |= {"index_put_", "_index_put_impl_", "put_", "scatter_", "index_copy_", "index_fill_"}
_OVERWRITES |= {"masked_fill_", "masked_scatter_", "squeeze_", "unsqueeze_", "transpose_", "t_", "as_strided_"}
_OVERWRITES |= {"normal_", "uniform_", "random_", "bernoulli_", "exponential_", "geometric_", "log_normal_", "cauchy_"}


# Here torch writes down the lengths of the targets that it was given as numbers.
_LENGTHS_FOLLOW = "aten::_ctc_loss"


class _Effect(NamedTuple):
    """The arguments that an operator writes to, whether it reads these first, and whether it reads the others."""

    written: frozenset[str]
    reads_what_it_writes: bool
    reads: bool


def unseen_writes(trace: Trace) -> dict[int, Path]:
    """Each storage that nothing wrote to before it was read, or returned by the model, and the module that made it."""
    empty: dict[int, Path] = {}
    found: dict[int, Path] = {}
    op = ""
    for call in trace.calls or ():
        before, op = op, call.op
        if empty and call.op == "aten::expand" and call.inputs[0].shape == ():
            empty.pop(call.inputs[0].storage, None)  # a number that is spread out stands for sizes, as in torch.func
        elif empty:
            effect = _effect(call.op)
            for name, tensor in _inputs(call):
                if tensor.storage not in empty:
                    continue
                written = effect is None or name in effect.written
                if effect is not None and (effect.reads_what_it_writes if written else effect.reads):
                    found[tensor.storage] = empty.pop(tensor.storage)
                elif written:
                    del empty[tensor.storage]
        if call.op.startswith(("aten::empty", "aten::new_empty")) and before != _LENGTHS_FOLLOW:
            empty.update((output.storage, call.path) for output in call.outputs if output.numel and output.storage >= 0)
    return found | {storage: path for storage, path in empty.items() if storage in trace.results}


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
    in_place = name.startswith("aten::") and name.endswith("_")
    return _Effect(
        written=frozenset(a.name for a in schema.arguments if a.alias_info is not None and a.alias_info.is_write),
        reads_what_it_writes=in_place and name.removeprefix("aten::").removeprefix("_foreach_") not in _OVERWRITES,
        reads=not views and not sizes_alone and name != "aten::_unsafe_view",
    )
