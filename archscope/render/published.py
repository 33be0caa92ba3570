"""The files of what was published about a model, for the folder that its report is kept in."""

from __future__ import annotations

from archscope.render.claims_markdown import render_claims_markdown
from archscope.render.plan_figure import render_plan_png
from archscope.render.plan_markdown import render_plan_markdown
from archscope.results.claims import ClaimsResult
from archscope.results.plan import Plan

FIGURE = "plan.png"


def published_files(claims: ClaimsResult | None, plan: Plan | None) -> dict[str, bytes]:
    """By file name; nothing for what is None."""
    files = {}
    if claims is not None:
        files["claims.md"] = render_claims_markdown(claims).encode("utf-8", "backslashreplace")
    if plan is not None:
        files["plan.md"] = render_plan_markdown(plan, FIGURE).encode("utf-8", "backslashreplace")
        files[FIGURE] = render_plan_png(plan)
    return files
