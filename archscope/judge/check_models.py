"""Checking many models: which budgets and which lock entry hold for each, and the verdicts of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from shlex import quote
from typing import TypeAlias

from archscope.config import Config, nearest
from archscope.errors import ArchscopeError, ConfigError, NotComparableError, SpecError, UsageError
from archscope.judge.budgets import check
from archscope.judge.lock.check import check_lock, explained
from archscope.judge.lock.entries import Lock, lock_entry, require_same_provenance
from archscope.judge.range_budgets import check_range
from archscope.models import ALIASES
from archscope.policy import FAILED, Budget, BudgetResult, CheckedModel, CheckResult, Fault, LockPolicy
from archscope.report import Report
from archscope.results.scaling import Scaling

SAVED = ".json"  # the ending of a saved report


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What is checked: a MODEL and its budgets. ``by_report`` when they are those of the model that a report is of."""

    model: str
    budgets: tuple[Budget, ...]
    by_report: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """The lock file that explains why models grew; with ``hold`` its totals are limits too.

    ``exact`` fails on a lock that is stale and on a model that is not locked.
    """

    lock: Lock
    policy: LockPolicy
    hold: bool = True
    exact: bool = False


def demands(
    config: Config | None, names: Sequence[str], given: Sequence[Budget] = (), lock: Lock | None = None
) -> tuple[Demand, ...]:
    """What to check for each of ``names``: a model, a budget of the config or a saved report; without names, all.

    ``given`` are the budgets of the command line; they take the place of the config's. A model in ``lock`` needs no
    budget. Raises UsageError when there is nothing to check.
    """
    if given:
        if not names:
            raise UsageError("a limit without a model", help="name one: archscope check MODEL --max-params 1M")
        return tuple(
            Demand(model=name, budgets=tuple(replace(budget, model=name) for budget in given)) for name in names
        )
    budgets = config.budgets if config else ()
    locked = tuple(lock.entries) if lock else ()
    if not names:
        names = tuple(dict.fromkeys([*(budget.model for budget in budgets), *locked]))
    if not names:
        raise UsageError(
            "there are no budgets to check" + (f" in {config.path.name}" if config else ", and no archscope.toml"),
            help="`archscope init MODEL` writes a config with budgets; or archscope check MODEL --max-params 1M",
        )
    return tuple(_demand(name, budgets, locked) for name in names)


def _demand(name: str, budgets: Sequence[Budget], locked: Sequence[str]) -> Demand:
    own = tuple(budget for budget in budgets if budget.model == name)
    if own or (name in locked and not name.endswith(SAVED)):
        return Demand(model=name, budgets=own)
    called = tuple(budget for budget in budgets if budget.name == name)
    if called:
        return Demand(model=called[0].model, budgets=called)
    if name.endswith(SAVED):
        return Demand(model=name, budgets=tuple(budgets), by_report=True)
    known = dict.fromkeys([*(budget.model for budget in budgets), *(budget.name for budget in budgets), *locked])
    raise UsageError(
        f"there is no budget for {name!r}",
        help=f"{nearest(name, known) or 'write one into archscope.toml'}; or give a limit: --max-params 1M",
    )


def check_all(
    wanted: Sequence[Demand],
    config: Config | None,
    measure: Callable[[str], Report],
    locked: Locked | None = None,
    scaled: Callable[[str], Scaling] | None = None,
) -> tuple[CheckResult, tuple[ArchscopeError, ...]]:
    """Every demand checked, and the errors of the models that could not be: one broken model hides no other.

    ``measure`` turns a MODEL into its report; it is asked once for each. ``scaled`` gives the law of size behind the
    budget of that name, where it holds over a range.
    """
    measured: dict[str, Report | ArchscopeError] = {}

    def report_of(name: str) -> Report:
        if name not in measured:
            try:
                measured[name] = measure(name)
            except ArchscopeError as error:
                measured[name] = error
        found = measured[name]
        if isinstance(found, ArchscopeError):
            raise found
        return found

    outcomes = []
    errors: list[ArchscopeError] = []
    known: list[ArchscopeError] = []
    for demand in wanted:
        over_ranges, failed = _check_ranges(demand, scaled)
        outcomes.append(over_ranges)
        errors += failed
        for part in _parts(demand, locked):
            try:
                outcomes.append(part(_at_one_size(demand), config, report_of, locked))
            except ArchscopeError as error:
                if error not in known:
                    known.append(error)
                    told = placed(error, demand.budgets[0]) if type(error) is SpecError and demand.budgets else error
                    outcomes.append(CheckResult(faults=(_fault(demand.model, told),)))
                    errors.append(told)
    return reduce(add, outcomes, CheckResult()), tuple(errors)


def _parts(demand: Demand, locked: Locked | None) -> tuple[Part, ...]:
    """What is checked at one size: nothing where all budgets are over ranges and no lock holds."""
    nothing = demand.budgets and not _at_one_size(demand).budgets and (locked is None or not locked.hold)
    return () if nothing else (_check_budgets, _check_lock)


def _at_one_size(demand: Demand) -> Demand:
    return replace(demand, budgets=tuple(budget for budget in demand.budgets if not budget.sizes))


def _check_ranges(demand: Demand, scaled: Callable[[str], Scaling] | None) -> tuple[CheckResult, list[ArchscopeError]]:
    """The budgets that hold over ranges of sizes, and the errors of those that could not be checked."""
    outcomes: list[CheckResult] = []
    errors: list[ArchscopeError] = []
    for budget in demand.budgets:
        if not budget.sizes or scaled is None:
            continue
        try:
            if demand.by_report or demand.model.endswith(SAVED):
                raise UsageError(
                    f"{demand.model} is a saved report: it has one size, and {budget.name!r} is over a range",
                    help="name the model itself",
                )
            law = scaled(budget.name)
            outcomes.append(
                CheckResult(
                    models=(CheckedModel(name=demand.model, inputs=law.inputs),), results=(check_range(budget, law),)
                )
            )
        except ArchscopeError as error:
            errors.append(error)
            outcomes.append(CheckResult(faults=(_fault(demand.model, error),)))
    return reduce(add, outcomes, CheckResult()), errors


Measure: TypeAlias = Callable[[str], Report]
Part: TypeAlias = Callable[[Demand, Config | None, Measure, Locked | None], CheckResult]


def _check_budgets(demand: Demand, config: Config | None, report_of: Measure, locked: Locked | None) -> CheckResult:
    report = report_of(demand.model)
    budgets = demand.budgets
    if demand.by_report:
        budgets = tuple(budget for budget in budgets if is_of(report, budget.model, config))
        if not budgets and _locked_name(demand, report, config, locked) is None:
            raise UsageError(
                f"there is no budget for {report.model.name!r}, the model of {demand.model}",
                help="write one into archscope.toml, or give a limit: --max-params 1M",
            )
    relative = {budget.relative_to: _relative(budget, report_of) for budget in budgets if budget.relative_to}
    result = check(report, budgets, relative=relative)
    name = budgets[0].model if budgets else demand.model
    rows = tuple(
        _since_lock(row, report, _locked_name(demand, report, config, locked), locked) for row in result.results
    )
    return replace(result, models=(CheckedModel(name=name, inputs=report.inputs),), results=rows)


def _relative(budget: Budget, report_of: Measure) -> Report:
    try:
        return report_of(budget.relative_to)
    except SpecError as error:
        raise placed(error, budget) from error


def placed(error: SpecError, budget: Budget) -> SpecError:
    """``error`` with the line of the budget that names the model."""
    return SpecError(error.what, where=error.where or str(budget.location or ""), help=error.help)


def _since_lock(row: BudgetResult, report: Report, name: str | None, locked: Locked | None) -> BudgetResult:
    """A failure with what grew since the lock, where the two can be compared."""
    if locked is None or name is None or row.status != FAILED:
        return row
    entry, now = locked.lock.entries[name], lock_entry(name, report, locked.policy)
    try:
        require_same_provenance(entry, now, locked.lock.location(name))
    except NotComparableError:
        return row
    return explained(row, entry, now, report)


def _check_lock(demand: Demand, config: Config | None, report_of: Measure, locked: Locked | None) -> CheckResult:
    if locked is None or not locked.hold:
        return CheckResult()
    report = report_of(demand.model)
    name = _locked_name(demand, report, config, locked)
    if name is not None:
        return check_lock(name, report, locked.lock, locked.policy, exact=locked.exact)
    if locked.exact:
        raise ConfigError(
            f"{demand.model} is not locked",
            where=locked.lock.file,
            help=f"lock it: archscope lock {quote(demand.model)}",
        )
    return CheckResult()


def _locked_name(demand: Demand, report: Report, config: Config | None, locked: Locked | None) -> str | None:
    """The name under which the model of ``demand`` is locked, if it is."""
    if locked is None:
        return None
    if demand.model in locked.lock.entries:
        return demand.model
    if not demand.by_report:
        return None
    return next((name for name in locked.lock.entries if is_of(report, name, config)), None)


def is_of(report: Report, model: str, config: Config | None) -> bool:
    """Whether ``report`` is of what MODEL ``model`` names: by its name or its source, zoo aliases resolved."""
    names = {model}
    if config and model in config.models:
        names.add(config.models[model].source)
    meant = {ALIASES.get(name.removeprefix("zoo:"), name.removeprefix("zoo:")) for name in names} | names
    return bool(meant & {report.model.name, report.model.source.removeprefix("zoo:")})


def _fault(model: str, error: ArchscopeError) -> Fault:
    return Fault(model=model, what=error.what, where=error.where, help=error.help, exit_code=error.exit_code)
