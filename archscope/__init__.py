"""archscope tells exactly what a PyTorch network costs, where, and by which rule.

    import archscope

    report = archscope.analyze(model, images)       # any inputs that the model takes; or (1, 3, 224, 224)
    print(report)                                   # the view of the command line; a notebook shows HTML
    report.totals.macs                              # exact integers
    report.component("neck"), report["layer1.0"]    # a part, a module by its path
    report.to_frame("operators")                    # pandas: modules, components, operators, parameters
    report.save("net.html")                         # .json .md .csv .png .svg .latex .html by the ending
    report.show()                                   # the whole page, in the notebook or the browser

What can be asked:

    analyze      what a model costs and where; training=, conventions=, device=, components=
    compare      two models, before and after; compare(a, b, c) side by side
    check        a model held to limits: check(model, x, parameters="<=0.25M", macs="0.6G").passed
    lock         what a model costs now, written into archscope.lock
    why          one number explained: shapes, calls, formulas with the figures put in
    claims       published figures held against measured ones
    plan         reduction targets and proposals, measured
    scale        formulas of the sizes: scale(model, x, over={"size": range(320, 1281, 32)})
    crosscheck   other counters run on the same model, each difference attributed
    load         the model that a text names: "timm:resnet50", "net.py:Net", "hf:config.json", "report.json"
    trace        every operator that one run of a model calls

Inputs are a tensor, a tuple or dict of arguments, a batch as a DataLoader yields it, shapes or texts; arguments can be
passed as to the model: analyze(model, x, mask=m). Inputs(args=..., kwargs=...) are passed exactly as they are.
help(archscope.analyze) says it all. Every error is an ArchscopeError: what, where, and what to do next.

Names load when they are first used, so that ``import archscope`` costs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archscope.api.analyzing import analyze as analyze
    from archscope.api.analyzing import trace as trace
    from archscope.api.comparing import compare as compare
    from archscope.api.judging import check as check
    from archscope.api.judging import claims as claims
    from archscope.api.judging import crosscheck as crosscheck
    from archscope.api.judging import lock as lock
    from archscope.api.judging import plan as plan
    from archscope.api.judging import why as why
    from archscope.api.scaling import scale as scale
    from archscope.errors import ArchscopeError as ArchscopeError
    from archscope.formulas import DEFAULT_FORMULAS as DEFAULT_FORMULAS
    from archscope.formulas import Cost as Cost
    from archscope.formulas import FormulaTable as FormulaTable
    from archscope.records import Trace as Trace
    from archscope.report import Report as Report
    from archscope.results.comparison import Comparison as Comparison
    from archscope.results.scaling import Scaling as Scaling
    from archscope.results.side_by_side import SideBySide as SideBySide
    from archscope.serial import from_json as from_json
    from archscope.serial import to_json as to_json
    from archscope.sources import load as load
    from archscope.spec import Component as Component
    from archscope.spec import Inputs as Inputs
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
    "Inputs": "spec",
    "ModelSpec": "spec",
    "Option": "spec",
    "Report": "report",
    "Scaling": "results.scaling",
    "SideBySide": "results.side_by_side",
    "Trace": "records",
    "analyze": "api.analyzing",
    "check": "api.judging",
    "claims": "api.judging",
    "compare": "api.comparing",
    "crosscheck": "api.judging",
    "from_json": "serial",
    "load": "sources",
    "lock": "api.judging",
    "plan": "api.judging",
    "scale": "api.scaling",
    "to_json": "serial",
    "trace": "api.analyzing",
    "why": "api.judging",
}

__all__ = [*_HOMES]  # noqa: PLE0604 - the keys are literals


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'archscope' has no attribute {name!r}")
    return getattr(importlib.import_module(f"archscope.{home}"), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)
