"""The text of a first archscope.toml, made from one measured report."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from archscope.config.writing import toml_text, toml_value
from archscope.report import Report


def starter_config(
    model: str,
    report: Report,
    *,
    inputs: Sequence[str] = (),
    call: str = "",
    options: Mapping[str, Any] | None = None,
) -> str:
    """The text of an archscope.toml that holds MODEL to what it costs now, with comments that say how to go on."""
    name = short_name(model)
    totals = report.totals
    given = {"inputs": list(inputs), "call": call, "options": dict(options or {})}
    settings = "".join(f"{key} = {toml_value(value)}\n" for key, value in given.items() if value)
    if totals.macs is None:
        macs = '# MACs were not measured: add inputs = ["1x3x224x224"] above, then a budget with metric = "macs".\n'
    elif not totals.complete:
        missing = toml_text(", ".join(row.op for row in report.uncounted))
        macs = f"# No budget on MACs, which are a lower bound: these operators are not counted: {missing}\n"
    else:
        macs = _budget(name, "macs", totals.macs)
    return f"""\
# What this project's models may cost. `archscope check` holds them to it: exit 1 when one is over.

[models.{name}]
source = {toml_text(model)}
{settings}
{_budget(name, "parameters", totals.parameters)}\
# message = "why this limit"  # shown when it is exceeded

{macs}
# These limits leave no headroom. Raise them by hand, or when a growth is meant (the lock keeps the reason):
#   archscope lock --allow-increase {name} --raise-budgets --reason "why"
#
# A limit may also be a text: "0.25M", "<0.25M", "1.2G". Other metrics: trainable, flops, parameter_bytes,
# peak_activation_bytes. A budget can hold a part of the network, and be a share of the whole or of a model:
#
#   [[budgets]]
#   name = {toml_text(f"{name}-part")}
#   model = {toml_text(name)}
#   metric = "macs"
#   component = {toml_text(report.components[0].name if report.components else "Neck")}
#   max = "60%"
#
# `archscope lock` writes down what every module costs, so that a later failure can say which of them grew.
"""


def _budget(name: str, metric: str, value: int) -> str:
    return f"""\
[[budgets]]
name = {toml_text(f"{name}-{metric}")}
model = {toml_text(name)}
metric = {toml_text(metric)}
max = {value:_}  # what it is now
"""


def short_name(model: str) -> str:
    """A name for MODEL in a config: ``net`` for ``path/to/file.py:net``, ``resnet18`` for ``timm:resnet18``."""
    last = re.split(r"[:/\\]", model.removesuffix(".json").removesuffix(".pt2"))[-1]
    return re.sub(r"[^A-Za-z0-9_-]+", "-", last).strip("-") or "model"
