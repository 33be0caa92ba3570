"""The inverse of a law: the largest size that holds a limit, and what a run says there and one size further."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from archscope.metrics import METRICS
from archscope.results.scaling import Answer, Dimension, Scaling
from archscope.results.sweep import Limit

T = TypeVar("T")
_MOST_SETS = 8  # of the other dimensions' sizes


def answers(
    law: Scaling, limits: Iterable[Limit], measured: Callable[[Mapping[str, int], str], int]
) -> tuple[Answer, ...]:
    """For each limit the largest size of the first dimension that holds it, for some sizes of the others.

    ``measured`` gives a figure from a run: each answer is verified by one there and by one at the next size. Where
    they disagree with the law, which they cannot, the answer is no answer.
    """
    varied = [one for one in law.dimensions if len(one.values) > 1] or list(law.dimensions)
    along, others = varied[0], [one for one in law.dimensions if one is not varied[0]]
    sets = itertools.islice(itertools.product(*(spread(one.values, 4) for one in others)), _MOST_SETS)
    return tuple(
        _answer(law, limit, along, tuple(zip((one.name for one in others), fixed, strict=True)), measured)
        for fixed in sets
        for limit in limits
    )


def spread(values: Sequence[T], count: int) -> list[T]:
    """At most ``count`` of ``values``, the first and the last among them."""
    if len(values) <= count:
        return [*values]
    return [values[round(place * (len(values) - 1) / (count - 1))] for place in range(count)]


def _answer(
    law: Scaling,
    limit: Limit,
    along: Dimension,
    fixed: tuple[tuple[str, int], ...],
    measured: Callable[[Mapping[str, int], str], int],
) -> Answer:
    def told(size: int | None, reason: str = "") -> Answer:
        place = -1 if size is None else along.values.index(size)
        following = along.values[place + 1] if place + 1 < len(along.values) else None
        known = {along.values[at]: values[at] for at in range(len(values))}
        return Answer(
            metric=limit.metric,
            max=limit.max,
            dimension=along.name,
            fixed=fixed,
            size=size,
            value=None if size is None else known[size],
            next_size=None if reason else following,
            next_value=None if reason or following is None else known[following],
            reason=reason,
        )

    values = law.values(limit.metric, "", **{along.name: along.values}, **dict(fixed))
    over = next((place for place in range(len(values) - 1, -1, -1) if not _above(values[place], limit.max)), None)
    if METRICS[limit.metric].lower_bound and not law.complete:
        return told(None, "operators without a formula ran: the figures are lower bounds")
    if over is not None and values[over] is None:
        return told(None, f"{along.name} = {along.values[over]:,} has no formula and was not measured")
    answer = told(None if over is None else along.values[over])
    for size, value in ((answer.size, answer.value), (answer.next_size, answer.next_value)):
        if size is not None and measured({along.name: size, **dict(fixed)}, limit.metric) != value:
            return told(None, f"a run at {along.name} = {size:,} gives another figure than the formula")
    return answer


def _above(value: int | None, most: int) -> bool:
    return value is not None and value > most
