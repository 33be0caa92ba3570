"""The fixture ``archscope``: budgets and locks as tests.

    def test_the_net_stays_small(archscope):
        archscope.check(Net(), "1x3x224x224", parameters="<=0.25M", macs="0.6G", lock="net")

Loading the plugin imports neither torch nor the rest of archscope.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from archscope.policy import Budget, CheckResult, Location
    from archscope.report import Report
    from archscope.spec import Component


TRAINING = ("training_flops", "training_memory_bytes")  # metrics that take the run of a training step


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--archscope-update``."""
    parser.getgroup("archscope").addoption(
        "--archscope-update",
        action="store_true",
        help="lock models anew in archscope.lock; a total that would rise still fails",
    )


@pytest.fixture
def archscope(request: pytest.FixtureRequest) -> Checker:
    """Hold models to budgets and to archscope.lock: ``archscope.check(model, inputs, parameters="<=0.25M")``."""
    return Checker(request)


class Checker:
    """What a test holds a model with."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._request = request

    def check(
        self,
        model: Any,
        inputs: Any = None,
        *,
        components: Mapping[str, str | int | Mapping[str, Any]] | None = None,
        lock: str = "",
        **limits: str | int,
    ) -> Report:
        """Fail the test, in the words of ``archscope check``, unless every limit holds; the report is returned.

        ``model`` is a module, a ModelSpec, a saved Report or the text of a MODEL; ``inputs`` a tensor, a tuple or
        dict of them, Inputs, or text such as ``"1x3x224x224"``. ``limits`` are metrics: ``macs="0.6G"``. ``components``
        limits parts: ``{"Neck": "<30K"}`` in parameters, or ``{"Neck": {"match": ["neck.**"], "macs": "40%"}}``, where
        a percentage is of the whole; without any ``match`` the parts are those of the model. ``lock`` is the name under
        which archscope.lock holds it. Raises UsageError for a word that means nothing.
        """
        __tracebackhide__ = True
        parts = {
            component: own if isinstance(own, Mapping) else {"parameters": own}
            for component, own in (components or {}).items()
        }
        optimizer = "adamw" if any(metric in TRAINING for metric in limits) else ""
        report = measure(model, inputs, _rules(parts), optimizer)
        name = lock or report.model.name
        budgets = _budgets(name, "", limits)
        for component, own in parts.items():
            budgets += _budgets(name, component, {key: value for key, value in own.items() if key != "match"})
        from archscope.errors import UsageError

        if not budgets and not lock:
            raise UsageError("a check without limits", help='give one, such as parameters="<=0.25M", or lock="name"')
        result = self._checked(report, [replace(budget, location=self._place()) for budget in budgets])
        if lock:
            result += self._held(lock, report)
        if not result.passed:
            pytest.fail(f"archscope check\n{_text(result)}", pytrace=False)
        return report

    def _checked(self, report: Report, budgets: Sequence[Budget]) -> CheckResult:
        from archscope.judge.budgets import check
        from archscope.policy import CheckResult

        return check(report, budgets) if budgets else CheckResult()

    def _held(self, name: str, report: Report) -> CheckResult:
        from archscope.config import find_config
        from archscope.errors import ConfigError, UsageError
        from archscope.judge.lock.check import check_lock
        from archscope.judge.lock.file import lock_path, read_lock, write_lock
        from archscope.judge.lock.update import relock
        from archscope.policy import CheckResult, LockPolicy

        root = self._request.config.rootpath
        config = find_config(root)
        policy = config.lock if config else LockPolicy()
        path, file = lock_path(config, root)
        lock = read_lock(path, file)
        if not self._request.config.getoption("--archscope-update"):
            if lock is None or name not in lock.entries:
                raise ConfigError(f"{name!r} is not locked", where=file, help="pytest --archscope-update locks it")
            return check_lock(name, report, lock, policy)
        if "PYTEST_XDIST_WORKER" in os.environ:
            raise UsageError("several processes cannot write one lock", help="--archscope-update goes without -n")
        entries, refused = relock({name: report}, lock, policy)
        if refused and lock is not None:
            pytest.fail(_refusal(refused, check_lock(name, report, lock, policy)), pytrace=False)
        write_lock(path, entries)
        return CheckResult()

    def _place(self) -> Location:
        from archscope.policy import Location

        file, line, _ = self._request.node.location
        return Location(file=str(file).replace(os.sep, "/"), line=(line or 0) + 1)


def _refusal(refused: Sequence[Any], result: CheckResult) -> str:
    rises = "".join(f"{rise.metric} would rise from {rise.before:,} to {rise.after:,}\n" for rise in refused)
    how = f'to let it rise: archscope lock --allow-increase {refused[0].model} --reason "..."'
    return f"--archscope-update raises nothing\n{rises}{how}\n{_text(result)}"


def _text(result: CheckResult) -> str:
    from archscope.documents.check import CHECK
    from archscope.render.text import render_text

    return render_text(CHECK.brief(result))


def measure(model: Any, inputs: Any, components: Sequence[Component], optimizer: str = "") -> Report:
    """The report of whatever a test calls its model and its inputs, with a training step if ``optimizer`` names one."""
    from archscope.report import Report

    if isinstance(model, str):
        from archscope.sources import load

        model = load(model)
    if isinstance(model, Report):
        return model
    from archscope.measure.measuring import analyze

    return analyze(model, _inputs(inputs), components=components or None, training=optimizer)


def _inputs(given: Any) -> Any:
    from archscope.measure.running.inputs import Inputs

    if isinstance(given, str):
        from archscope.sources.inputs import parse_inputs

        return parse_inputs([given])
    if isinstance(given, Mapping):
        return Inputs(kwargs=given)
    if isinstance(given, (tuple, list)):
        return Inputs(args=tuple(given))
    return given


def _rules(components: Mapping[str, Mapping[str, Any]]) -> tuple[Component, ...]:
    from archscope.errors import UsageError
    from archscope.spec import Component

    if not any("match" in own for own in components.values()):
        return ()
    missing = next((name for name, own in components.items() if "match" not in own), "")
    if missing:
        raise UsageError(f"component {missing!r} has no match", help="give every component a match, or none of them")
    patterns = {name: own["match"] for name, own in components.items()}
    return tuple(
        Component(name=name, patterns=(match,) if isinstance(match, str) else tuple(match))
        for name, match in patterns.items()
    )


def _budgets(model: str, component: str, limits: Mapping[str, str | int]) -> list[Budget]:
    from archscope.config import nearest
    from archscope.errors import UsageError
    from archscope.metrics import limitable
    from archscope.policy import Budget, Limit

    budgets = []
    for metric, limit in limits.items():
        if metric not in limitable():
            raise UsageError(f"unknown metric {metric!r}", help=nearest(metric, limitable()))
        most = Limit.parse(limit)
        if most.percent is not None and not component:
            raise UsageError(f"{metric}={limit!r} is a share of nothing", help="limit a component to a share")
        name = f"{component} {metric}" if component else metric
        budgets.append(Budget(name=name, model=model, metric=metric, max=most, component=component))
    return budgets
