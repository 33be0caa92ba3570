"""Results as the commands write them: text with a style and a view, and every format by its key."""

from __future__ import annotations

from archscope.cli.actions import fitting
from archscope.documents import check, claims, comparison, config, crosscheck, plan, report, sweep, why
from archscope.documents import formulas as formulas_document
from archscope.documents.comparison_view import ComparisonView
from archscope.documents.report_in_full import full_document
from archscope.documents.report_tables import View
from archscope.render import writers
from archscope.render.formats.csv import to_frame as _to_frame
from archscope.render.formats.markdown import render_markdown as _markdown
from archscope.render.text import PLAIN
from archscope.render.text import render_text as _text

REPORT_FORMATS = writers(report.REPORT)
COMPARISON_FORMATS = writers(comparison.COMPARISON)
CHECK_FORMATS = writers(check.CHECK)


def written(telling, key, result):
    """What a command writes for ``--<key>``: bytes."""
    return writers(telling)[key].render(result)


def render_text(made, view=None, style=PLAIN):
    return _text(report.brief_document(made, view), style)


def render_markdown(made, figure=""):
    return _markdown(full_document(made, figure))


def render_csv(made):
    return written(report.REPORT, "csv", made).decode()


def to_frame(made):
    return _to_frame(report.REPORT.data(made))


def render_png(made):
    return written(report.REPORT, "png", made)


def render_svg(made):
    return written(report.REPORT, "svg", made)


def render_latex(made):
    return written(report.REPORT, "latex", made).decode()


def render_comparison_text(made, style=PLAIN, **view):
    return _text(comparison.brief_document(made, ComparisonView(**view)), style)


def render_comparison_markdown(made, figure=""):
    return _markdown(comparison.full_document(made, figure))


def render_comparison_csv(made):
    return written(comparison.COMPARISON, "csv", made).decode()


def render_latex_comparison(made):
    return written(comparison.COMPARISON, "latex", made).decode()


def render_plan_text(made, style=PLAIN):
    return _text(plan.brief_document(made), style)


def render_plan_markdown(made, figure=""):
    return _markdown(plan.full_document(made, figure))


def render_plan_csv(made):
    return written(plan.PLAN, "csv", made).decode()


def render_plan_png(made):
    return written(plan.PLAN, "png", made)


def render_sweep_text(made, style=PLAIN, *, limit=30):
    return _text(sweep.brief_document(made, limit), style)


def render_sweep_markdown(made):
    return written(sweep.SWEEP, "md", made).decode()


def render_sweep_csv(made):
    return written(sweep.SWEEP, "csv", made).decode()


def render_sweep_png(made):
    return written(sweep.SWEEP, "png", made)


def render_claims_text(made, style=PLAIN):
    return _text(claims.brief_document(made), style)


def render_claims_markdown(made):
    return written(claims.CLAIMS, "md", made).decode()


def render_claims_csv(made):
    return written(claims.CLAIMS, "csv", made).decode()


def render_crosscheck_json(made):
    return written(crosscheck.CROSSCHECK, "json", made).decode()


def render_crosscheck_markdown(made):
    return written(crosscheck.CROSSCHECK, "md", made).decode()


def render_check_text(made, style=PLAIN):
    return _text(check.brief_document(made), style)


def render_check_json(made):
    return written(check.CHECK, "json", made).decode()


def render_check_markdown(made, most_bytes=None):
    return written(check.CHECK, "md", made).decode() if most_bytes is None else fitting(made, most_bytes)


def render_why(found, style=PLAIN):
    return _text(why.brief_document(found), style)


def render_config(settings, style=PLAIN):
    return _text(config.brief_document(settings), style)


def formulas_text(table, patterns=(), style=PLAIN):
    document = formulas_document.brief_document(table, patterns)
    return _text(document, style) if document else ""


__all__ = ["View", "formulas_text"]
