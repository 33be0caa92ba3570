"""The backward pass of a training step, from everything in the model's output that can be differentiated."""

from __future__ import annotations

from typing import Any

import torch

from archscope.errors import ForwardError
from archscope.measure.running.held_tensors import held_tensors
from archscope.measure.running.module_stack import ModuleStack
from archscope.measure.running.recorder import Recorder
from archscope.report import UNASSIGNED


def run_backward(output: Any, stack: ModuleStack, recorder: Recorder, *, trains: bool) -> None:
    """Differentiate the sum of all floating and complex tensors in ``output``, whatever holds them.

    The loss is not the model's: it is nobody's. Raises ForwardError where nothing can be differentiated although the
    model has parameters that train (``trains``): a step of 0 operations would not be a training step.
    """
    stack.running = [UNASSIGNED]
    recorder.phase = "backward"
    tensors = [tensor for _, tensor in held_tensors(output)]
    roots = [
        tensor for tensor in tensors if tensor.requires_grad and (tensor.is_floating_point() or tensor.is_complex())
    ]
    if roots:
        torch.autograd.backward([_sum(root) for root in roots])
    elif trains:
        raise ForwardError(
            f"nothing that the model returned can be differentiated: {_told(output, tensors)}",
            where="a training step",
            help="return a floating tensor that depends on the parameters, in a container or an object; measure a "
            "model that does not train (torch.no_grad() in forward, whole numbers alone) without --training",
        )


def _sum(tensor: torch.Tensor) -> torch.Tensor:
    if tensor.is_nested:
        tensor = tensor.values()
    if tensor.is_complex() and not tensor.numel():  # torch cannot view an empty gradient as complex
        return tensor.abs().sum()
    return torch.view_as_real(tensor.resolve_conj()).sum() if tensor.is_complex() else tensor.sum()


def _told(output: Any, tensors: list[torch.Tensor]) -> str:
    if not tensors:
        return f"no tensor was found in a {type(output).__name__}"
    dtypes = ", ".join(sorted({str(tensor.dtype).removeprefix("torch.") for tensor in tensors}))
    return f"{len(tensors)} tensor{'s' if len(tensors) != 1 else ''} of {dtypes}, without a gradient"
