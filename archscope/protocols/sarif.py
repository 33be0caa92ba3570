"""A check as SARIF 2.1.0, for code scanning: what does not hold, each with the line of its budget.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from archscope.documents.check import details, statement
from archscope.metrics import METRICS
from archscope.policy import FAILED, UNPROVEN, WARNED, BudgetResult, CheckResult, Fault, Location
from archscope.render.names import safe_line as safe

_LEVELS = {FAILED: "error", UNPROVEN: "error", WARNED: "warning"}
_NO_FILE = Location(file="archscope.toml", line=1)  # where a limit of the command line would be written down
_NOT_CHECKED = "not-checked"
_HOME = "https://pypi.org/project/archscope-torch/"


def render_sarif(result: CheckResult) -> str:
    """One run; budgets that hold are not in it, because code scanning shows every result as an alert."""
    rows = [row for row in result.results if row.status in _LEVELS]
    rules = [*sorted({row.metric for row in rows}), *([_NOT_CHECKED] if result.faults else [])]
    results = [*(_result(row, rules) for row in rows), *(_fault(fault, rules) for fault in result.faults)]
    run = {
        "tool": {"driver": {"name": "archscope", "informationUri": _HOME, "rules": [_rule(rule) for rule in rules]}},
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=1) + "\n"


def _rule(name: str) -> dict[str, Any]:
    words = METRICS[name].help if name in METRICS else "the model could not be measured"
    return {"id": name, "shortDescription": {"text": f"A budget on {name}: {words}" if name in METRICS else words}}


def _result(row: BudgetResult, rules: list[str]) -> dict[str, Any]:
    words = "\n".join([f"{safe(row.model)}: {safe(statement(row))}", *map(safe, details(row))])
    return _entry(row.metric, rules, _LEVELS[row.status], words, row.model, row.name, row.location or _NO_FILE)


def _fault(fault: Fault, rules: list[str]) -> dict[str, Any]:
    words = "\n".join(safe(line) for line in (f"{fault.model}: {fault.what}", fault.where, fault.help) if line)
    return _entry(_NOT_CHECKED, rules, "error", words, fault.model, "", _NO_FILE)


def _entry(  # noqa: PLR0913, PLR0917 - the seven things that a result says
    rule: str, rules: list[str], level: str, words: str, model: str, name: str, place: Location
) -> dict[str, Any]:
    identity = json.dumps([rule, model, name])
    return {
        "ruleId": rule,
        "ruleIndex": rules.index(rule),
        "level": level,
        "message": {"text": _literal(words)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(place.file, errors="backslashreplace"), "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": place.line},
                },
                "logicalLocations": [{"name": safe(model), "kind": "module"}],
            }
        ],
        "partialFingerprints": {"archscope/v1": sha256(identity.encode()).hexdigest()[:32]},
    }


def _literal(text: str) -> str:
    """``text`` without what viewers read as a link, ``[text](target)``, or as a placeholder, ``{0}``."""
    return re.sub(r"\{(?=[0-9])", "{ ", text.replace("](", "] ("))
