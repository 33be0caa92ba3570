"""Parsing all ``--input`` of a call: tensors, and booleans, numbers, texts, None, lists and dicts beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from archscope.errors import InputError
from archscope.sources.inputs import parse_input
from archscope.spec import Given, Inputs, InputSpec, LoneSize
from archscope.value_text import OPENING, WORDS, parse_literal, put

GRAMMAR = (
    "a tensor is 1x3x224x224 or 1x128:int64; True, None, 0.5, 'text', [3x64x64,3x64x64], {image:1x3x32x32} are what "
    "they say; NAME=VALUE is an argument by name, NAME.FIELD=VALUE a field of one"
)
_NAMED = re.compile(r"\s*([^\W\d]\w*(?:\.[^\W\d]\w*)*)\s*=(?!=)\s*(.*)", re.DOTALL)
_TENSOR = re.compile(r"\d+\s*(?:[xX\u00d7*]\s*\d|:)|\(\)")
_LONE = re.compile(r"\d{1,15}")
_NUMBER = re.compile(r"[-+]?(?:\d[\d_]*)?\.?\d*(?:[eE][-+]?\d+)?")
_WORD = re.compile(r"[^\W\d][\w.\-/]*")


def parse_call(texts: Iterable[str], method: str = "") -> tuple[InputSpec, ...] | Inputs:
    """The arguments that ``texts`` write down, one each; specs alone where all of them are tensors.

    ``method`` is what they are for, ``forward`` unless it names another one. Raises InputError.
    """
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for text in texts:
        found = _NAMED.fullmatch(text)
        name, written = found.groups() if found else ("", text)
        value = _argument(written.strip(), text, named=bool(name))
        if not name:
            args.append(value)
            continue
        try:
            put(kwargs, name.split("."), value)
        except ValueError as error:
            told = f"input {name!r} is given twice" if "twice" in str(error) else f"input {text!r}: {error}"
            raise InputError(told, help="give each name once") from error
    specs = [*args, *(_renamed(value, name) for name, value in kwargs.items())]
    if not method and all(type(spec) is InputSpec for spec in specs):
        return tuple(specs)
    return Inputs(args=tuple(args), kwargs=kwargs, method=method)


def written_specs(inputs: tuple[InputSpec, ...] | Inputs | Given) -> tuple[InputSpec, ...]:
    """The tensors of a call that was written down or made, each with the name of its argument and its place in it."""
    if isinstance(inputs, Given):
        return tuple(
            spec for name, value in [("", inputs.value), *inputs.named.items()] for spec in _inside(name, value)
        )
    if not isinstance(inputs, Inputs):
        return inputs
    named = [*((f"args[{place}]", value) for place, value in enumerate(inputs.args)), *inputs.kwargs.items()]
    return tuple(spec for name, value in named for spec in _inside(name, value))


def _inside(name: str, value: Any) -> Iterator[InputSpec]:
    if isinstance(value, InputSpec):
        yield InputSpec(shape=value.shape, dtype=value.dtype, name=name)
    elif isinstance(value, (list, tuple)):
        for place, part in enumerate(value):
            yield from _inside(f"{name}[{place}]", part)
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _inside(f"{name}[{key!r}]", part)
    elif hasattr(value, "shape") and hasattr(value, "dtype"):
        yield InputSpec(shape=tuple(value.shape), dtype=str(value.dtype).removeprefix("torch."), name=name)


def _renamed(value: Any, name: str) -> Any:
    return InputSpec(shape=value.shape, dtype=value.dtype, name=name) if type(value) is InputSpec else value


def _argument(written: str, text: str, *, named: bool) -> Any:  # noqa: PLR0911 - one for each kind of value
    if written[:1] in OPENING and not written.startswith("()") and (named or not _is_list_of_sizes(written)):
        try:
            return parse_literal(written, _entry)
        except ValueError as error:
            raise InputError(f"input {text!r}: {error}", help=GRAMMAR) from error
    if named and _LONE.fullmatch(written):
        if not int(written):
            return 0  # no size
        return LoneSize(shape=parse_input(written).shape)
    if written[:1] in {"'", '"'} and len(written) > 1 and written[-1] == written[0]:
        return written[1:-1]
    known = _scalar(written)
    if known is not _UNKNOWN:
        return known
    if named and _WORD.fullmatch(written) and not re.search(r"\d[xX]\w", written):
        return written
    spec = parse_input(text if not named else written)
    return InputSpec(shape=spec.shape, dtype=spec.dtype)


def _is_list_of_sizes(written: str) -> bool:
    """``[1, 3, 224, 224]``, which is how other tools write a shape: it is answered with how it is written here."""
    return bool(re.fullmatch(r"[\[(][\d,\s]*[\])]", written))


_UNKNOWN = object()


def _scalar(written: str) -> Any:
    """A boolean, None or a number that is no size; _UNKNOWN for everything else."""
    if written in WORDS:
        return WORDS[written]
    if written and not _LONE.fullmatch(written) and _NUMBER.fullmatch(written) and re.search(r"\d", written):
        return int(written) if re.fullmatch(r"[-+]?\d+", written) else float(written)
    return _UNKNOWN


def _entry(written: str) -> Any:
    """What stands in a list or a dict: a lone number is a number there."""
    if _TENSOR.match(written):
        spec = parse_input(written)
        return InputSpec(shape=spec.shape, dtype=spec.dtype)
    if _LONE.fullmatch(written):
        return int(written)
    known = _scalar(written)
    if known is not _UNKNOWN:
        return known
    if not _WORD.fullmatch(written):
        raise ValueError(f"{written!r} is no value")
    return written
