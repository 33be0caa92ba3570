"""``check``, ``lock``, ``plan``, ``claims``, ``crosscheck`` and ``why`` as ``import archscope`` offers them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from archscope.api.analyzing import analyze
from archscope.api.given import given
from archscope.api.subjects import Model, subject
from archscope.config import find_config, nearest
from archscope.errors import UsageError
from archscope.judge import budgets as budget_judge
from archscope.judge import claims as claims_judge
from archscope.judge import crosscheck as crosscheck_judge
from archscope.judge.claims_file import read_claims
from archscope.judge.conventions import CONVENTIONS, apply
from archscope.judge.explanation import Explanation, explain
from archscope.judge.lock.check import check_lock
from archscope.judge.lock.file import lock_path, read_lock, write_lock
from archscope.judge.lock.update import Rise, relock
from archscope.judge.plan import make_plan
from archscope.judge.plan_file import read_targets
from archscope.judge.zoo_files import claims_beside, targets_beside
from archscope.measure.measuring import report_of, trace_any
from archscope.metrics import METRICS, limitable
from archscope.policy import Budget, CheckResult, Limit, LockPolicy
from archscope.records import Trace
from archscope.report import Report
from archscope.results.claims import ClaimsResult
from archscope.results.crosscheck import Crosscheck
from archscope.results.plan import Plan
from archscope.spec import Component, ModelSpec


def check(  # noqa: PLR0913 - what a check holds to
    model: Model,
    inputs: Any = None,
    *,
    components: Mapping[str, str | int | Mapping[str, Any]] | None = None,
    budgets: Sequence[Budget] = (),
    lock: str = "",
    name: str = "",
    **limits: str | int,
) -> CheckResult:
    """``model`` held to limits: ``check(model, x, parameters="<=0.25M", macs="0.6G")``.

    ``model`` and ``inputs`` are given in any form that ``analyze`` takes, a Report too. Limits are those metrics that a
    budget may have (parameters, macs, flops, parameter_bytes, ...). ``components`` limits parts: ``{"Neck": "30K"}`` in
    parameters, or ``{"Neck": {"match": ["neck.**"], "macs": "40%"}}``, a percentage of the whole. ``budgets`` are
    further ones, ``lock`` the name under which archscope.lock holds the model. ``result.passed`` says whether all
    hold, ``print(result)`` why not; a limit that does not hold raises nothing. Raises UsageError for a word that means
    nothing, and what ``analyze`` raises.
    """
    parts = {part: own if isinstance(own, Mapping) else {"parameters": own} for part, own in (components or {}).items()}
    wanted = limits_of("", limits)
    for part, own in parts.items():
        wanted += limits_of(part, {metric: most for metric, most in own.items() if metric != "match"})
    needs_step = any(METRICS[budget.metric].of_training for budget in (*wanted, *budgets))
    report = _report(model, inputs, name=name, components=rules_of(parts) or None, training=needs_step)
    if not wanted and not budgets and not lock:
        raise UsageError("a check without limits", help='give one, such as parameters="<=0.25M", or lock="name"')
    named = [replace(budget, model=report.model.name) for budget in wanted]
    result = budget_judge.check(report, [*named, *budgets]) if named or budgets else CheckResult()
    if not lock:
        return result
    policy, path, file = _lock_here()
    known = read_lock(path, file)
    if known is None or lock not in known.entries:
        raise UsageError(
            f"{lock!r} is not locked", where=file, help=f"archscope.lock(model, inputs, name={lock!r}) locks it"
        )
    return result + check_lock(lock, report, known, policy)


def lock(model: Model, inputs: Any = None, *, name: str = "", allow_increase: str = "") -> Path:
    """Write into archscope.lock what ``model`` costs now, under ``name``, and return the file's path.

    The file lies beside archscope.toml, or in the current folder. A total that would rise is refused with a UsageError
    unless ``allow_increase`` says why it may; the reason is kept in the file.
    """
    report = _report(model, inputs, name=name)
    called = name or report.model.name
    policy, path, file = _lock_here()
    allowed = (called,) if allow_increase else ()
    entries, refused = relock(
        {called: report}, read_lock(path, file), policy, allowed=allowed, reason=allow_increase.strip()
    )
    if refused:
        raise UsageError(
            f"{called} would rise: {', '.join(map(_said, refused))}",
            where=file,
            help=f'archscope.lock(model, inputs, name={called!r}, allow_increase="why it may")',
        )
    write_lock(path, entries)
    return path


def plan(
    model: str,
    file: str | Path | None = None,
    inputs: Any = None,
    *,
    against: Model | None = None,
    **options: Any,
) -> Plan:
    """Whether the reduction targets of ``file`` (TOML) add up for ``model``, and what each proposal really saves.

    ``model`` is text, because its proposals build it anew with other ``options``. Models of the zoo may have targets
    beside them. ``against`` adds what another model has. Raises UsageError where there are no targets.
    """
    spec = _spec(model, options)
    sheet = read_targets(Path(file), file=str(file)) if file else targets_beside(spec.source)
    if sheet is None:
        raise UsageError(f"there are no reduction targets beside {model!r}", help="plan(model, file) names a file")
    told = given(inputs if inputs is not None else [*sheet.inputs] or None, (), {})
    seen = trace_any(spec, told)
    other = None if against is None else _report(against, inputs)
    return make_plan(sheet, report_of(seen, spec), model, options=options, inputs=told, against=other)


def claims(model: Model, file: str | Path | None = None, inputs: Any = None) -> ClaimsResult:
    """The published figures of ``file`` (TOML) held against ``model``; each holds, rounds, differs or is unproven.

    A model of the zoo may have claims beside it. ``result.passed`` says whether all hold; a figure that differs by a
    fault that counters make comes with its cause. Raises UsageError where there are no claims.
    """
    what = subject(model)
    source = what.source if isinstance(what, ModelSpec) else what.model.source if isinstance(what, Report) else ""
    sheet = read_claims(Path(file), file=str(file)) if file else claims_beside(source)
    if sheet is None:
        raise UsageError("there are no published claims beside the model", help="claims(model, file) names a file")
    if isinstance(what, Report):
        claims_judge.require_inputs(sheet, what)
        return claims_judge.judge_claims(sheet, what)
    seen = trace_any(what, given(inputs if inputs is not None else [*sheet.inputs] or None, (), {}))
    totals = tuple(apply(convention, seen) for convention in CONVENTIONS) if seen.calls is not None else ()
    return claims_judge.judge_claims(sheet, report_of(seen, what), totals)


def crosscheck(
    model: str, inputs: Any = None, *, peers: Sequence[str] = (), timeout: int = 300, **options: Any
) -> Crosscheck:
    """Other counters run on ``model``, at most ``timeout`` seconds each, every difference attributed to operators.

    ``model`` is text, because each counter builds it in a process of its own, with ``options``. ``peers`` are all that
    are known unless named (fvcore, torch, thop, ptflops-pytorch, ptflops-aten, torchinfo, calflops, deepspeed); one
    that is not installed is a row that says so.
    """
    unknown = [peer for peer in peers if peer not in crosscheck_judge.PEERS]
    if unknown:
        raise UsageError(f"there is no peer {unknown[0]!r}", help=nearest(unknown[0], crosscheck_judge.PEERS))
    return crosscheck_judge.crosscheck(
        _spec(model, options),
        given(inputs, (), {}),
        peers=tuple(peers) or tuple(crosscheck_judge.PEERS),
        timeout=timeout,
    )


def why(model: Model, path: str = "", inputs: Any = None) -> Explanation:
    """The figures of the module at ``path`` explained: shapes, calls, each formula with its figures, weights, parents.

    ``path`` is that of a module or of a parameter, "" the model itself. A Report explains calls only when it was made
    with ``keep_calls=True``. Raises SpecError with the nearest paths when there is none.
    """
    from archscope.formulas import DEFAULT_FORMULAS

    report = model if isinstance(model, Report) else analyze(model, inputs, keep_calls=True)
    return explain(report, path, DEFAULT_FORMULAS)


def _report(model: Any, inputs: Any, **how: Any) -> Report:
    if isinstance(model, Report):
        return model
    if isinstance(model, Trace):
        return analyze(model, name=how.get("name", ""), components=how.get("components"))
    return analyze(model, inputs, **how)


def _spec(model: str, options: Mapping[str, Any]) -> ModelSpec:
    from archscope.sources import load

    if not isinstance(model, str):
        raise UsageError("the model is built anew, in other processes too", help='name it as text: "net.py:Net"')
    loaded = load(model, **options)
    if isinstance(loaded, Report):
        raise UsageError(f"{model} is a saved report: it cannot be built anew", help="name the model itself")
    return loaded


def rules_of(parts: Mapping[str, Mapping[str, Any]]) -> tuple[Component, ...]:
    """The components that ``parts`` define by their ``match``; none where no part has one. Raises UsageError."""
    if not any("match" in own for own in parts.values()):
        return ()
    missing = next((name for name, own in parts.items() if "match" not in own), "")
    if missing:
        raise UsageError(f"component {missing!r} has no match", help="give every component a match, or none of them")
    patterns = {name: own["match"] for name, own in parts.items()}
    return tuple(
        Component(name=name, patterns=(match,) if isinstance(match, str) else tuple(match))
        for name, match in patterns.items()
    )


def limits_of(component: str, limits: Mapping[str, str | int]) -> list[Budget]:
    """``limits`` by metric as budgets of a component ("" for the whole), without a model. Raises UsageError."""
    budgets = []
    for metric, limit in limits.items():
        if metric not in limitable():
            raise UsageError(f"unknown metric {metric!r}", help=nearest(metric, limitable()))
        most = Limit.parse(limit)
        if most.percent is not None and not component:
            raise UsageError(f"{metric}={limit!r} is a share of nothing", help="limit a component to a share")
        name = f"{component} {metric}" if component else metric
        budgets.append(Budget(name=name, model="", metric=metric, max=most, component=component))
    return budgets


def _lock_here() -> tuple[LockPolicy, Path, str]:
    config = find_config(Path.cwd())
    return (config.lock if config else LockPolicy(), *lock_path(config, Path.cwd()))


def _said(rise: Rise) -> str:
    return f"{rise.metric} from {rise.before:,} to {rise.after:,}"
