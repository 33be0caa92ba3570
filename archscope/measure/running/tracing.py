"""``trace``: run one forward pass (or one training step) of a model and record it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
from collections.abc import Generator
from types import TracebackType
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy
from torch.utils import _pytree as pytree

from archscope.errors import ArchscopeError, ForwardError
from archscope.measure.running.autocast import autocast_watched
from archscope.measure.running.backward_pass import run_backward
from archscope.measure.running.control_flow import ONE_STEP, control_flow_followed
from archscope.measure.running.device_paths import as_devices_do
from archscope.measure.running.distributed_hooks import remove_distributed_hooks
from archscope.measure.running.fake_tensors import without_fakes
from archscope.measure.running.forward_calls import forward_calls_watched
from archscope.measure.running.held_tensors import held_tensors
from archscope.measure.running.input_suggestion import suggested_input
from archscope.measure.running.inputs import Inputs, InputsLike, as_inputs, input_records
from archscope.measure.running.inventory import Inventory, take_inventory, walk
from archscope.measure.running.meta_parameters import with_gradients
from archscope.measure.running.model_state import ModelState
from archscope.measure.running.module_stack import ModuleStack
from archscope.measure.running.own_copy import measurable
from archscope.measure.running.recorder import Recorder
from archscope.measure.running.run_conditions import run_conditions, sparing_collections
from archscope.measure.running.script_modules import hidden_operators, programs_around, script_tensors_swapped
from archscope.measure.running.stand_ins import stand_ins
from archscope.measure.running.train_mode import set_mode
from archscope.measure.running.triton_launches import triton_watched
from archscope.measure.running.wrappers import unwrapped
from archscope.records import ModuleRecord, OpCall, Path, Shape, Trace


def trace(
    model: nn.Module,
    inputs: InputsLike | None = None,
    *,
    name: str = "",
    device: str = "",
    training: bool = False,
) -> Trace:
    """Run ``model`` once in eval mode without gradients and write down what it does.

    With ``training``, in train mode with a backward pass from the sum of all floating outputs; each backward call
    belongs to the module whose forward made its autograd node, the rest to ``[unassigned]``.

    On meta tensors (no memory, no arithmetic); a model that reads values or lacks a meta kernel runs where its weights
    are instead (on the CPU where they are nowhere) and ``Trace.fallback`` says why. ``device`` (``meta``, ``cpu``,
    ``cuda``) asks for one. Without ``inputs`` the model is not run. The model comes back as it was. Wrappers
    (DataParallel, torch.compile) are taken off; lazy modules take their sizes on a copy. Raises ForwardError when the
    model refuses its inputs and BuildError for lazy modules without any.
    """
    model = unwrapped(model)
    name = name or type(model).__name__
    if inputs is None:
        inventory = take_inventory(model)
        return _unrun(name, inventory, suggested_input(model))
    call = as_inputs(inputs)
    model = measurable(model, call)
    inventory = take_inventory(model)
    if device:
        return _run(name, inventory, call, device=device, training=training)
    try:
        seen = _run(name, inventory, call, device="meta", training=training)
        if not _values_would_tell(seen, inventory, call) or too_large(model):
            return seen
        decided = _run(name, inventory, call, device=_home(inventory), training=training)
        return dataclasses.replace(decided, fallback=f"values decide what its {seen.undecided[0].op} runs")
    except ForwardError as error:
        if too_large(model):
            raise
        seen = _run(name, inventory, call, device=_home(inventory), training=training)
        return dataclasses.replace(seen, fallback=error.what.partition("\n")[0])


def _run(name: str, inventory: Inventory, call: Inputs, *, device: str, training: bool) -> Trace:
    model, modules = inventory.modules[""], inventory.modules.values()
    stack = ModuleStack(inventory.paths, frozenset(path for path, more in inventory.module_aliases.items() if more))
    recorder = Recorder(stack, training=training)
    stands = stand_ins(device)
    weight = with_gradients(stands.weight) if training else stands.weight
    _load_meta_kernels()
    state = ModelState(model)
    with (
        sparing_collections(),
        without_fakes(),
        state.kept(),
        run_conditions(gradients=training),
        autocast_watched() as autocast,
        stands.around(),
        contextlib.ExitStack() as programs,
    ):
        try:
            inputs = stands.inputs(call)
            given = input_records(model, inputs)
            state.swap(weight)
            set_mode(model, state.modules, training=training)
        except Exception as error:
            raise _preparation_error(error, device) from error
        programs.enter_context(script_tensors_swapped(modules, weight, training=training))
        parameters = _parameters(inventory)
        weights = dict(zip(parameters, recorder.storages_of(parameters.values()), strict=True))
        remove_distributed_hooks(modules)
        stack.watch(modules)
        try:
            with (
                forward_calls_watched(modules, stack),
                triton_watched(recorder.launched),
                control_flow_followed(),
                as_devices_do(recorder, device),
                recorder,
            ):
                output = _consumed(model(*inputs.args, **inputs.kwargs))
                if training:
                    run_backward(output, stack, recorder, trains=any(p.trainable for p in inventory.parameters))
        except ArchscopeError:
            raise
        except (Exception, SystemExit) as error:
            raise _forward_error(error, inventory, stack) from error
        storages = recorder.storages()
        results = recorder.storages_of(tensor for _, tensor in held_tensors(output))
        del output
        for path, kind in hidden_operators(inventory.modules):
            recorder.calls.append(OpCall(len(recorder.calls), kind, path, "forward", {}, ()))
    if autocast.device and device == "meta":  # which autocast leaves alone
        return _run(name, inventory, call, device=f"fake {autocast.device}", training=training)
    return Trace(
        model=name,
        mode="train" if training else "eval",
        device=stands.device,
        fallback=autocast.told,
        inputs=given,
        modules=_module_records(inventory, stack),
        parameters=inventory.parameters,
        buffers=inventory.buffers,
        packed=inventory.packed,
        weights=weights,
        calls=tuple(recorder.calls),
        storages=storages,
        results=results,
        undecided=tuple(recorder.undecided_flow),
        shared=tuple(stack.shared),
    )


@functools.cache
def _load_meta_kernels() -> None:
    """Torch loads its meta kernels when one first runs, and errors in that keep the tensors of all callers alive."""
    torch.add(torch.empty(1, device="meta"), 1)


def _consumed(output: Any) -> Any:
    """The output of a model; one that yields its results one by one does its work only now."""
    return list(output) if isinstance(output, Generator) else output


def _values_would_tell(seen: Trace, inventory: Inventory, call: Inputs) -> bool:
    """Whether a run with values says more of control flow: of any loop, and of a branch where values are given."""
    if loops_undecided(seen):
        return True
    given = (leaf for leaf in pytree.tree_leaves((call.args, dict(call.kwargs))) if isinstance(leaf, torch.Tensor))
    return bool(seen.undecided) and not any(tensor.is_meta for tensor in (*given, *_parameters(inventory).values()))


def loops_undecided(seen: Trace) -> bool:
    """Whether a loop ran one step on meta because nobody knew how many there are."""
    return any(flow.taken == ONE_STEP for flow in seen.undecided)


def _unrun(name: str, inventory: Inventory, suggestion: str) -> Trace:
    return Trace(
        model=name,
        mode="eval",
        device="",
        fallback="no input is known" + (f"; {suggestion} may fit" if suggestion else ""),
        inputs=(),
        modules=_module_records(inventory, ModuleStack({})),
        parameters=inventory.parameters,
        buffers=inventory.buffers,
        packed=inventory.packed,
        weights={},
        calls=None,
        storages=(),
    )


def _parameters(inventory: Inventory) -> dict[Path, torch.Tensor]:
    tensors = {}
    for record in inventory.parameters:
        owner, _, name = record.path.rpartition(".")
        tensors[record.path] = getattr(inventory.modules[owner], "_parameters")[name]  # noqa: B009 - no descriptor runs
    return tensors


def _module_records(inventory: Inventory, stack: ModuleStack) -> tuple[ModuleRecord, ...]:
    programs = programs_around(inventory.modules)
    return tuple(
        ModuleRecord(
            path=path,
            type_name=type(module).__name__,
            aliases=inventory.module_aliases[path],
            calls=stack.calls.get(programs.get(path, path), 0),
            input_shapes=stack.input_shapes.get(path, ()),
            output_shapes=stack.output_shapes.get(path, ()),
        )
        for path, module in inventory.modules.items()
    )


def _home(inventory: Inventory) -> str:
    """The device that holds the first of the model's weights."""
    devices = (tensor.device for tensor in _parameters(inventory).values() if not tensor.is_meta)
    return str(next(devices, "cpu"))


def too_large(model: nn.Module) -> bool:
    """Whether the weights would take more than half of this machine's memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    held = {id(tensor): tensor for _, module in walk(model) for tensor in module._parameters.values()}  # noqa: SLF001
    return 2 * sum(tensor.nbytes for tensor in held.values() if tensor is not None and not is_lazy(tensor)) > memory


def _preparation_error(error: Exception, device: str) -> ArchscopeError:
    """Why nothing could run: the inputs or the weights cannot be there, or the model's own ``train()`` raised."""
    if isinstance(error, ArchscopeError) and device != "meta":
        return error
    said = str(error).partition("\n")[0]
    return ForwardError(
        f"the model and its inputs cannot be made ready on {device}: {type(error).__name__}: {said}",
        where="before the forward pass",
        help="check the inputs, and the model's own train() and eval() where it has them",
    )


def _forward_error(error: BaseException, inventory: Inventory, stack: ModuleStack) -> ForwardError:
    path = _failing_module(error.__traceback__, inventory.paths)
    module = inventory.modules[path]
    shapes = ", ".join(_written(shape) for shape in stack.latest_inputs.get(path, ())) or "no tensors"
    return ForwardError(
        f"the forward pass raised {type(error).__name__}: {error}",
        where=f"{path or 'the model itself'} ({type(module).__name__}), called with {shapes}",
        help="check the shapes and dtypes of the input; --input 1x3x224x224:float32 sets them",
    )


def _written(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "a scalar"


def _failing_module(traceback: TracebackType | None, paths: dict[int, Path]) -> Path:
    """The innermost module of the model that was running when the error was raised."""
    found = ""
    while traceback is not None:
        owner = traceback.tb_frame.f_locals.get("self")
        found = paths.get(id(owner), found)
        traceback = traceback.tb_next
    return found
