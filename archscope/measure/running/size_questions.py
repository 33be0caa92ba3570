"""What a model asks about sizes while it runs: each comparison of a size that it reads, as a function of that."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import torch
from torch.overrides import TorchFunctionMode

#: What a number was worked out from: a read size (its value), a constant, or an operation with its operands.
Form: TypeAlias = Any
#: A comparison and its two sides.
Question: TypeAlias = tuple[Callable[[Any, Any], bool], Form, Form]

_READ = "read"
_SIZE = {torch.Tensor.shape.__get__, torch.Tensor.size, torch.Tensor.numel}  # type: ignore[attr-defined]
_OPERATIONS = ("add", "sub", "mul", "floordiv", "mod", "truediv", "pow")
_COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")
_SIGNS = ("neg", "abs")
_ROUNDINGS: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("__floor__", math.floor),
    ("__ceil__", math.ceil),
    ("__trunc__", math.trunc),
    ("__round__", round),
)


class SizeQuestions(TorchFunctionMode):
    """While it is in force, sizes that are read from tensors remember what they are compared with."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[Question, None] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The same as without it, with numbers that remember."""
        found = func(*args, **(kwargs or {}))
        if func not in _SIZE:
            return found
        if isinstance(found, torch.Size):
            return torch.Size([self._size(size) for size in found])
        return self._size(found)

    def _size(self, size: int) -> Any:
        return _Whole(size, (_READ, int(size)), self.asked)


class _Watched:
    """A number with what it was worked out from."""

    form: Form
    asked: dict[Question, None]

    def __new__(cls, value: Any, form: Form, asked: dict[Question, None]) -> Any:
        made = super().__new__(cls, value)  # type: ignore[call-arg]
        made.form, made.asked = form, asked
        return made

    def __bool__(self) -> bool:
        self.asked[operator.ne, self.form, 0] = None
        return super().__ne__(0)

    def __reduce__(self) -> Any:
        return type(_plain(self)), (_plain(self),)


class _Whole(_Watched, int):
    """A whole number."""

    __hash__ = int.__hash__


class _Ratio(_Watched, float):
    """A quotient."""

    __hash__ = float.__hash__


def _form(value: Any) -> Form:
    return value.form if isinstance(value, _Watched) else value


def _plain(value: Any) -> Any:
    if isinstance(value, _Whole):
        return int.__add__(value, 0)
    return float.__add__(value, 0.0) if isinstance(value, _Ratio) else value


def _made(value: Any, form: Form, asked: dict[Question, None]) -> Any:
    if type(value) is int:
        return _Whole(value, form, asked)
    return _Ratio(value, form, asked) if type(value) is float else value


def _operation(name: str, *, swapped: bool) -> Callable[[Any, Any], Any]:
    apply = getattr(operator, name)

    def method(self: Any, other: Any) -> Any:
        if not isinstance(other, (int, float)):
            return NotImplemented
        left, right = (other, self) if swapped else (self, other)
        return _made(apply(_plain(left), _plain(right)), (apply, _form(left), _form(right)), self.asked)

    return method


def _comparison(name: str) -> Callable[[Any, Any], Any]:
    apply = getattr(operator, name)

    def method(self: Any, other: Any) -> Any:
        if not isinstance(other, (int, float)):
            return NotImplemented
        self.asked[apply, self.form, _form(other)] = None
        return apply(_plain(self), _plain(other))

    return method


def _rounding(apply: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda self: _made(apply(_plain(self)), (apply, self.form), self.asked)


for _name in _OPERATIONS:
    for _class in (_Whole, _Ratio):
        setattr(_class, f"__{_name}__", _operation(_name, swapped=False))
        setattr(_class, f"__r{_name}__", _operation(_name, swapped=True))
for _name in _COMPARISONS:
    for _class in (_Whole, _Ratio):
        setattr(_class, f"__{_name}__", _comparison(_name))
for _class in (_Whole, _Ratio):
    for _name in _SIGNS:
        setattr(_class, f"__{_name}__", _rounding(getattr(operator, _name)))
for _name, _apply in _ROUNDINGS:
    setattr(_Ratio, _name, _rounding(_apply))


def reads_of(form: Form) -> Iterator[int]:
    """The sizes that a form was worked out from."""
    if isinstance(form, tuple):
        if form[0] == _READ:
            yield form[1]
        else:
            for part in form[1:]:
                yield from reads_of(part)


def evaluated(form: Form, sizes: Mapping[int, int]) -> Any:
    """The number that ``form`` is where the sizes that were read have other values. Raises ArithmeticError."""
    if not isinstance(form, tuple):
        return form
    return sizes[form[1]] if form[0] == _READ else form[0](*(evaluated(part, sizes) for part in form[1:]))
