"""Tensors that operators read although none made them and no module registered them: hidden weights or outside work."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import nn

from archscope.measure.running.inventory import dtype_name, own_parameters
from archscope.measure.running.run_notes import RunNotes
from archscope.measure.running.storages import PLAIN, identity, storage_of
from archscope.records import HeldRecord, ParameterRecord, Path, UnseenRecord

_LISTS = (list, tuple, dict)


class Outsider(NamedTuple):
    """A tensor, the id of its storage, and when and where it was first seen."""

    tensor: torch.Tensor
    storage: int
    call: int
    path: Path


def sort_outsiders(outsiders: Sequence[Outsider], notes: RunNotes, *, tells_new: bool) -> tuple[HeldRecord, ...]:
    """What stood ready before the run; of what was made in it, ``notes`` tell that it came from elsewhere.

    ``tells_new`` when the garbage collector looks at nothing that is older than the run.
    """
    new = {id(thing) for thing in gc.get_objects()} if tells_new and outsiders else set()
    explained = any(seen.kind in {"thread", "dispatch"} for seen in notes.unseen)
    held = []
    for outsider in outsiders:
        tensor = outsider.tensor
        if type(tensor) not in PLAIN or not tensor.numel():
            continue
        if id(tensor) not in new:
            held.append(held_record(tensor, tensor, outsider.storage))
        elif not explained and (
            not tensor.is_meta or threading.active_count() > 1
        ):  # tensor(..., device="meta") is none
            notes.unseen.setdefault(UnseenRecord("elsewhere", outsider.path, ""))
    return tuple(held)


def held_record(original: torch.Tensor, tensor: torch.Tensor, storage: int) -> HeldRecord:
    """``original``, for which ``tensor`` stands in the run."""
    return HeldRecord(
        storage,
        tuple(tensor.shape),
        dtype_name(tensor.dtype),
        tensor.numel(),
        isinstance(original, nn.Parameter) or original.requires_grad,
        tensor.is_floating_point() or tensor.is_complex(),
    )


def held_by_model(
    pairs: Iterable[tuple[torch.Tensor, torch.Tensor]],
    registered: Iterable[torch.Tensor],
    number: Callable[[torch.Tensor], int],
) -> tuple[HeldRecord, ...]:
    """Of the model's own tensors and their stand-ins those that share no memory with a registered one."""
    listed = [*registered]
    same = {id(tensor) for tensor in listed}
    others = [(old, new) for old, new in pairs if id(old) not in same and type(old) in PLAIN]
    if not others:
        return ()
    known = {_identity(tensor) for tensor in listed}
    return tuple(held_record(old, new, number(new)) for old, new in others if _identity(old) not in known)


def own_parts(modules: Iterable[nn.Module]) -> int:
    """How many parameters and modules ``modules`` have themselves."""
    return sum(len(vars(module)["_parameters"]) + len(vars(module)["_modules"]) for module in modules)


def registered_late(
    root: nn.Module,
    modules: Iterable[nn.Module],
    parts: int,
    known: Iterable[ParameterRecord],
    storages_of: Callable[[Iterable[torch.Tensor]], tuple[int, ...]],
) -> tuple[HeldRecord, ...]:
    """The parameters of ``root`` that its forward made, when ``modules`` had ``parts``: those ``known`` lack them."""
    if own_parts(modules) <= parts:
        return ()
    new = dict(root.named_parameters())
    for path in (path for record in known for path in (record.path, *record.aliases)):
        new.pop(path, None)
    numbered = zip(new.values(), storages_of(new.values()), strict=True)
    return tuple(held_record(tensor, tensor, number) for tensor, number in numbered)


def held_unrun(modules: Mapping[Path, nn.Module], registered: Iterable[torch.Tensor]) -> tuple[HeldRecord, ...]:
    """The parameters, and those of modules, in a module's plain lists, tuples and dicts that nobody registered."""
    found: dict[int, torch.Tensor] = {}
    listed = {id(module) for module in modules.values()}
    for module in modules.values():
        waiting = [value for value in vars(module).values() if type(value) in _LISTS and value]
        while waiting:
            value = waiting.pop()
            for item in value.values() if isinstance(value, dict) else value:
                if type(item) in _LISTS and item:
                    waiting.append(item)
                elif isinstance(item, nn.Module) and id(item) not in listed:  # what those hold is registered
                    found.update((id(tensor), tensor) for tensor in own_parameters(item))
                elif isinstance(item, nn.Parameter):
                    found[id(item)] = item
    known = {_identity(tensor) for tensor in registered}
    missing = [tensor for tensor in found.values() if _identity(tensor) not in known]
    return tuple(held_record(tensor, tensor, number) for number, tensor in enumerate(missing))


def _identity(tensor: torch.Tensor) -> int:
    storage = storage_of(tensor)
    return id(tensor) if storage is None else identity(storage)
