"""What is said of a model that has no ``forward``, or not the method that was asked for."""

from __future__ import annotations

from torch import nn

from archscope.errors import ForwardError, did_you_mean

_UNIMPLEMENTED = nn.Module().forward.__func__  # type: ignore[attr-defined]  # what stands there until a class has its own
_CALL_ABOVE = {"lightning.pytorch.core.module", "pytorch_lightning.core.module"}  # their forward is the same one
_MOST = 6
_STEPS = ("training_step", "validation_step", "predict_step", "generate", "encode", "sample", "predict")


def require_forward(model: nn.Module, method: str = "") -> None:
    """Raise ForwardError for a model without the method that is to be called, naming what can be measured instead."""
    kind = type(model).__name__
    if method and not callable(getattr(model, method, None)):
        known = [name for name in dir(type(model)) if not name.startswith("_") and name not in dir(nn.Module)]
        raise ForwardError(
            f"{kind} has no method {method!r}",
            where=kind,
            help=did_you_mean(method, known) or f"it has {', '.join(known[:_MOST]) or 'none of its own'}",
        )
    forward = getattr(model, "forward", None)
    own = getattr(forward, "__func__", forward)
    if method or not (own is _UNIMPLEMENTED or getattr(own, "__module__", "") in _CALL_ABOVE):
        return
    parts = [f"{name} ({type(part).__name__})" for name, part in model.named_children()]
    more = f" and {len(parts) - _MOST} more" if len(parts) > _MOST else ""
    steps = [name for name in _STEPS if callable(getattr(model, name, None))]
    hints = [f"measure one of its modules: {', '.join(parts[:_MOST])}{more}"] if parts else []
    hints += [f"or call another method: --call {steps[0]}, in Python call={steps[0]!r}"] if steps else []
    raise ForwardError(
        f"{kind} has no forward, so it cannot be run",
        where=kind,
        help="; ".join(hints) or "write a forward; without any input its parameters are reported",
    )
