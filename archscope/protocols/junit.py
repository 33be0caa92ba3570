"""A check as JUnit XML: a suite for each model, a case for each budget.

Elements and attributes are those that the schema of Jenkins' xunit plugin knows.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from archscope.documents.check import details, statement
from archscope.policy import FAILED, UNPROVEN, WARNED, BudgetResult, CheckResult, Fault
from archscope.render.names import safe_line as safe


def render_junit(result: CheckResult) -> str:
    """Failed and unproven budgets are failures, models that could not be checked are errors."""
    root = ET.Element("testsuites", name="archscope")
    models = dict.fromkeys([*(row.model for row in result.results), *(fault.model for fault in result.faults)])
    for model in models:
        rows = [row for row in result.results if row.model == model]
        faults = [fault for fault in result.faults if fault.model == model]
        failures = sum(row.status in {FAILED, UNPROVEN} for row in rows)
        suite = ET.SubElement(
            root,
            "testsuite",
            name=safe(model),
            tests=str(len(rows) + len(faults)),
            failures=str(failures),
            errors=str(len(faults)),
        )
        for row in rows:
            _case(suite, row)
        for fault in faults:
            _error(suite, fault)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(suite: ET.Element, row: BudgetResult) -> None:
    case = ET.SubElement(suite, "testcase", classname=safe(row.model), name=safe(row.name))
    words = "\n".join([safe(statement(row)), *map(safe, details(row))])
    if row.status in {FAILED, UNPROVEN}:
        ET.SubElement(case, "failure", type=row.status, message=safe(statement(row))).text = words
    elif row.status == WARNED:
        ET.SubElement(case, "system-out").text = words


def _error(suite: ET.Element, fault: Fault) -> None:
    case = ET.SubElement(suite, "testcase", classname=safe(fault.model), name="measure")
    words = "\n".join(safe(line) for line in (fault.what, fault.where, fault.help) if line)
    ET.SubElement(case, "error", type=f"exit-{fault.exit_code}", message=safe(fault.what)).text = words
