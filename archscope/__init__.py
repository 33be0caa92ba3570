"""archscope tells exactly what a PyTorch network costs, where, and by which rule.

    import archscope
    report = archscope.analyze(model, archscope.Inputs(args=(images,)))
    report.totals.macs

Names load when they are first used, so that ``import archscope`` costs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archscope.errors import ArchscopeError as ArchscopeError
    from archscope.formulas import DEFAULT_FORMULAS as DEFAULT_FORMULAS
    from archscope.formulas import Cost as Cost
    from archscope.formulas import FormulaTable as FormulaTable
    from archscope.judge.comparison import compare as compare
    from archscope.judge.scaling.scale import scale as scale
    from archscope.measure.measuring import analyze as analyze
    from archscope.measure.running.inputs import Inputs as Inputs
    from archscope.measure.running.tracing import trace as trace
    from archscope.records import Trace as Trace
    from archscope.report import Report as Report
    from archscope.results.comparison import Comparison as Comparison
    from archscope.results.scaling import Scaling as Scaling
    from archscope.serial import from_json as from_json
    from archscope.serial import to_json as to_json
    from archscope.sources import load as load
    from archscope.spec import Component as Component
    from archscope.spec import InputSpec as InputSpec
    from archscope.spec import ModelSpec as ModelSpec
    from archscope.spec import Option as Option

_HOMES = {
    "ArchscopeError": "errors",
    "Comparison": "results.comparison",
    "Component": "spec",
    "Cost": "formulas",
    "DEFAULT_FORMULAS": "formulas",
    "FormulaTable": "formulas",
    "InputSpec": "spec",
    "Inputs": "measure.running.inputs",
    "ModelSpec": "spec",
    "Option": "spec",
    "Report": "report",
    "Scaling": "results.scaling",
    "Trace": "records",
    "analyze": "measure.measuring",
    "compare": "judge.comparison",
    "from_json": "serial",
    "load": "sources",
    "scale": "judge.scaling.scale",
    "to_json": "serial",
    "trace": "measure.running.tracing",
}

__all__ = [*_HOMES]  # noqa: PLE0604 - the keys are literals


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'archscope' has no attribute {name!r}")
    return getattr(importlib.import_module(f"archscope.{home}"), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)
