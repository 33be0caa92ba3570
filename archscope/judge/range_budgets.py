"""A budget over a range of sizes, held against a law: at every size, or the first one at which it does not hold."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping

from archscope.config import nearest
from archscope.errors import ConfigError, UsageError
from archscope.metrics import METRICS
from archscope.policy import FAILED, PASSED, UNPROVEN, WARNED, Budget, BudgetResult, Share
from archscope.results.scaling import Scaling

_MOST = 2_000_000  # sizes
_LARGEST = 3  # parts that a result names


def check_range(budget: Budget, law: Scaling) -> BudgetResult:
    """``budget`` at every size of ``law``: its value is the one that decides, the first above the limit or the largest.

    Raises ConfigError for a component that the model does not have, UsageError for a range of too many sizes.
    """
    _require_component(budget, law)
    metric = METRICS[budget.metric]
    if math.prod(len(one.values) for one in law.dimensions) > _MOST:
        raise UsageError(f"{budget.name!r} is over more than {_MOST:,} sizes", help="take larger steps")
    most, level = budget.max.count, budget.warn.count if budget.warn else None
    worst: tuple[int, dict[str, int]] | None = None
    over: tuple[int, dict[str, int]] | None = None
    unknown: dict[str, int] | None = None
    count = 0
    for sizes, value in _figures(budget, law):
        count += 1
        if value is None:
            unknown = unknown or sizes
        elif most is not None and value > most:
            over = value, sizes
            break
        elif worst is None or value > worst[0]:
            worst = value, sizes
    told, where = over or worst or (None, {})
    firm = not metric.run or (law.complete and not law.value_dependent)
    status = PASSED if firm and unknown is None and told is not None else UNPROVEN
    if over:
        status = FAILED
    elif status == PASSED and level is not None and told is not None and told > level:
        status = WARNED
    return BudgetResult(
        name=budget.name,
        model=budget.model,
        metric=budget.metric,
        component=budget.component,
        value=told,
        lower_bound=metric.run and not law.complete,
        max=most,
        status=status,
        excess=None if told is None or most is None else max(0, told - most),
        location=budget.location,
        message=budget.message,
        largest=_largest(budget, law, where) if over else (),
        notes=(*_where(law, where, count, over=over is not None), *_why(law, unknown)),
    )


def _figures(budget: Budget, law: Scaling) -> Iterator[tuple[dict[str, int], int | None]]:
    names = [one.name for one in law.dimensions]
    for place in itertools.product(*(one.values for one in law.dimensions)):
        sizes = dict(zip(names, place, strict=True))
        region = law.region(sizes)
        formulas = {} if region is None else region.components[budget.component] if budget.component else region.totals
        formula = formulas.get(budget.metric)
        yield sizes, None if formula is None else formula.at(sizes)


def _where(law: Scaling, sizes: Mapping[str, int], count: int, *, over: bool) -> Iterator[str]:
    if not sizes:
        return
    at = " and ".join(f"{name} {size:,}" for name, size in sizes.items())
    ranges = ", ".join(f"{one.name} {one.values[0]:,} to {one.values[-1]:,}" for one in law.dimensions)
    yield f"first at {at} of {ranges}" if over else f"most at {at}, of {count:,} sizes: {ranges}"


def _why(law: Scaling, unknown: Mapping[str, int] | None) -> Iterator[str]:
    if unknown is not None:
        yield f"no figure is known at {' and '.join(f'{name} {size:,}' for name, size in unknown.items())}"
    if not law.complete:
        yield "operators without a formula ran: the figures are lower bounds"
    if law.value_dependent:
        yield "values decide what runs: the figures hold for those that the runs had"


def _largest(budget: Budget, law: Scaling, sizes: Mapping[str, int]) -> tuple[Share, ...]:
    found = law.at(**sizes)
    if found is None or budget.component or not METRICS[budget.metric].additive:
        return ()
    values = [Share(name=one.name, value=one.figures[budget.metric] or 0) for one in found.components]
    return tuple(sorted((one for one in values if one.value), key=lambda one: (-one.value, one.name))[:_LARGEST])


def _require_component(budget: Budget, law: Scaling) -> None:
    names = dict.fromkeys(name for region in law.regions for name in region.components)
    if budget.component and budget.component not in names:
        raise ConfigError(
            f"{law.model} has no component {budget.component!r} for the budget {budget.name!r}",
            where=str(budget.location or ""),
            help=nearest(budget.component, names) or "it has no components",
        )
