"""Parsing ``--vary`` and ``--axes``, and the grid of settings that they span."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Sequence

from archscope.config import nearest
from archscope.errors import OptionError, UsageError
from archscope.metrics import Rows, carried_by
from archscope.results.sweep import Axis, Setting, Vary
from archscope.sources.settings import parse_value
from archscope.spec import ModelSpec

_RANGE = re.compile(r"(?P<start>-?\d{1,18}):(?P<stop>-?\d{1,18})(?::(?P<step>-?\d{1,18}))?")
_HELP = "write bifpn_channels=16:64:8 (the end is included) or head=separate,shared"
DEFAULT_AXES = "parameters:min,macs:max"
MOST = 1_000_000  # settings: beyond that a grid is a typing error


def parse_vary(texts: Sequence[str], spec: ModelSpec) -> tuple[Vary, ...]:
    """``name=start:stop[:step]`` (the end included) or ``name=a,b,c``, for options that ``spec`` has.

    Raises OptionError for an unknown option, UsageError for a text that cannot be read or a grid without end.
    """
    varied = tuple(_vary(text) for text in texts)
    known = [option.name for option in spec.options]
    for index, vary in enumerate(varied):
        if known and vary.name not in known:
            raise OptionError(f"{spec.name} has no option {vary.name!r}", help=nearest(vary.name, known))
        if any(vary.name == other.name for other in varied[:index]):
            raise UsageError(f"{vary.name} is varied twice", help="give all its values at once")
    size = grid_size(varied)
    if size > MOST:
        raise UsageError(f"the grid has {size:,} settings", help=f"at most {MOST:,}: take larger steps")
    return varied


def _vary(text: str) -> Vary:
    name, equals, values = (part.strip() for part in text.partition("="))
    if not equals or not name or not values:
        raise UsageError(f"cannot read --vary {text!r}", help=_HELP)
    match = _RANGE.fullmatch(values)
    if match is None:
        words = [word.strip() for word in values.split(",")]
        if not all(words):
            raise UsageError(f"--vary {text!r} has an empty value", help=_HELP)
        return Vary(name=name, values=tuple(dict.fromkeys(map(parse_value, words))))
    start, stop, step = int(match["start"]), int(match["stop"]), int(match["step"] or 1)
    if step <= 0 or stop < start:
        raise UsageError(f"--vary {text!r} has no values", help="start:stop:step goes up, by a step above 0")
    if (stop - start) // step >= MOST:
        raise UsageError(f"--vary {text!r} has more than {MOST:,} values", help="take a larger step")
    steps = range(start, stop + 1, step)
    if steps[-1] != stop:
        raise UsageError(
            f"--vary {text!r} does not reach its end",
            help=f"end at {steps[-1]} or {steps[-1] + step}",
        )
    return Vary(name=name, values=tuple(steps))


def grid_size(varied: Sequence[Vary]) -> int:
    """How many settings the grid has."""
    return math.prod(len(vary.values) for vary in varied)


def grid(varied: Sequence[Vary]) -> Iterator[tuple[Setting, ...]]:
    """Every combination, the last option fastest."""
    for values in itertools.product(*(vary.values for vary in varied)):
        yield tuple(Setting(name=vary.name, value=value) for vary, value in zip(varied, values, strict=True))


def parse_axes(text: str) -> tuple[Axis, ...]:
    """``parameters:min,macs:max``; raises UsageError for another metric or direction."""
    axes = []
    known = carried_by(Rows.SWEEP)
    for part in text.split(","):
        metric, _, direction = (word.strip() for word in part.partition(":"))
        if metric not in known:
            raise UsageError(f"unknown metric {metric!r} in --axes", help=nearest(metric, known))
        if direction not in {"min", "max"}:
            raise UsageError(f"cannot read {part!r} in --axes", help=f"write {metric}:min or {metric}:max")
        axes.append(Axis(metric=metric, most=direction == "max"))
    if len({axis.metric for axis in axes}) < len(axes):
        raise UsageError(f"a metric stands twice in --axes {text}", help=f"write for example {DEFAULT_AXES}")
    return tuple(axes)
