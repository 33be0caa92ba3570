"""What the lock records of a model: the origin of its figures, its totals, and each module that costs something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archscope.errors import NotComparableError
from archscope.judge.budgets import figure
from archscope.metrics import METRICS
from archscope.policy import Location, LockPolicy
from archscope.records import InputRecord, Path, Shape
from archscope.report import Report
from archscope.spec import OptionValue

LOCK_NAME = "archscope.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedModule:
    """A module that owns some of the cost. ``figures`` are without its submodules, unless those are below the depth."""

    path: Path
    type: str
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    figures: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Increase:
    """A rise that was allowed, and why."""

    metric: str
    before: int
    after: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockEntry:
    """One locked model. ``options`` are those that are not defaults, ``components`` their patterns in order."""

    name: str
    source: str
    mode: str
    counting_rules: int
    complete: bool
    inputs: tuple[InputRecord, ...]
    options: Mapping[str, OptionValue]
    components: Mapping[str, tuple[str, ...]]
    totals: Mapping[str, int]
    modules: tuple[LockedModule, ...]
    increases: tuple[Increase, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A lock file: its entries by name, and the line of each and of each of its totals."""

    file: str
    entries: Mapping[str, LockEntry]
    locations: Mapping[tuple[str, str], Location]

    def location(self, name: str, metric: str = "") -> Location:
        """Where an entry, or one of its totals, stands."""
        return self.locations.get((name, metric), Location(file=self.file, line=1))


def lock_entry(name: str, report: Report, policy: LockPolicy, increases: tuple[Increase, ...] = ()) -> LockEntry:
    """What the lock is to keep of ``report`` under ``name``."""
    totals = {metric: figure(report, METRICS[metric]) for metric in policy.metrics}
    return LockEntry(
        name=name,
        source=report.model.source,
        mode=report.model.mode,
        counting_rules=report.provenance.counting_rules,
        complete=report.totals.complete,
        inputs=report.inputs,
        options={option.name: option.value for option in report.model.options if option.value != option.default},
        components={row.name: row.patterns for row in report.components if row.patterns and _is_chosen(report)},
        totals={metric: value for metric, value in totals.items() if value is not None},
        modules=tuple(locked_modules(report, policy)),
        increases=increases,
    )


def _is_chosen(report: Report) -> bool:
    """Whether someone wrote the components down; else they are the model's children, which may come and go."""
    return report.provenance.components != "children of the model"


def locked_modules(report: Report, policy: LockPolicy) -> list[LockedModule]:
    """The modules that own some of the cost, by path; what lies below the depth counts for its ancestor there."""
    metrics = [METRICS[metric] for metric in policy.metrics if METRICS[metric].additive]
    kept = {row.path: row for row in report.modules if policy.depth is None or row.depth <= policy.depth}
    own = {path: {metric.name: row[metric.name] or 0 for metric in metrics} for path, row in kept.items()}
    for path, row in kept.items():
        parent = path.rpartition(".")[0]
        if path and parent in own:
            for metric in metrics:
                own[parent][metric.name] -= row[metric.name] or 0
    return [
        LockedModule(
            path=path,
            type=kept[path].type,
            inputs=kept[path].input_shapes,
            outputs=kept[path].output_shapes,
            figures={metric: value for metric, value in sorted(own[path].items()) if value},
        )
        for path in sorted(kept)
        if any(own[path].values())
    ]


def require_same_provenance(locked: LockEntry, now: LockEntry, location: Location) -> None:
    """Raise NotComparableError when the figures of the two come from different things.

    A model that was built in a program (a test, a notebook) has neither source nor options that could be compared.
    """
    told = bool(locked.source and now.source)
    for what, before, after in (
        *((("source", locked.source, now.source), ("options", locked.options, now.options)) if told else ()),
        ("inputs", _inputs(locked), _inputs(now)),
        ("mode", locked.mode, now.mode),
        ("counting rules", locked.counting_rules, now.counting_rules),
        ("components", list(locked.components.items()), list(now.components.items())),
    ):
        if before != after:
            raise NotComparableError(
                f"{now.name} is not what was locked: {what} {_words(before)} then, {_words(after)} now",
                where=str(location),
                help="measure it as it was locked, or lock it anew: archscope lock " + now.name,
            )


def _inputs(entry: LockEntry) -> list[str]:
    return [f"{record.name} {'x'.join(map(str, record.shape))} {record.dtype}".strip() for record in entry.inputs]


def _words(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={item}" for key, item in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(item if isinstance(item, str) else f"{item[0]} {list(item[1])}" for item in value) or "none"
    return str(value)
