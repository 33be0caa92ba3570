"""``trace``: run one forward pass (or one training step) of a model and record it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Iterable
from contextvars import copy_context

import torch
from torch import nn
from torch.utils import _pytree as pytree

from archscope.errors import ArchscopeError, ForwardError, InputError
from archscope.measure.running.autocast import autocast_watched
from archscope.measure.running.backward_pass import run_backward
from archscope.measure.running.call_forms import call_forms
from archscope.measure.running.control_flow import ONE_STEP, control_flow_followed
from archscope.measure.running.device_paths import as_devices_do
from archscope.measure.running.distributed_hooks import remove_distributed_hooks
from archscope.measure.running.fake_tensors import without_fakes
from archscope.measure.running.forward_calls import called, forward_calls_watched
from archscope.measure.running.frozen_modules import FrozenPart, estimated_rows
from archscope.measure.running.held_numbers import held_as_numbers
from archscope.measure.running.input_refusal import RefusedInputError
from archscope.measure.running.input_suggestion import suggested_input
from archscope.measure.running.inputs import InputsLike, input_records
from archscope.measure.running.inventory import Inventory, take_inventory
from archscope.measure.running.kept_generators import kept_generators_watched
from archscope.measure.running.late_results import finished
from archscope.measure.running.memory_limit import copies_of_weights, memory_watched, not_run_on_the_cpu, too_large
from archscope.measure.running.meta_parameters import with_gradients
from archscope.measure.running.model_copy import ModelCopy, only_meta
from archscope.measure.running.model_state import ModelState, Replacement
from archscope.measure.running.module_records import module_records, parameter_tensors, unrun
from archscope.measure.running.module_stack import ModuleStack
from archscope.measure.running.outsiders import (
    Outsider,
    held_by_model,
    own_parts,
    registered_late,
    sort_outsiders,
)
from archscope.measure.running.own_copy import measurable, thawed
from archscope.measure.running.recorder import Recorder
from archscope.measure.running.run_conditions import run_conditions, sparing_collections
from archscope.measure.running.run_errors import forward_error, preparation_error, require_sight
from archscope.measure.running.script_graphs import Surroundings
from archscope.measure.running.script_modules import (
    is_script,
    methods_marked,
    script_tensors_swapped,
    type_name,
)
from archscope.measure.running.stand_ins import stand_ins
from archscope.measure.running.tensors_of import and_inner, registered_tensors, tensors_in
from archscope.measure.running.train_mode import set_mode
from archscope.measure.running.triton_launches import triton_watched
from archscope.measure.running.ways_out import noted, ways_out_watched
from archscope.measure.running.wrappers import unwrapped
from archscope.records import OpCall, Trace
from archscope.spec import Inputs


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
    name = name or type_name(model)
    if inputs is None:
        inventory = take_inventory(thawed(model))
        return unrun(name, inventory, suggested_input(model))
    calls = call_forms(model, inputs)
    first: ArchscopeError | None = None
    for call in calls.forms:
        try:
            return _trace(model, call, name=name, device=device, training=training)
        except (ForwardError, InputError) as error:
            first = first or error
    # Another reading than the plain one ended in a value of another kind: it was not meant.
    misread = calls.refusal if first and isinstance(first.__cause__, (TypeError, AttributeError)) else None
    try:
        raise misread or first or AssertionError("there is always a form")
    finally:
        del first, misread  # a frame that holds its own error would keep the model


def _trace(model: nn.Module, call: Inputs, *, name: str, device: str, training: bool) -> Trace:
    model = measurable(model, call)
    inventory = take_inventory(model)
    if device:
        return _run(name, inventory, call, device=device, training=training)
    try:
        seen = _run(name, inventory, call, device="meta", training=training)
        if not _values_would_tell(seen, inventory, call) or too_large(model):
            return seen
        decided = _run(name, inventory, call, device=_home(inventory), training=training)
        return _told(decided, f"values decide what its {seen.undecided[0].op} runs")
    except RefusedInputError:
        raise
    except ForwardError as error:
        if needed := too_large(model):
            raise not_run_on_the_cpu(error, needed) from error.__cause__
        seen = _run(name, inventory, call, device=_home(inventory), training=training)
        return _told(seen, error.what.partition("\n")[0])


def _told(seen: Trace, why: str) -> Trace:
    """``seen``, which did not run on meta, and why."""
    return dataclasses.replace(seen, fallback="; ".join(filter(None, (why, seen.fallback))))


def _run(name: str, inventory: Inventory, call: Inputs, *, device: str, training: bool) -> Trace:
    """One run; where the model turns autocast on, which meta tensors ignore, another one on fake tensors."""
    seen = _run_apart(name, inventory, call, device=device, training=training)
    return _run(name, inventory, call, device=seen, training=training) if isinstance(seen, str) else seen


def _run_apart(name: str, inventory: Inventory, call: Inputs, *, device: str, training: bool) -> Trace | str:
    """Run a copy of the modules, because other threads may be using the model's own.

    The model itself is run where nobody can be using it (its weights are meta tensors), and where its code reaches its
    own modules by another way than its attributes.
    """
    model = inventory.modules[""]
    if not only_meta(inventory):
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


def _run_held(  # noqa: PLR0913, PLR0915 - a run is all of these
    state: ModelCopy | ModelState, name: str, inventory: Inventory, call: Inputs, *, device: str, training: bool
) -> Trace | str:
    """What ``state`` holds, run; or the device on which it is to be run instead."""
    model, modules = inventory.modules[""], inventory.modules.values()
    stack = ModuleStack(inventory.paths, frozenset(path for path, more in inventory.module_aliases.items() if more))
    recorder = Recorder(stack, training=training)
    notes = recorder.notes
    stands = stand_ins(device)
    weight = with_gradients(stands.weight) if training else stands.weight
    _load_meta_kernels()
    registered = registered_tensors(inventory)
    with (
        sparing_collections() as tells_new,
        without_fakes(),
        state.kept(recorder.has_met) as held_before,
        run_conditions(gradients=training),
        autocast_watched() as autocast,
        stands.around(),
        contextlib.ExitStack() as programs,
    ):
        try:
            inputs = stands.inputs(call)
            described = input_records(model, inputs)
            with copies_of_weights(device):
                pairs = state.swap(weight)
            set_mode(model, state.modules, training=training)
        except Exception as error:
            raise preparation_error(error, device) from error
        programs.enter_context(script_tensors_swapped(modules, weight, training=training))
        around = _around_programs(inventory, stands.device, weight)
        programs.enter_context(methods_marked(inventory.modules, around))
        parameters = parameter_tensors(inventory)
        recorder.keep(and_inner(new for _, new in pairs))
        weights = dict(zip(parameters, recorder.storages_of(parameters.values()), strict=True))
        held = held_by_model(pairs, registered, lambda tensor: recorder.storages_of([tensor])[0])
        made_up = [new for old, new in pairs if old.is_meta and device != "meta"]
        given = recorder.storages_of((*made_up, *and_inner(tensors_in((inputs.args, inputs.kwargs)))))
        del pairs, made_up
        recorder.outsiders.clear()
        remove_distributed_hooks(modules)
        parts = own_parts(modules)
        stack.watch(modules)
        try:
            with (
                forward_calls_watched(modules, stack),
                triton_watched(recorder.launched),
                kept_generators_watched(noted, modules, held_before),
                ways_out_watched(notes, device),
                control_flow_followed(),
                as_devices_do(recorder, device),
                memory_watched(device),
                recorder,
            ):
                output = copy_context().run(called, model, inputs, stack)
                output = finished(output, lambda: notes.missed("later", where=""))
                results = recorder.storages_of(tensors_in(output))
                notes.look_at(tensors_in(output))
                if training:
                    run_backward(output, stack, recorder, trains=any(p.trainable for p in inventory.parameters))
        except ArchscopeError:
            raise
        except (Exception, SystemExit) as error:
            on_meta = inputs if device == "meta" else None
            raise forward_error(error, inventory, stack, notes, on_meta=on_meta) from error
        if notes.asks:
            require_sight(notes, tolerates=bool(too_large(model)))
        storages = recorder.storages()
        held += sort_outsiders(_outside(recorder.outsiders, inventory), notes, tells_new=tells_new)
        held += held_as_numbers(notes.made, held_before(), {*weights.values(), *given}) if notes.made else ()
        held += registered_late(model, modules, parts, inventory.parameters, recorder.storages_of)
        recorder.outsiders.clear()
        del output
        hidden = enumerate(around.hidden, len(recorder.calls))
        recorder.calls.extend(OpCall(index, kind, path, "forward", {}, ()) for index, (path, kind) in hidden)
    if autocast.device and device == "meta":  # which autocast leaves alone
        return f"fake {autocast.device}"
    return Trace(
        model=name,
        mode="train" if training else "eval",
        device=stands.device,
        fallback="; ".join(filter(None, (autocast.told, estimated_rows(modules)))),
        inputs=described,
        modules=module_records(inventory, stack),
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


def _around_programs(inventory: Inventory, device: str, weight: Replacement) -> Surroundings:
    """What the TorchScript programs of a model run in."""
    paths = {alias: path for path, more in inventory.module_aliases.items() for alias in (path, *more)}
    return Surroundings(canonical=paths, device=device.removeprefix("fake "), replace=weight)


def _outside(outsiders: Iterable[Outsider], inventory: Inventory) -> list[Outsider]:
    """Those of ``outsiders`` that are no constants of a TorchScript program, which are its own."""
    programs = {
        path for path, module in inventory.modules.items() if is_script(module) or isinstance(module, FrozenPart)
    }
    return [outsider for outsider in outsiders if outsider.path not in programs]


@functools.cache
def _load_meta_kernels() -> None:
    """Torch loads its meta kernels when one first runs, and errors in that keep the tensors of all callers alive."""
    torch.add(torch.empty(1, device="meta"), 1)


def _values_would_tell(seen: Trace, inventory: Inventory, call: Inputs) -> bool:
    """Whether a run with values says more of control flow: of any loop, and of a branch where values are given."""
    if loops_undecided(seen):
        return True
    given = (leaf for leaf in pytree.tree_leaves((call.args, dict(call.kwargs))) if isinstance(leaf, torch.Tensor))
    return bool(seen.undecided) and not any(
        tensor.is_meta for tensor in (*given, *parameter_tensors(inventory).values())
    )


def loops_undecided(seen: Trace) -> bool:
    """Whether a loop ran one step on meta because nobody knew how many there are."""
    return any(flow.taken == ONE_STEP for flow in seen.undecided)


def _home(inventory: Inventory) -> str:
    """The device that holds the first of the model's weights."""
    devices = (tensor.device for tensor in parameter_tensors(inventory).values() if not tensor.is_meta)
    return str(next(devices, "cpu"))
