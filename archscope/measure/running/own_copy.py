"""Copying a model whose own forward changes it (lazy modules, TorchScript), so that the caller's stays as it is.

The copy shares the model's tensors; only what its own forward makes of them is new.
"""

from __future__ import annotations

import contextlib
import copy
from typing import Any, cast

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from archscope.errors import BuildError, ForwardError
from archscope.measure.running.code_caches import caches_kept
from archscope.measure.running.fake_tensors import without_fakes
from archscope.measure.running.frozen_modules import FrozenProgram, can_be_thawed
from archscope.measure.running.held_tensors import held_tensors
from archscope.measure.running.inputs import invoked
from archscope.measure.running.inventory import walk
from archscope.measure.running.model_state import ModelState
from archscope.measure.running.run_conditions import run_conditions
from archscope.measure.running.script_modules import is_script
from archscope.measure.running.stand_ins import stand_ins
from archscope.measure.running.storages import PLAIN
from archscope.measure.running.tensors_of_run import any_tensor
from archscope.process_state import process_state_kept
from archscope.spec import Inputs


def measurable(model: nn.Module, inputs: Inputs) -> nn.Module:
    """``model``, or where it has lazy modules or TorchScript programs a copy that has its sizes and is ours alone.

    Raises BuildError for a model that cannot be copied and ForwardError where its lazy modules stay without sizes.
    """
    has_script = False
    for _, module in walk(model):
        if is_script(module):
            has_script = True
        elif any(
            tensor is not None and type(tensor) not in PLAIN and is_lazy(tensor) for tensor in _own_tensors(module)
        ):
            return _with_sizes(model, inputs)
    return _thawed(_copy(model)) if has_script else model


def thawed(model: nn.Module) -> nn.Module:
    """``model``, or where programs in it were frozen a copy in which they have their modules and parameters again."""
    return _thawed(_copy(model)) if any(can_be_thawed(module) for _, module in walk(model)) else model


def _thawed(copied: nn.Module) -> nn.Module:
    inside: tuple[str, ...] = ()
    for path, module in [*walk(copied)]:
        if can_be_thawed(module) and not path.startswith(inside):
            inside += (f"{path}.",)
            if not path:
                return FrozenProgram(module)
            above, _, name = path.rpartition(".")
            copied.get_submodule(above)._modules[name] = FrozenProgram(module)  # noqa: SLF001 - setattr of a script refuses
    return copied


def _own_tensors(module: nn.Module) -> tuple[torch.Tensor | None, ...]:
    return (*module._parameters.values(), *module._buffers.values())  # noqa: SLF001 - parameters() walks below too


def _copy(model: nn.Module) -> nn.Module:
    modules = [module for _, module in walk(model) if not is_script(module)]
    memo = {id(tensor): tensor for module in modules for _, tensor in held_tensors(module.__dict__)}
    try:
        return copy.deepcopy(model, memo)
    except Exception as error:
        raise BuildError(
            f"the model cannot be copied ({type(error).__name__}: {error}), and running it would change it: it has "
            "lazy modules or TorchScript programs",
            help="call the model once on a real input, or measure the module that was scripted or traced",
        ) from error


def _with_sizes(model: nn.Module, inputs: Inputs) -> nn.Module:
    """``model`` after one forward pass, in which its lazy modules saw their inputs: on meta, else on the CPU."""
    with contextlib.suppress(Exception):  # the CPU tells it better, or succeeds
        return _after_forward(model, inputs, "meta")
    try:
        return _after_forward(model, inputs, "cpu")
    except Exception as error:
        raise ForwardError(
            f"the lazy modules got no sizes: the forward pass raised {type(error).__name__}: {error}",
            where=type(model).__name__,
            help="check the shapes and dtypes of the input; --input 1x3x224x224:float32 sets them",
        ) from error


def _after_forward(model: nn.Module, inputs: Inputs, device: str) -> nn.Module:
    """A copy that ran on ``device`` and holds the model's own tensors again, beside those that it gave sizes to."""
    copied = _copy(model)
    stands = stand_ins(device)
    stood: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def stand_in(tensor: torch.Tensor) -> torch.Tensor:
        if is_lazy(tensor):
            kind: Any = type(tensor)
            return cast("torch.Tensor", kind(requires_grad=tensor.requires_grad, device=device, dtype=tensor.dtype))
        made = stands.weight(tensor)
        stood[id(made)] = (tensor, made)  # kept, so that its id stays its own
        return made

    state = ModelState(copied)
    cached = caches_kept(state.modules, any_tensor)
    with without_fakes(), process_state_kept(), cached, run_conditions(gradients=False):
        state.swap(stand_in)
        for module in state.modules:
            module.__dict__["training"] = False
        given = stands.inputs(inputs)
        (invoked(copied, given) if given.method else copied)(*given.args, **given.kwargs)
        ModelState(copied).swap(lambda tensor: stood.get(id(tensor), (tensor,))[0])
    return copied
