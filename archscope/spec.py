"""What a source hands to the tracer: a model that can be built, its inputs, its options and its components."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TypeAlias

if TYPE_CHECKING:
    from torch import nn

    from archscope.records import Trace

#: The axes of a batch of images.
IMAGES = ("batch", "channels", "height", "width")
#: The axes of a batch of videos.
VIDEOS = ("batch", "channels", "frames", "height", "width")

OptionValue: TypeAlias = bool | int | float | str


class Literal(str):
    """A value of an option that is a list, a mapping, None or an object, told as the text that writes it."""

    __slots__ = ("value",)
    value: Any

    def __new__(cls, value: Any) -> Self:
        """The text of ``value``, with the value itself."""
        made = super().__new__(cls, repr(value))
        made.value = value
        return made

    def __reduce__(self) -> tuple[type[Self], tuple[Any]]:
        return type(self), (self.value,)


def option_value(value: Any) -> OptionValue:
    """``value`` as an Option holds it."""
    return value if isinstance(value, (bool, int, float, str)) else Literal(value)


def literal_of(value: OptionValue) -> Any:
    """What ``option_value`` was made from."""
    return value.value if isinstance(value, Literal) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A named part of a network: the modules whose paths match one of ``patterns``.

    Patterns are globs over module paths: ``*`` stays within one name, ``**`` spans any depth and ``x.**`` matches
    ``x`` itself too. ``role`` is one of backbone, neck, attention, head or empty; figures use it to pick their panels.
    ``where`` is the ``file:line`` of a component that a config wrote.
    """

    name: str
    patterns: tuple[str, ...]
    description: str = ""
    role: str = ""
    where: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One choice of a configurable model, the value it has, and the components that it may change."""

    name: str
    value: OptionValue
    default: OptionValue
    choices: tuple[OptionValue, ...] = ()
    help: str = ""
    components: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """One tensor that a model takes: its shape, its dtype as in ``torch.<dtype>``, its name when passed by keyword.

    ``axes`` are the names of its axes where its source knows them: batch, sequence, channels, height, width, or others.
    ``values`` are what it holds, in order and over again, where a model reads them (the sizes of a grid of patches).
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    name: str = ""
    axes: tuple[str, ...] = field(default=(), compare=False, repr=False)
    values: tuple[int, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoneSize(InputSpec):
    """A single number where a tensor is written: its size, or the number itself where the model takes one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The arguments of one call, exactly as they are passed; tensors stand on any device, an InputSpec for one on meta.

    ``method`` is what is called, ``forward`` unless it names another one.
    """

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    method: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Inputs in any form, arguments by name beside them, and the method that takes them.

    ``usual`` inputs stand in for the value where there is none, if the arguments by name leave room for them.
    """

    value: Any = None
    usual: Any = None
    named: Mapping[str, Any] = field(default_factory=dict)
    method: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A model that can be built, here or (from ``source`` and the options) in another process.

    ``build`` returns a new ``nn.Module`` on torch's default device. ``components`` are those of these options.
    ``inputs`` are tensors by their specs, whole ``Inputs``, or ``Given`` in any form; empty when the source knows none.
    ``within`` makes what must be in force while the model is built and run (its own modules importable). ``trace`` is
    of a source that is a graph already (an ONNX file): it follows that graph with the inputs it is given, and nothing
    is built or run. ``entries`` are the same by name, where such a graph can be called in several ways.
    """

    name: str
    source: str
    build: Callable[[], nn.Module]
    options: tuple[Option, ...] = ()
    inputs: tuple[InputSpec, ...] | Inputs | Given = ()
    components: tuple[Component, ...] = ()
    description: str = ""
    within: Callable[[], AbstractContextManager[None]] = nullcontext
    trace: Callable[[Sequence[InputSpec] | None], Trace] | None = None
    entries: Mapping[str, Callable[[Sequence[InputSpec] | None], Trace]] = field(default_factory=dict)
