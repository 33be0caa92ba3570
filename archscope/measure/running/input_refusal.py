"""Whether a model that failed on meta would fail everywhere: its input does not fit, whatever device it runs on."""

from __future__ import annotations

import inspect
from types import TracebackType
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from archscope.errors import ForwardError, raised
from archscope.measure.running.inputs import invoked
from archscope.measure.running.operator_run import run_operator
from archscope.measure.running.told_calls import told_kind
from archscope.spec import Inputs

_LARGEST = 2**28  # bytes: the operator is tried with tensors that nobody fills, and is over once it looks at sizes


class RefusedInputError(ForwardError):
    """A forward pass that fails on every device: another one need not be tried."""


def refusal(error: BaseException, model: nn.Module, call: Inputs) -> BaseException | None:
    """``error`` where the arguments do not fit ``forward``; what an operator says on the CPU where it fails there too.

    None where another device may run what meta did not.
    """
    if isinstance(error, TypeError) and not _fits(model, call):
        return error
    return _fails_anywhere(error)


def refused_by_code(error: BaseException, *, asked: bool) -> bool:
    """Whether the model's own Python raised ``error``, having ``asked`` nothing that meta tensors answer otherwise.

    The same code then runs with the same sizes on every device, and comes to the same end.
    """
    if asked or "meta" in raised(error):
        return False
    if isinstance(error, TypeError) and "NoneType" in raised(error):  # an argument that is not there, whatever takes it
        return True
    if not isinstance(error, _OF_CODE):
        return False
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    return step is not None and not step.tb_frame.f_code.co_filename.startswith(_TORCH)


_OF_CODE = (AttributeError, ValueError, KeyError, AssertionError, NameError)


def _fits(model: nn.Module, call: Inputs) -> bool:
    try:
        inspect.signature(invoked(model, call)).bind(*call.args, **call.kwargs)
    except TypeError:
        return False
    except ValueError:  # nobody knows its signature
        return True
    return True


def _fails_anywhere(error: BaseException) -> BaseException | None:
    """Run the operator that raised ``error`` alone, on the CPU: an error of the same kind there."""
    found = _last_operator(error.__traceback__)
    if found is None or not isinstance(error, (IndexError, RuntimeError, ValueError)):
        return None
    func, args, kwargs = found
    if told_kind(func, func.name()):  # whether it fails is up to the values
        return None
    tensors = [leaf for leaf in pytree.tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    plain = all(type(tensor) in _PLAIN and tensor.layout is torch.strided for tensor in tensors)
    if not tensors or not plain or sum(tensor.nbytes for tensor in tensors) > _LARGEST:
        return None
    real_args, real_kwargs = pytree.tree_map(_real, (args, kwargs))
    try:
        with torch.no_grad():
            func(*real_args, **real_kwargs)
    except Exception as again:  # noqa: BLE001 - one of another kind: let the real run tell
        return again.with_traceback(None) if type(again) is type(error) else None
    return None


_PLAIN = {torch.Tensor, nn.Parameter}


def _real(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return torch.zeros_like(value, device="cpu") if not value.dtype.is_floating_point else _unfilled(value)
    return torch.device("cpu") if isinstance(value, torch.device) else value


def _unfilled(tensor: torch.Tensor) -> torch.Tensor:
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="cpu")


def _last_operator(step: TracebackType | None) -> Any:
    """The operator whose call is the end of the traceback, with its arguments."""
    found = None
    while step is not None:
        frame = step.tb_frame
        if frame.f_code is run_operator.__code__:
            found = (frame.f_locals["func"], frame.f_locals["args"], frame.f_locals["kwargs"])
        elif found is not None and not frame.f_code.co_filename.startswith(_TORCH):
            found = None
        step = step.tb_next
    return found


_TORCH = str(inspect.getsourcefile(torch) or "").removesuffix("__init__.py")
