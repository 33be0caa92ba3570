"""Judging published figures (claims) against a measured report."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from archscope.config import nearest
from archscope.errors import ConfigError, NotComparableError
from archscope.judge.claim_causes import find_causes
from archscope.judge.claims_file import ARITHMETIC
from archscope.judge.conventions import ConventionTotal
from archscope.metrics import METRICS
from archscope.report import ComponentRow, ModuleRow, Report, Totals
from archscope.report_queries import describe_shapes
from archscope.results.claims import (
    CLAIMS_VERSION,
    DIFFERS,
    HOLDS,
    INSTANCES,
    MEASURED,
    RANK,
    REDUCTION,
    ROUNDS,
    SUM,
    UNPROVEN,
    Claim,
    ClaimResult,
    ClaimSheet,
    ClaimsResult,
)
from archscope.results.printed_figure import Quantity
from archscope.sources.inputs import parse_inputs


def judge_claims(sheet: ClaimSheet, report: Report, conventions: Iterable[ConventionTotal] = ()) -> ClaimsResult:
    """Every claim of ``sheet`` held against ``report``; ``conventions``, applied to the same trace, explain faults.

    Raises ConfigError, with file and line, for a component or module that the report does not have.
    """
    results: list[ClaimResult] = []
    totals = tuple(conventions)
    for claim in sheet.claims:
        truth = _truth(claim, report)
        lower_bound = _is_lower_bound(claim, report)
        verdict = _verdict(claim, truth, lower_bound=lower_bound)
        results.append(
            ClaimResult(
                claim=claim,
                found=truth,
                lower_bound=lower_bound,
                verdict=verdict,
                causes=find_causes(claim, truth, report, totals, tuple(results))
                if verdict == DIFFERS and truth
                else (),
            )
        )
    return ClaimsResult(
        claims_version=CLAIMS_VERSION,
        document=sheet.document,
        model=report.model,
        inputs=report.inputs,
        results=tuple(results),
    )


def require_inputs(sheet: ClaimSheet, report: Report) -> None:
    """Raise NotComparableError unless ``report``, a saved one, was measured on the inputs that ``sheet`` speaks of."""
    wanted = tuple((spec.shape, spec.dtype) for spec in parse_inputs(sheet.inputs))
    if wanted and wanted != tuple((record.shape, record.dtype) for record in report.inputs):
        raise NotComparableError(
            f"the claims are for {', '.join(sheet.inputs)}, and the report is for {describe_shapes(report.inputs)}",
            where=f"{sheet.file} and {report.model.name}",
            help="name the model instead of its report",
        )


def _truth(claim: Claim, report: Report) -> Quantity | None:
    if claim.kind in ARITHMETIC:
        return _computed(claim)
    if claim.component:
        row = _component(claim, report)
        if claim.kind == INSTANCES:
            return Quantity(numerator=len(row.modules))
        if claim.kind == RANK:
            return _rank(claim, row, report)
        return _figure(claim, row, report)
    return _figure(claim, report.totals if claim.module is None else _module(claim, report), report)


def _computed(claim: Claim) -> Quantity:
    first, *others = (part.published.quantity.value for part in claim.parts)
    if claim.kind == REDUCTION:
        return Quantity.of(100 * (first - others[0]) / first if first else Fraction(0), percent=True)
    total = first + sum(others) if claim.kind == SUM else first - sum(others)
    return Quantity.of(total, percent=claim.value.quantity.percent)


def _figure(claim: Claim, row: Totals | ComponentRow | ModuleRow, report: Report) -> Quantity | None:
    value = row[claim.metric]
    if value is None:
        return None
    if not claim.value.quantity.percent:
        return Quantity(numerator=value)
    whole = report.totals[claim.metric]
    return Quantity.of(Fraction(100 * value, whole), percent=True) if whole else None


def _rank(claim: Claim, row: ComponentRow, report: Report) -> Quantity | None:
    """1 plus the number of components that are larger."""
    value = row[claim.metric]
    if value is None:
        return None
    return Quantity(numerator=1 + sum((other[claim.metric] or 0) > value for other in report.components))


def _component(claim: Claim, report: Report) -> ComponentRow:
    rows = {row.name: row for row in report.components}
    if claim.component not in rows:
        raise ConfigError(
            f"{report.model.name} has no component {claim.component!r}",
            where=str(claim.location or claim.what),
            help=nearest(claim.component, rows),
        )
    return rows[claim.component]


def _module(claim: Claim, report: Report) -> ModuleRow:
    path = claim.module or ""
    rows = {alias: row for row in report.modules for alias in (row.path, *row.aliases)}
    if path not in rows:
        raise ConfigError(
            f"{report.model.name} has no module {path!r}",
            where=str(claim.location or claim.what),
            help=nearest(path, rows).partition("known:")[0].strip() or "archscope analyze --depth 2 lists the modules",
        )
    return rows[path]


def _is_lower_bound(claim: Claim, report: Report) -> bool:
    if report.totals.complete or claim.kind in {*ARITHMETIC, INSTANCES}:
        return False
    return METRICS[claim.metric].run


def _verdict(claim: Claim, truth: Quantity | None, *, lower_bound: bool) -> str:
    if truth is None:
        return UNPROVEN
    if lower_bound:
        most = claim.value.quantity.value + claim.value.unit.value / 2 + _tolerated(claim, truth)
        only_grows = claim.kind == MEASURED and not claim.value.quantity.percent
        return DIFFERS if only_grows and most < truth.value else UNPROVEN
    if claim.value.is_exact(truth) or abs(claim.value.quantity.value - truth.value) <= _tolerated(claim, truth):
        return HOLDS
    return ROUNDS if claim.kind not in {INSTANCES, RANK} and claim.value.rounds(truth) else DIFFERS


def _tolerated(claim: Claim, truth: Quantity) -> Fraction:
    if claim.tolerance is None:
        return Fraction(0)
    if claim.tolerance.quantity.percent and not truth.percent:
        return truth.value * claim.tolerance.quantity.value / 100
    return claim.tolerance.quantity.value
