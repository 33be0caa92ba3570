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

        ``model`` and ``inputs`` are given in any form that ``archscope.analyze`` takes: a module, a class, the text of
        a MODEL, a saved Report; a tensor, a tuple or dict of arguments, text such as ``"1x3x224x224"``. ``limits`` are
        metrics: ``macs="0.6G"``. ``components`` limits parts: ``{"Neck": "<30K"}`` in parameters, or
        ``{"Neck": {"match": ["neck.**"], "macs": "40%"}}``, where a percentage is of the whole; without any ``match``
        the parts are those of the model. ``lock`` is the name under which archscope.lock holds it. Raises UsageError
        for a word that means nothing.
        """
        __tracebackhide__ = True
        parts = {
            component: own if isinstance(own, Mapping) else {"parameters": own}
            for component, own in (components or {}).items()
        }
        from archscope.api.analyzing import analyze
        from archscope.api.judging import limits_of, rules_of
        from archscope.errors import UsageError

        needs_step = any(metric in TRAINING for metric in limits)
        rules = rules_of(parts) or None
        report = model if _is_report(model) else analyze(model, inputs, components=rules, training=needs_step)
        name = lock or report.model.name
        budgets = limits_of("", limits)
        for component, own in parts.items():
            budgets += limits_of(component, {key: value for key, value in own.items() if key != "match"})

        if not budgets and not lock:
            raise UsageError("a check without limits", help='give one, such as parameters="<=0.25M", or lock="name"')
        result = self._checked(report, [replace(budget, model=name, location=self._place()) for budget in budgets])
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
        if hasattr(self._request.config, "workerinput"):  # one of several of pytest-xdist
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


def _is_report(model: Any) -> bool:
    from archscope.report import Report

    return isinstance(model, Report)
