"""What a caller gave in place of ``Inputs``, understood as calls of this model, by the arguments that it takes."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from archscope.errors import InputError
from archscope.measure.running.held_tensors import held_tensors
from archscope.measure.running.input_suggestion import three_forms
from archscope.measure.running.inputs import from_specs, invoked, with_tensors
from archscope.measure.running.inventory import dtype_name
from archscope.measure.running.missing_forward import require_forward
from archscope.spec import Given, Inputs, InputSpec, LoneSize


class Calls(NamedTuple):
    """The calls that something given can mean, the likeliest first, and why the model refuses its plain reading."""

    forms: tuple[Inputs, ...]
    refusal: InputError | None


def call_forms(model: nn.Module, given: Any) -> Calls:
    """The calls of ``model`` that ``given`` can mean; Inputs are one call, exactly.

    A tuple or a list holds the positional arguments, a mapping those by name, anything else is the one argument;
    where the model takes no such arguments, a list or a mapping is the one argument itself, the fields of an object
    are the arguments of their names, and a list whose first entries suffice is a batch with its labels. Where no
    tensor is given at all, a tuple or a list of integers is the shape of one. Raises InputError when none fits.
    """
    asked = given if isinstance(given, Given) else Given(value=given)
    method = asked.method or (asked.value.method if isinstance(asked.value, Inputs) else "")
    require_forward(model, method)
    target = invoked(model, Inputs(method=method))
    parameters = _parameters(target)
    if not isinstance(asked.value, Inputs) and not _holds_tensors((asked.value, asked.named)):
        asked = dataclasses.replace(asked, value=_shapes_read(asked.value), named=_inside_read(dict(asked.named)))
    forms = [
        dataclasses.replace(form, kwargs={**form.kwargs, **asked.named}, method=method)
        for form in _forms(asked, parameters)
    ]
    if asked.value is None and asked.usual is not None:
        usual = asked.usual if isinstance(asked.usual, Inputs) else from_specs(asked.usual)
        beside = {name: part for name, part in usual.kwargs.items() if name not in asked.named}
        forms.insert(0, Inputs(args=usual.args, kwargs={**beside, **asked.named}, method=method))
    strict = [form for form in forms if _refusal(target, form) is None]
    # What wraps a forward may take or add arguments that the forward it tells of does not have.
    taken = strict or [form for form in forms if _refusal(target, form, follow_wrapped=False) is None]
    fitting = [number for form in taken for number in _numbers(form, parameters)]
    why = _refusal(target, forms[0])
    refusal = (
        None
        if why is None
        else InputError(
            f"{type(model).__name__}.{method or 'forward'} does not take what was given: {why}",
            where=f"{method or 'forward'}{_signature(target)}",
            help=three_forms(model, method),
        )
    )
    if refusal is not None and not fitting:
        raise refusal
    return Calls(tuple(map(with_tensors, fitting)), refusal)


class _Graph(nn.Module):
    """Stands for what takes tensors in order or by any name."""

    def forward(self, *args: Any, **kwargs: Any) -> None:
        """Take them."""


def graph_inputs(given: Any) -> tuple[InputSpec, ...]:
    """``given`` as what a graph takes: shapes and dtypes, in order or by name. Raises InputError for anything else."""
    if isinstance(given, tuple) and given and all(isinstance(spec, InputSpec) for spec in given):
        return given
    call = call_forms(_Graph(), given).forms[0]
    named = [*(("", value) for value in call.args), *call.kwargs.items()]
    for _, value in named:
        if not isinstance(value, torch.Tensor):
            raise InputError(
                f"a graph takes tensors, and a {type(value).__name__} is given", help="pass tensors, or shapes"
            )
    return tuple(InputSpec(shape=tuple(value.shape), dtype=dtype_name(value.dtype), name=name) for name, value in named)


def _forms(asked: Given, parameters: Mapping[str, inspect.Parameter]) -> Iterator[Inputs]:
    """Every way to read the value, whether the model takes it or not."""
    value = asked.value
    if value is None:
        yield Inputs()
    elif isinstance(value, Inputs):
        yield value
    elif isinstance(value, Mapping):
        yield from _of_mapping(value, parameters)
    elif type(value) in {tuple, list}:
        yield from _of_sequence(value, parameters)
    else:
        yield from _of_object(value, parameters)


def _of_mapping(value: Mapping[Any, Any], parameters: Mapping[str, inspect.Parameter]) -> Iterator[Inputs]:
    by_name = all(isinstance(key, str) for key in value)
    if by_name:
        yield Inputs(kwargs=dict(value))
    if not by_name or not set(value) & set(parameters):
        yield Inputs(args=(value,))


def _of_sequence(value: Any, parameters: Mapping[str, inspect.Parameter]) -> Iterator[Inputs]:
    specs = [part for part in value if isinstance(part, InputSpec)]
    if specs and len(specs) == len(value):
        yield from_specs(specs)
        if type(value) is tuple:
            return
    else:
        yield Inputs(args=tuple(value))
    yield Inputs(args=(value,))
    yield from _without_labels(value, parameters)


def _of_object(value: Any, parameters: Mapping[str, inspect.Parameter]) -> Iterator[Inputs]:
    fields = _fields_of(value, parameters)
    if fields and set(fields) == set(_fields(value)):
        yield from (Inputs(kwargs=fields), Inputs(args=(value,)))
        return
    yield Inputs(args=(value,))
    if isinstance(value, tuple) and not isinstance(value, (torch.Size, PackedSequence)):
        yield Inputs(args=tuple(value))
    if fields:
        yield Inputs(kwargs=fields)


def _without_labels(batch: Any, parameters: Mapping[str, inspect.Parameter]) -> Iterator[Inputs]:
    """The entries that a positional call has room for, of a list of tensors with the same first size."""
    kinds = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    room = sum(parameter.kind in kinds for parameter in parameters.values())
    if type(batch) is not list or not all(isinstance(part, torch.Tensor) and part.ndim for part in batch):
        return
    if 0 < room < len(batch) and len({part.shape[0] for part in batch}) == 1:
        yield Inputs(args=tuple(batch[:room]))


def _fields_of(value: Any, parameters: Mapping[str, inspect.Parameter]) -> dict[str, Any]:
    """The arguments that an object has under their names; nothing unless all are there that must be."""
    if isinstance(value, (torch.Tensor, PackedSequence, str, bytes, int, float, complex, type, nn.Module)):
        return {}
    own = _fields(value)
    found = {name: own[name] for name in parameters if name in own}
    required = {name for name, parameter in parameters.items() if _is_required(parameter)}
    return found if required <= found.keys() else {}


def _fields(value: Any) -> dict[str, Any]:
    """What an object holds by name: of a dataclass, a named tuple, a plain object, one that lists its ``keys()``."""
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return dict(zip(value._fields, value, strict=False))
    slots = {name for kind in type(value).__mro__ for name in _texts(getattr(kind, "__slots__", ()))}
    names = [*getattr(value, "__dict__", {}), *sorted(slots)]
    own = {name: getattr(value, name) for name in names if not name.startswith("_") and hasattr(value, name)}
    return own or _listed(value)


def _listed(value: Any) -> dict[str, Any]:
    """What a batch of graphs holds: it keeps its tensors in a store and tells their names by ``keys``."""
    keys = getattr(value, "keys", None)
    try:
        names = list(keys() if callable(keys) else keys or ())
        return {name: value[name] for name in names if isinstance(name, str)}
    except Exception:  # noqa: BLE001 - it is somebody's own class, and need not be a container
        return {}


def _texts(slots: Any) -> tuple[str, ...]:
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _is_required(parameter: inspect.Parameter) -> bool:
    variadic = parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
    return parameter.default is parameter.empty and not variadic


def _holds_tensors(value: Any) -> bool:
    return next(held_tensors(value), None) is not None


def _shapes_read(value: Any) -> Any:
    """``value`` with specs in place of shapes, where it is one, or holds them in lists and dicts."""
    if _is_shape(value):
        return (InputSpec(shape=tuple(value)),)
    return _inside_read(value)


def _inside_read(value: Any) -> Any:
    if type(value) in {tuple, list}:
        return type(value)(InputSpec(shape=tuple(part)) if _is_shape(part) else _inside_read(part) for part in value)
    if type(value) is dict:
        return {k: InputSpec(shape=tuple(part)) if _is_shape(part) else _inside_read(part) for k, part in value.items()}
    return value


def _is_shape(value: Any) -> bool:
    return type(value) in {tuple, list, torch.Size} and bool(value) and all(type(size) is int for size in value)


def _numbers(form: Inputs, parameters: Mapping[str, inspect.Parameter]) -> Iterator[Inputs]:
    """``form``, where a lone number was written as a size and, if that does not run, as the number; or the other way.

    It is a number first where the argument is annotated as one or has one as its default.
    """
    lone = {name: value for name, value in form.kwargs.items() if isinstance(value, LoneSize)}
    if not lone:
        yield form
        return
    numbers = dataclasses.replace(form, kwargs={**form.kwargs, **{name: size.shape[0] for name, size in lone.items()}})
    told = all(_takes_a_number(parameters.get(name)) for name in lone)
    yield from (numbers, form) if told else (form, numbers)


def _takes_a_number(parameter: inspect.Parameter | None) -> bool:
    if parameter is None:
        return False
    return isinstance(parameter.default, (int, float)) or parameter.annotation in _NUMBERS


_NUMBERS = (int, float, int | None, float | None, "int", "float", "int | None", "float | None", "Optional[int]")


def _parameters(target: Any) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(target).parameters
    except (TypeError, ValueError):
        return {}


def _refusal(target: Any, form: Inputs, *, follow_wrapped: bool = True) -> str | None:
    """Why the arguments do not fit; None where they do or nobody knows."""
    try:
        signature = inspect.signature(target, follow_wrapped=follow_wrapped)
    except (TypeError, ValueError):
        return None
    try:
        signature.bind(*form.args, **form.kwargs)
    except TypeError as error:
        return str(error)
    return None


def _signature(target: Any) -> str:
    try:
        return _QUOTED.sub(r"\1\2", str(inspect.signature(target)))
    except (TypeError, ValueError):
        return "(...)"


_QUOTED = re.compile(r"(: |-> )'([^']*)'")  # how Python shows annotations that are kept as text
