"""The settings that hold, each with the line that it comes from."""

from __future__ import annotations

from collections.abc import Iterator

from archscope.config import Config
from archscope.documents import document as doc
from archscope.policy import Budget, LockPolicy


def brief_document(config: Config | None) -> doc.Document:
    """Every setting that holds, defaults included; without a config all are defaults."""
    return doc.Document(title="", blocks=(doc.table(doc.texts("setting", "value", "from"), _rows(config)),))


def _rows(config: Config | None) -> Iterator[tuple[str, str, str]]:
    for model in config.models.values() if config else ():
        place = str(model.location)
        yield f"models.{model.name}.source", model.source, place
        for option, value in model.options.items():
            yield f"models.{model.name}.options.{option}", str(value), place
        yield f"models.{model.name}.inputs", *((", ".join(model.inputs), place) if model.inputs else _OF_SOURCE)
        if model.call:
            yield f"models.{model.name}.call", model.call, place
        if model.components is None:
            yield f"models.{model.name}.components", *_OF_SOURCE
        for component in model.components or ():
            yield f"models.{model.name}.components.{component.name}", ", ".join(component.patterns), component.where
    for budget in config.budgets if config else ():
        yield f"budgets.{budget.name}", _budget(budget), str(budget.location)
    policy = config.lock if config else LockPolicy()
    depth = "all" if policy.depth is None else str(policy.depth)
    for key, value in (("metrics", ", ".join(policy.metrics)), ("tolerance", policy.tolerance.text), ("depth", depth)):
        place = str(config.locations.get(f"lock.{key}", "default")) if config else "default"
        yield f"lock.{key}", value, place


_OF_SOURCE = ("those of the source", "default")


def _budget(budget: Budget) -> str:
    subject = f"{budget.component} of {budget.model}" if budget.component else budget.model
    words = f"{budget.metric} of {subject} <= {_limit(budget)}"
    words += f" at {', '.join(budget.sizes)}" if budget.sizes else ""
    return f"{words}, warn above {budget.warn.text}" if budget.warn else words


def _limit(budget: Budget) -> str:
    if budget.max.count is not None:
        return f"{budget.max.count:,}"
    return f"{budget.max.text} of {budget.relative_to or 'the whole'}"
