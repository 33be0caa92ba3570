"""A first config, from a first measurement."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from archscope.config.writing import toml_text, toml_value
from archscope.report import Report
from archscope.spec import OptionValue


def starter_config(
    model: str, report: Report, *, inputs: Sequence[str] = (), options: Mapping[str, OptionValue] | None = None
) -> str:
    """The text of an archscope.toml that holds MODEL to what it costs now, with comments that say how to go on."""
    name = short_name(model)
    totals = report.totals
    lines = [
        "# What this project's models may cost. `archscope check` holds them to it: exit 1 when one is over.",
        "",
        f"[models.{name}]",
        f"source = {toml_text(model)}",
        *([f"inputs = {toml_value(list(inputs))}"] if inputs else []),
        *([f"options = {toml_value(dict(options))}"] if options else []),
        "",
        *_budget(f"{name}-parameters", name, "parameters", totals.parameters),
        '# message = "why this limit"  # shown when it is exceeded',
        "",
    ]
    if totals.macs is None:
        lines += ['# MACs were not measured: add inputs = ["1x3x224x224"] above, then a budget with metric = "macs".']
    elif not totals.complete:
        missing = ", ".join(row.op for row in report.uncounted)
        lines += [
            f"# No budget on MACs, which are a lower bound: these operators are not counted: {toml_text(missing)}"
        ]
    else:
        lines += _budget(f"{name}-macs", name, "macs", totals.macs)
    lines += [
        "",
        '# A limit may also be a text: "0.25M", "<0.25M", "1.2G". Other metrics: trainable, flops, parameter_bytes,',
        "# peak_activation_bytes. A budget can hold a part of the network, and be a share of the whole or of a model:",
        "#",
        *(f"#   {line}" for line in _example(name, report)),
        "#",
        "# `archscope lock` writes down what every module costs, so that a later failure can say which of them grew.",
    ]
    return "\n".join(lines) + "\n"


def _budget(name: str, model: str, metric: str, value: int) -> list[str]:
    return [
        "[[budgets]]",
        f"name = {toml_text(name)}",
        f"model = {toml_text(model)}",
        f"metric = {toml_text(metric)}",
        f"max = {value:_}  # what it is now",
    ]


def _example(name: str, report: Report) -> list[str]:
    component = report.components[0].name if report.components else "Neck"
    return [
        "[[budgets]]",
        f"name = {toml_text(f'{name}-part')}",
        f"model = {toml_text(name)}",
        'metric = "macs"',
        f"component = {toml_text(component)}",
        'max = "60%"',
    ]


def short_name(model: str) -> str:
    """A name for MODEL in a config: ``net`` for ``path/to/file.py:net``, ``resnet18`` for ``timm:resnet18``."""
    last = re.split(r"[:/\\]", model.removesuffix(".json").removesuffix(".pt2"))[-1]
    return re.sub(r"[^A-Za-z0-9_-]+", "-", last).strip("-") or "model"
