"""What may stand for a model in a call of the library: the words of a user, a class, a function, several networks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeAlias

from torch import nn

from archscope.errors import UsageError
from archscope.records import Trace
from archscope.report import Report
from archscope.sources import load
from archscope.sources.construction import article, construct
from archscope.sources.exported import from_program
from archscope.sources.networks import networks
from archscope.spec import ModelSpec

Model: TypeAlias = "str | ModelSpec | nn.Module | Trace | Report | Callable[..., Any] | tuple[nn.Module, ...]"


def subject(model: Any) -> ModelSpec | nn.Module | Trace | Report:
    """``model`` as something to measure: text is a MODEL, a class or a function builds one. Raises UsageError."""
    if isinstance(model, str):
        return load(model)
    if isinstance(model, (ModelSpec, nn.Module, Trace, Report)):
        return model
    if "torch.export" in sys.modules and isinstance(model, sys.modules["torch.export"].ExportedProgram):
        return from_program(model)
    several = networks(model)
    if several is not None:
        return several
    if callable(model):
        name = getattr(model, "__name__", type(model).__name__)
        return ModelSpec(name=name, source="", build=lambda: construct(model, name, {}))
    raise UsageError(
        f"{article(type(model).__name__)} is no model",
        help="pass a torch.nn.Module, a class or function that makes one, a ModelSpec, or text such as timm:resnet50",
    )
