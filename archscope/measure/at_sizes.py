"""One model run at many sizes of its inputs and options: built once for each setting, its inputs resized on meta."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

import torch
from torch import nn

from archscope.errors import ArchscopeError, BuildError, ForwardError, InputError, UsageError
from archscope.measure.measuring import trace_spec
from archscope.measure.running.call_forms import call_forms
from archscope.measure.running.input_refusal import RefusedInputError
from archscope.measure.running.inputs import InputsLike, exchanged_inputs, input_names, input_records
from archscope.measure.running.memory_limit import too_large
from archscope.measure.running.size_questions import Question, SizeQuestions
from archscope.measure.running.tracing import loops_undecided, trace
from archscope.process_state import process_state_kept
from archscope.records import InputRecord, Trace
from archscope.spec import Given, Inputs, ModelSpec, OptionValue

Measurable: TypeAlias = ModelSpec | nn.Module
Setting: TypeAlias = Mapping[str, OptionValue]
_PLACE = re.compile(r"(?P<name>.+)\[(?P<axis>-?\d{1,3})\]")


class SizedModel:
    """``model`` with the inputs that it is resized from; ``rebuild`` gives the model with other options."""

    def __init__(
        self,
        model: Measurable,
        inputs: InputsLike | Given | None,
        rebuild: Callable[[Setting], ModelSpec] | None = None,
    ) -> None:
        given = inputs if inputs is not None else (model.inputs or None if isinstance(model, ModelSpec) else None)
        self.model = model
        self._rebuild = rebuild
        self._options: dict[str, OptionValue] = {}
        self._spec = model if isinstance(model, ModelSpec) else None
        self._built: nn.Module | None = None if isinstance(model, ModelSpec) else model
        self.inputs = None if given is None else call_forms(self._module(), given).forms[0]

    @property
    def name(self) -> str:
        """What reports call it."""
        return self.model.name if isinstance(self.model, ModelSpec) else type(self.model).__name__

    def records(self) -> tuple[InputRecord, ...]:
        """The tensors of its inputs as they were given, by name. Raises BuildError for a model that has to be built."""
        return () if self.inputs is None else input_records(self._module(), self.inputs)

    def axes(self) -> dict[str, tuple[str, ...]]:
        """What the source of the model calls the axes of each input, by the input's name; only where it says so."""
        stated = self.model.inputs if isinstance(self.model, ModelSpec) else ()
        if isinstance(stated, (Inputs, Given)):
            return {}
        by_name = {spec.name: spec for spec in stated if spec.name}
        records = self.records()
        in_order = (record for record in records if record.name not in by_name)
        pairs = [(record, by_name[record.name]) for record in records if record.name in by_name]
        pairs += zip(in_order, (spec for spec in stated if not spec.name), strict=False)
        # A list of images is a batch taken apart.
        return {
            record.name: spec.axes[len(spec.axes) - len(record.shape) :]
            for record, spec in pairs
            if spec.axes and len(record.shape) in {len(spec.axes), len(spec.axes) - 1}
        }

    def sequence_first(self) -> bool:
        """Whether the model itself is one of torch's that take the sequence before the batch."""
        kinds = (nn.RNNBase, nn.Transformer, nn.TransformerEncoder, nn.TransformerDecoder, nn.MultiheadAttention)
        module = self._module()
        if isinstance(module, (nn.TransformerEncoder, nn.TransformerDecoder)):
            module = module.layers[0].self_attn  # what all of its layers take
        return isinstance(module, kinds) and not module.batch_first

    def run(self, places: Mapping[str, int], options: Setting, *, training: bool = False) -> Trace:
        """The trace at these sizes, ``x[0]`` by ``x[0]``, under these options; of a training step if asked.

        Raises BuildError and ForwardError, and InputError for a place that no input has.
        """
        self._set(options)
        call = None if self.inputs is None else resized(self._module(), self.inputs, places)
        if self._spec is None:
            return trace(self._module(), call, name=self.name, training=training)
        with self._spec.within():
            module = self._module()
            try:
                seen = trace(module, call, name=self.name, device="meta" if call else "", training=training)
                if not loops_undecided(seen) or too_large(module):
                    return seen
            except RefusedInputError:
                raise
            except (BuildError, ForwardError):
                if too_large(module):
                    raise
        return trace_spec(self._spec, call, training=training)

    def asking(self, places: Mapping[str, int], options: Setting) -> tuple[Trace | None, tuple[Question, ...]]:
        """The trace as ``run`` gives it, and what the model compared its sizes with.

        No trace where asking could change what runs, or where the model bears no such numbers.
        """
        asking = SizeQuestions()
        try:
            with asking:
                seen = self.run(places, options)
        except Exception:  # noqa: BLE001 - whatever it is: a run without questions says whether it is the model's own
            return None, tuple(asking.asked)
        return seen if seen.device == "meta" else None, tuple(asking.asked)

    @property
    def spec(self) -> ModelSpec | None:
        """The model as it was last built; None for a module."""
        return self._spec

    def changes_with(self, option: str, value: int) -> bool:
        """Whether the model takes ``option``, and has another number of parameters at ``value``."""
        if self._rebuild is None:
            return False
        try:
            spec = self._rebuild({option: value})
            with spec.within(), process_state_kept():
                other = _on_meta(spec)
        except ArchscopeError:  # it takes no such option, or not that value
            return False
        return _elements(other) != _elements(self._module())

    def _set(self, options: Setting) -> None:
        if dict(options) == self._options:
            return
        if self._rebuild is None:
            raise UsageError(
                f"{self.name} is built already: {', '.join(options)} cannot be changed",
                help="name a model that archscope can build: archscope.load(MODEL)",
            )
        self._built = None
        self._spec = self._rebuild(options)
        self._options = dict(options)

    def _module(self) -> nn.Module:
        if self._built is None:
            spec = self._spec
            if spec is None:
                raise UsageError("there is no model to build")
            with spec.within(), process_state_kept():
                self._built = _on_meta(spec)
        return self._built


def _elements(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _on_meta(spec: ModelSpec) -> nn.Module:
    """The model of ``spec`` on meta, on the CPU where it cannot be built there."""
    try:
        with torch.device("meta"):
            return spec.build()
    except ArchscopeError:
        raise
    except Exception:  # noqa: BLE001 - whatever it is, the long way tells it better or succeeds
        try:
            with torch.device("cpu"):
                return spec.build()
        except ArchscopeError:
            raise
        except Exception as error:
            raise BuildError(f"building {spec.name!r} raised {error}", where=spec.source) from error


def parse_place(place: str) -> tuple[str, int] | None:
    """``x[2]`` as the input and the axis that it names; None for another text."""
    match = _PLACE.fullmatch(place.strip())
    return (match["name"], int(match["axis"])) if match else None


def resized(model: nn.Module, inputs: Inputs, places: Mapping[str, int]) -> Inputs:
    """``inputs`` with other sizes at ``places`` (``x[0]``); what is resized is on meta and has no values.

    Raises InputError for a place that no input has.
    """
    wanted: dict[str, dict[int, int]] = {}
    for place, size in places.items():
        name, axis = parse_place(place) or ("", 0)
        wanted.setdefault(name, {})[axis] = size
    tensors = dict(input_names(model, inputs))
    changed = {id(tensors[name]): _resized(tensors[name], name, axes) for name, axes in wanted.items()}
    return exchanged_inputs(inputs, lambda tensor: changed.get(id(tensor), tensor)) if changed else inputs


def _resized(tensor: torch.Tensor, name: str, axes: Mapping[int, int]) -> torch.Tensor:
    shape = list(tensor.shape)
    for axis, size in axes.items():
        if not -len(shape) <= axis < len(shape):
            raise InputError(f"{name} has {len(shape)} axes, and none of number {axis}")
        shape[axis] = size
    return torch.empty(shape, dtype=tensor.dtype, device="meta")
