"""A check as JSON."""

from __future__ import annotations

import json
from typing import Any

from archscope.policy import BudgetResult, CheckResult


def render_check_json(result: CheckResult) -> str:
    """``{"passed", "results": [...], "errors": [...]}``: raw integers, what was not measured as null."""
    plain = {
        "passed": result.passed,
        "results": [_row(row) for row in result.results],
        "errors": [
            {
                "model": f.model,
                "what": f.what,
                "where": f.where or None,
                "help": f.help or None,
                "exit_code": f.exit_code,
            }
            for f in result.faults
        ],
    }
    return json.dumps(plain, indent=1) + "\n"


def _row(row: BudgetResult) -> dict[str, Any]:
    return {
        "name": row.name,
        "model": row.model,
        "metric": row.metric,
        "component": row.component or None,
        "value": row.value,
        "lower_bound": row.lower_bound,
        "max": row.max,
        "status": row.status,
        "excess": row.excess,
        "source": row.source or None,
        "message": row.message or None,
        "largest": [{"name": share.name, "value": share.value} for share in row.largest],
        "growth": [
            {
                "path": item.path,
                "type": item.type,
                "kind": item.kind,
                "before": item.before,
                "after": item.after,
                "delta": item.delta,
                "shapes_before": item.shapes_before or None,
                "shapes_after": item.shapes_after or None,
            }
            for item in row.growth
        ],
        "notes": list(row.notes),
    }
