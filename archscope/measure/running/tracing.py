"""``trace``: run one forward pass (or one training step) of a model and record it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

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
from archscope.measure.running.late_results import finished
from archscope.measure.running.meta_parameters import with_gradients
from archscope.measure.running.model_state import ModelState
from archscope.measure.running.module_stack import ModuleStack
from archscope.measure.running.outsiders import held_by_model, held_unrun, sort_outsiders
from archscope.measure.running.own_copy import measurable
from archscope.measure.running.recorder import Recorder
from archscope.measure.running.run_conditions import run_conditions, sparing_collections
from archscope.measure.running.run_notes import Ask, RunNotes
from archscope.measure.running.script_modules import hidden_operators, programs_around, script_tensors_swapped
from archscope.measure.running.stand_ins import stand_ins
from archscope.measure.running.train_mode import set_mode
from archscope.measure.running.triton_launches import triton_watched
from archscope.measure.running.ways_out import ways_out_watched
from archscope.measure.running.wrappers import unwrapped
from archscope.records import ModuleRecord, OpCall, Path, Shape, Trace, UnseenRecord


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
    notes = recorder.notes
    stands = stand_ins(device)
    weight = with_gradients(stands.weight) if training else stands.weight
    _load_meta_kernels()
    state = ModelState(model)
    registered = _registered(inventory)
    with (
        sparing_collections() as tells_new,
        without_fakes(),
        state.kept(),
        run_conditions(gradients=training),
        autocast_watched() as autocast,
        stands.around(),
        contextlib.ExitStack() as programs,
    ):
        try:
            inputs = stands.inputs(call)
            described = input_records(model, inputs)
            pairs = state.swap(weight)
            set_mode(model, state.modules, training=training)
        except Exception as error:
            raise _preparation_error(error, device) from error
        programs.enter_context(script_tensors_swapped(modules, weight, training=training))
        parameters = _parameters(inventory)
        weights = dict(zip(parameters, recorder.storages_of(parameters.values()), strict=True))
        recorder.storages_of(_and_inner(new for _, new in pairs))
        held = held_by_model(pairs, registered, lambda tensor: recorder.storages_of([tensor])[0])
        made_up = [new for old, new in pairs if old.is_meta and device != "meta"]
        given = recorder.storages_of((*made_up, *_and_inner(_tensors((inputs.args, inputs.kwargs)))))
        del pairs, made_up
        recorder.outsiders.clear()
        remove_distributed_hooks(modules)
        stack.watch(modules)
        try:
            with (
                forward_calls_watched(modules, stack),
                triton_watched(recorder.launched),
                ways_out_watched(notes),
                control_flow_followed(),
                as_devices_do(recorder, device),
                recorder,
            ):
                output = finished(model(*inputs.args, **inputs.kwargs), lambda: notes.missed("later", where=""))
                results = recorder.storages_of(_tensors(output))
                notes.look_at(output)
                if training:
                    run_backward(output, stack, recorder, trains=any(p.trainable for p in inventory.parameters))
        except ArchscopeError:
            raise
        except (Exception, SystemExit) as error:
            raise _forward_error(error, inventory, stack, notes) from error
        _require_sight(notes, inventory)
        storages = recorder.storages()
        held += sort_outsiders(recorder.outsiders, notes, tells_new=tells_new)
        recorder.outsiders.clear()
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
        inputs=described,
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
        unseen=tuple(notes.unseen),
        reads=tuple(notes.reads),
        entries=tuple(notes.entries),
        held=held,
        given=given,
    )


_PLAIN = (torch.Tensor, nn.Parameter)


def _tensors(values: Any) -> list[torch.Tensor]:
    return [tensor for _, tensor in held_tensors(values)]


def _and_inner(tensors: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
    """The tensors, and those inside of them that a wrapper subclass computes with."""
    for tensor in tensors:
        yield tensor
        wrapper: Any = tensor
        if type(tensor) not in _PLAIN and is_traceable_wrapper_subclass(wrapper):
            yield from _and_inner(getattr(wrapper, name) for name in wrapper.__tensor_flatten__()[0])


def _require_sight(notes: RunNotes, inventory: Inventory) -> None:
    """Raise ForwardError where the model went on without what meta could not give: elsewhere it goes another way."""
    if not notes.asks:
        return
    asked = notes.asks[0]
    if too_large(inventory.modules[""]):
        notes.unseen.setdefault(UnseenRecord("meta", "", asked.where))
        return
    raise ForwardError(_asked(asked) + ", and goes on without", where=asked.where, help="run it where its weights are")


def _asked(asked: Ask) -> str:
    if asked.values:
        return f"the model reads values, which meta tensors do not have: {asked}"
    return f"{asked} does not run on meta tensors"


@functools.cache
def _load_meta_kernels() -> None:
    """Torch loads its meta kernels when one first runs, and errors in that keep the tensors of all callers alive."""
    torch.add(torch.empty(1, device="meta"), 1)


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
        held=held_unrun(inventory.modules, _registered(inventory)),
    )


def _registered(inventory: Inventory) -> list[torch.Tensor]:
    """The parameters and buffers of all modules."""
    stores = [(module._parameters, module._buffers) for module in inventory.modules.values()]  # noqa: SLF001
    return [tensor for both in stores for store in both for tensor in store.values() if tensor is not None]


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


def _forward_error(error: BaseException, inventory: Inventory, stack: ModuleStack, notes: RunNotes) -> ForwardError:
    path = _failing_module(error.__traceback__, inventory.paths)
    module = inventory.modules[path]
    shapes = ", ".join(_written(shape) for shape in stack.latest_inputs.get(path, ())) or "no tensors"
    asked = next((ask for ask in notes.asks if ask.values), None)
    return ForwardError(
        _asked(asked) if asked else f"the forward pass raised {type(error).__name__}: {error}",
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
