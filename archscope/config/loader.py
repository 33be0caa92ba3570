"""Finding the config file that holds for a folder, and reading it into a Config."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

from archscope.config.document import Table, nearest, read_document
from archscope.config.settings import Config, ModelConfig
from archscope.config.size_ranges import parse_budget_sizes
from archscope.errors import UsageError
from archscope.metrics import METRICS, limitable
from archscope.policy import Budget, Location, LockPolicy
from archscope.spec import Component

CONFIG_NAME = "archscope.toml"
PYPROJECT_NAME = "pyproject.toml"
ROLES = ("backbone", "neck", "attention", "head")
TOP_KEYS = ("models", "budgets", "lock")
MODEL_KEYS = ("source", "options", "inputs", "call", "components")
COMPONENT_KEYS = ("name", "match", "description", "role")
BUDGET_KEYS = ("name", "model", "metric", "max", "component", "relative-to", "warn", "message", "sizes")
LOCKABLE = tuple(name for name, metric in METRICS.items() if not metric.of_training)
LOCK_KEYS = ("metrics", "tolerance", "depth")


def find_config(start: Path) -> Config | None:
    """The config that holds for ``start``: the nearest one upwards, up to the root of the repository.

    In each folder archscope.toml comes before [tool.archscope] in pyproject.toml. None when there is none; raises
    ConfigError when there is one that cannot be read.
    """
    for folder in _upwards(start.resolve()):
        if (folder / CONFIG_NAME).is_file():
            return load_config(folder / CONFIG_NAME)
        if (folder / PYPROJECT_NAME).is_file() and _mentions_archscope(folder / PYPROJECT_NAME):
            return load_config(folder / PYPROJECT_NAME)
    return None


def repository_root(start: Path) -> Path:
    """The nearest folder upwards that holds .git, else ``start`` itself."""
    start = start.resolve()
    return next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), start)


def load_config(path: Path) -> Config:
    """The config in that file; raises ConfigError with file and line when it is not in order."""
    path = path.resolve()
    top = read_document(path, file=path.relative_to(repository_root(path.parent)).as_posix())
    if path.name == PYPROJECT_NAME:
        top = top.table("tool", "[tool]").table("archscope", "[tool.archscope]")
    top.only(*TOP_KEYS)
    models = {name: _model(name, table) for name, table in top.named("models")}
    lock, locations = _lock(top.table("lock", "[lock]"))
    return Config(
        path=path, models=MappingProxyType(models), budgets=tuple(_budgets(top)), lock=lock, locations=locations
    )


def _upwards(start: Path) -> Iterator[Path]:
    for folder in (start, *start.parents):
        yield folder
        if (folder / ".git").exists():
            return


def _mentions_archscope(path: Path) -> bool:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False  # other tools will complain about their file
    if "archscope" not in text:
        return False
    tool = read_document(path).values.get("tool", {})
    return isinstance(tool, dict) and "archscope" in tool


def _model(name: str, table: Table) -> ModelConfig:
    table.only(*MODEL_KEYS)
    rows = table.tables("components", f"[[models.{name}.components]]")
    return ModelConfig(
        name=name,
        source=table.text("source"),
        location=table.location(),
        options=MappingProxyType(table.table("options", f"[models.{name}.options]").option_values()),
        inputs=table.texts("inputs", ()),
        call=table.text("call", ""),
        components=_components(rows) if "components" in table.values else None,
    )


def _components(rows: tuple[Table, ...]) -> tuple[Component, ...]:
    components: dict[str, Component] = {}
    claimed: dict[str, str] = {}  # who has a pattern
    for row in rows:
        row.only(*COMPONENT_KEYS)
        name, patterns = row.text("name"), row.texts("match")
        if name in components:
            raise row.error(f"two components are called {name!r}", "name", help="give all patterns to one of them")
        for index, pattern in enumerate(patterns):
            if pattern in claimed:
                raise row.error(
                    f"pattern {pattern!r} is claimed twice: by {claimed[pattern]} and by {name}",
                    "match",
                    index=index,
                    help="the first match wins, so the second would never count: remove one",
                )
        role = row.choice("role", ROLES, "")
        description = row.text("description", "")
        claimed |= dict.fromkeys(patterns, name)
        components[name] = Component(
            name=name, patterns=patterns, description=description, role=role, where=str(row.location("match"))
        )
    return tuple(components.values())


def _budgets(top: Table) -> Iterator[Budget]:
    seen: dict[str, Location] = {}
    for row in top.tables("budgets", "[[budgets]]"):
        row.only(*BUDGET_KEYS)
        budget = _budget(row)
        if budget.name in seen:
            raise row.error(
                f"two budgets are called {budget.name!r}", "name", help=f"the other one is at {seen[budget.name]}"
            )
        seen[budget.name] = row.location("name")
        yield budget


def _budget(row: Table) -> Budget:
    metric = METRICS[row.choice("metric", limitable())]
    budget = Budget(
        name=row.text("name"),
        model=row.text("model"),
        metric=metric.name,
        max=row.limit("max"),
        component=row.text("component", ""),
        relative_to=row.text("relative-to", ""),
        warn=row.limit("warn") if "warn" in row.values else None,
        message=row.text("message", ""),
        location=row.location("max"),  # the line to change
        sizes=row.texts("sizes", ()),
    )
    _require_range(row, budget)
    if budget.component and not metric.additive:
        raise row.error(f"{metric.name} has no value per component", "component", help="remove the line component")
    if budget.max.percent is not None and not (budget.component or budget.relative_to):
        raise row.error(
            f"max = {budget.max.text!r} is a share of nothing",
            "max",
            help="name what it is a share of: relative-to = another model, or component = a part of the total",
        )
    if budget.relative_to and budget.max.percent is None:
        raise row.error(
            f"relative-to = {budget.relative_to!r} has no effect on an absolute max",
            "relative-to",
            help='write max as a percentage of it, such as "60%"',
        )
    if budget.warn and budget.warn.percent is not None and not (budget.component or budget.relative_to):
        raise row.error("warn is a share of nothing", "warn", help="write a number, as max is one")
    warn, most = budget.warn, budget.max
    if warn and warn.percent is None and warn.count is not None and most.count is not None and warn.count > most.count:
        raise row.error(
            f"warn = {warn.text!r} is above max = {most.text!r}", "warn", help="warn earlier than max fails"
        )
    return budget


def _require_range(row: Table, budget: Budget) -> None:
    """Raise ConfigError for sizes that cannot be read, or that a share would be of."""
    try:
        parse_budget_sizes(budget.sizes)
    except UsageError as error:
        raise row.error(f"sizes: {error.what}", "sizes", help=error.help) from error
    if budget.sizes and (budget.max.percent is not None or (budget.warn and budget.warn.percent is not None)):
        raise row.error("a share over a range of sizes is of no one whole", "sizes", help="write max as a number")


def _lock(table: Table) -> tuple[LockPolicy, MappingProxyType[str, Location]]:
    table.only(*LOCK_KEYS)
    defaults = LockPolicy()
    metrics = table.texts("metrics", defaults.metrics)
    for index, metric in enumerate(metrics):
        if metric not in LOCKABLE:
            raise table.error(
                f"unknown metric {metric!r} in [lock]", "metrics", index=index, help=nearest(metric, LOCKABLE)
            )
    depth = table.values.get("depth")
    if "depth" in table.values and (not isinstance(depth, int) or isinstance(depth, bool) or depth < 0):
        raise table.error(f"depth is {depth!r}", "depth", help="0 locks the root alone, 1 its children too")
    policy = LockPolicy(
        metrics=metrics,
        tolerance=table.limit("tolerance") if "tolerance" in table.values else defaults.tolerance,
        depth=depth,
    )
    return policy, MappingProxyType({f"lock.{key}": table.location(key) for key in table.values})
