"""A model's modules and parameters as a trace tells them, after a run or without one."""

from __future__ import annotations

import torch

from archscope.measure.running.inventory import Inventory
from archscope.measure.running.module_stack import ModuleStack
from archscope.measure.running.outsiders import held_unrun
from archscope.measure.running.script_modules import type_name
from archscope.measure.running.tensors_of import registered_tensors
from archscope.records import ModuleRecord, Path, Trace


def unrun(name: str, inventory: Inventory, suggestion: str) -> Trace:
    """The trace of a model that no input is known for; ``suggestion`` is one that may fit."""
    return Trace(
        model=name,
        mode="eval",
        device="",
        fallback="no input is known" + (f"; {suggestion} may fit" if suggestion else ""),
        inputs=(),
        modules=module_records(inventory, ModuleStack({})),
        parameters=inventory.parameters,
        buffers=inventory.buffers,
        packed=inventory.packed,
        weights={},
        calls=None,
        storages=(),
        held=held_unrun(inventory.modules, registered_tensors(inventory)),
    )


def parameter_tensors(inventory: Inventory) -> dict[Path, torch.Tensor]:
    """The tensor of each parameter, by its path."""
    tensors = {}
    for record in inventory.parameters:
        owner, _, name = record.path.rpartition(".")
        tensors[record.path] = getattr(inventory.modules[owner], "_parameters")[name]  # noqa: B009 - no descriptor runs
    return tensors


def module_records(inventory: Inventory, stack: ModuleStack) -> tuple[ModuleRecord, ...]:
    """Every module, with the calls and the shapes that ``stack`` saw."""
    return tuple(
        ModuleRecord(
            path=path,
            type_name=type_name(module),
            aliases=inventory.module_aliases[path],
            calls=stack.calls.get(path, 0),
            input_shapes=stack.input_shapes.get(path, ()),
            output_shapes=stack.output_shapes.get(path, ()),
            **stack.gave.get(path, {}),
        )
        for path, module in inventory.modules.items()
    )
