"""``trace``: run one forward pass (or one training step) of a model and record it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Generator
from types import TracebackType
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from archscope.errors import ForwardError, raised
from archscope.measure.running.control_flow import ONE_STEP, control_flow_followed
from archscope.measure.running.device_paths import as_devices_do
from archscope.measure.running.input_refusal import RefusedInputError, is_refused
from archscope.measure.running.input_suggestion import suggested_input
from archscope.measure.running.inputs import Inputs, InputsLike, as_inputs, input_records, on_meta, with_values
from archscope.measure.running.inventory import Inventory, take_inventory
from archscope.measure.running.memory_limit import copies_of_weights, memory_watched, not_run_on_the_cpu, too_large
from archscope.measure.running.meta_parameters import meta_like, real_like, with_gradients
from archscope.measure.running.model_copy import ModelCopy, only_meta
from archscope.measure.running.model_state import ModelState
from archscope.measure.running.recorder import ModuleStack, Recorder
from archscope.measure.running.run_conditions import run_conditions, sparing_collections
from archscope.measure.running.triton_launches import triton_watched
from archscope.measure.running.wrappers import refuse_scripted, unwrapped
from archscope.records import ModuleRecord, Path, Shape, Trace
from archscope.report import UNASSIGNED


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
    (DataParallel, torch.compile) are taken off. Raises ForwardError when the model refuses its inputs and BuildError
    for lazy and scripted modules.
    """
    model = unwrapped(model)
    inventory = take_inventory(model)
    name = name or type(model).__name__
    if inputs is None:
        return _unrun(name, inventory, suggested_input(model))
    refuse_scripted(inventory.modules)
    call = as_inputs(inputs)
    if device:
        return _run(name, inventory, call, device=device, training=training)
    try:
        seen = _run(name, inventory, call, device="meta", training=training)
        if not _values_would_tell(seen, inventory, call) or too_large(model):
            return seen
        decided = _run(name, inventory, call, device=_home(inventory), training=training)
        return dataclasses.replace(decided, fallback=f"values decide what its {seen.undecided[0].op} runs")
    except RefusedInputError:
        raise
    except ForwardError as error:
        if needed := too_large(model):
            raise not_run_on_the_cpu(error, needed) from error.__cause__
        seen = _run(name, inventory, call, device=_home(inventory), training=training)
        return dataclasses.replace(seen, fallback=error.what.partition("\n")[0])


def _run(name: str, inventory: Inventory, call: Inputs, *, device: str, training: bool) -> Trace:
    """Run a copy of the modules, because other threads may be using the model's own.

    The model itself is run where nobody can be using it (its weights are meta tensors), and where its code reaches its
    own modules by another way than its attributes.
    """
    model = inventory.modules[""]
    if not only_meta(model):
        with sparing_collections():
            copied = ModelCopy(model)
        try:
            seen = _run_held(copied, name, copied.of(inventory), call, device=device, training=training)
        except ForwardError:
            if not copied.reached:
                raise
        else:
            if not copied.reached:
                return seen
    return _run_held(ModelState(model), name, inventory, call, device=device, training=training)


def _run_held(  # noqa: PLR0913 - a run is all of these
    state: ModelCopy | ModelState, name: str, inventory: Inventory, call: Inputs, *, device: str, training: bool
) -> Trace:
    model, modules = inventory.modules[""], inventory.modules.values()
    stack = ModuleStack(inventory.paths)
    recorder = Recorder(stack, training=training)
    replace = meta_like if device == "meta" else real_like(device)
    _load_meta_kernels()
    with sparing_collections(), state.kept(recorder.has_met), run_conditions(gradients=training):
        inputs = on_meta(call) if device == "meta" else with_values(call, device)
        with copies_of_weights(device):
            state.swap(with_gradients(replace) if training else replace)
        parameters = _parameters(inventory)
        weights = dict(zip(parameters, recorder.storages_of(parameters.values()), strict=True))
        for module in state.modules:
            module.__dict__["training"] = training
        stack.watch(modules)
        try:
            with (
                triton_watched(recorder.launched),
                control_flow_followed(),
                as_devices_do(recorder, device),
                memory_watched(device),
                recorder,
            ):
                output = _consumed(model(*inputs.args, **inputs.kwargs))
                if training:
                    _backward(output, stack, recorder)
        except (Exception, SystemExit) as error:
            refused = device == "meta" and is_refused(error, model, inputs)
            raise (_refused if refused else _forward_error)(error, inventory, stack) from error
        storages = recorder.storages()
        results = recorder.storages_of(leaf for leaf in pytree.tree_leaves(output) if isinstance(leaf, torch.Tensor))
        del output
    return Trace(
        model=name,
        mode="train" if training else "eval",
        device=device,
        fallback="",
        inputs=input_records(model, inputs),
        modules=_module_records(inventory, stack),
        parameters=inventory.parameters,
        buffers=inventory.buffers,
        packed=inventory.packed,
        weights=weights,
        calls=tuple(recorder.calls),
        storages=storages,
        results=results,
        undecided=tuple(recorder.undecided_flow),
    )


@functools.cache
def _load_meta_kernels() -> None:
    """Torch loads its meta kernels when one first runs, and errors in that keep the tensors of all callers alive."""
    torch.add(torch.empty(1, device="meta"), 1)


def _consumed(output: Any) -> Any:
    """The output of a model; one that yields its results one by one does its work only now."""
    return list(output) if isinstance(output, Generator) else output


def _backward(output: Any, stack: ModuleStack, recorder: Recorder) -> None:
    stack.running = [UNASSIGNED]  # the loss is not the model's
    recorder.phase = "backward"
    leaves = [leaf for leaf in pytree.tree_leaves(output) if isinstance(leaf, torch.Tensor)]
    floating = [leaf for leaf in leaves if leaf.is_floating_point() and leaf.requires_grad]
    if floating:
        torch.autograd.backward([leaf.sum() for leaf in floating])


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
    return tuple(
        ModuleRecord(
            path=path,
            type_name=type(module).__name__,
            aliases=inventory.module_aliases[path],
            calls=stack.calls.get(path, 0),
            input_shapes=stack.input_shapes.get(path, ()),
            output_shapes=stack.output_shapes.get(path, ()),
        )
        for path, module in inventory.modules.items()
    )


def _home(inventory: Inventory) -> str:
    """The device that holds the first of the model's weights."""
    devices = (tensor.device for tensor in _parameters(inventory).values() if not tensor.is_meta)
    return str(next(devices, "cpu"))


def _refused(error: BaseException, inventory: Inventory, stack: ModuleStack) -> RefusedInputError:
    failed = _forward_error(error, inventory, stack)
    return RefusedInputError(failed.what, where=failed.where, help=failed.help)


def _forward_error(error: BaseException, inventory: Inventory, stack: ModuleStack) -> ForwardError:
    path = _failing_module(error.__traceback__, inventory.paths)
    module = inventory.modules[path]
    shapes = ", ".join(_written(shape) for shape in stack.latest_inputs.get(path, ())) or "no tensors"
    return ForwardError(
        f"the forward pass raised {raised(error)}",
        where=f"{path or 'the model itself'} ({type(module).__name__}), called with {shapes}",
        help="check the shapes and dtypes of the input; --input 1x3x224x224:float32 sets them",
    )


def _written(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "a scalar"


def _failing_module(traceback: TracebackType | None, paths: dict[int, Path]) -> Path:
    """The innermost module of the model that was running when the error was raised."""
    found = ""
    while traceback is not None:
        if "self" in traceback.tb_frame.f_code.co_varnames:  # f_locals would keep what others hold alive: the error
            found = paths.get(id(traceback.tb_frame.f_locals.get("self")), found)
        traceback = traceback.tb_next
    return found
