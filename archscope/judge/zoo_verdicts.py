"""Judging the claims and reduction targets that were published about models of the zoo."""

from __future__ import annotations

from collections.abc import Callable

from archscope.judge.claims import judge_claims, require_inputs
from archscope.judge.conventions import CONVENTIONS, apply
from archscope.judge.plan import make_plan
from archscope.judge.zoo_files import claims_beside, targets_beside
from archscope.records import Trace
from archscope.report import Report
from archscope.results.claims import ClaimsResult
from archscope.results.plan import Plan
from archscope.sources.inputs import parse_inputs


def published_claims(report: Report, trace: Trace) -> ClaimsResult | None:
    """The claims beside the model of ``report``, held against it; None when there are none.

    ``trace`` is the run behind ``report``, for the causes. Raises what ``judge_claims`` and ``require_inputs`` raise.
    """
    sheet = claims_beside(report.model.source)
    if sheet is None:
        return None
    require_inputs(sheet, report)
    return judge_claims(sheet, report, [apply(convention, trace) for convention in CONVENTIONS])


def published_plan(report: Report, against: Callable[[], Report | None]) -> Plan | None:
    """The plan beside the model of ``report``, measured; None when there is none.

    ``against`` gives the model for the last column, and is asked only when there is a plan.
    """
    sheet = targets_beside(report.model.source)
    if sheet is None:
        return None
    inputs = parse_inputs(sheet.inputs)
    return make_plan(sheet, report, report.model.source, options={}, inputs=inputs, against=against())
