"""Every operator of torch's own test database on its first samples, measured on meta and on the CPU."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils import _pytree as pytree

import archscope
from archscope.errors import ArchscopeError

MEASURES = ("macs", "flops", "activations", "peak", "backward_macs", "backward_flops", "saved", "step_peak")


class Calls(nn.Module):
    """One call of a function: its floating tensors are parameters, its other tensors buffers."""

    def __init__(self, function: Any, given: Any, *, gradients: str) -> None:
        """``gradients``: which of the tensors that can take them do: "", "all", "first" or "others"."""
        super().__init__()
        self.function = function
        leaves, self.spec = pytree.tree_flatten(given)
        self.places = []
        self.others = []
        seen = False
        for place, leaf in enumerate(leaves):
            is_tensor = isinstance(leaf, torch.Tensor)
            self.others.append(None if is_tensor else leaf)
            if is_tensor:
                name = f"t{place}"
                self.places.append((place, name))
                takes = leaf.requires_grad and leaf.is_floating_point() and gradients
                first, seen = not seen, seen or bool(takes)
                if takes and gradients in {"all", "first" if first else "others"}:
                    self.register_parameter(name, nn.Parameter(leaf.detach()))
                else:
                    self.register_buffer(name, leaf.detach())

    def forward(self, _x: torch.Tensor) -> Any:
        leaves = list(self.others)
        for place, name in self.places:
            leaves[place] = getattr(self, name)
        args, kwargs = pytree.tree_unflatten(leaves, self.spec)
        return self.function(*args, **kwargs)


class Seen(NamedTuple):
    """What one device showed: the figures by name, the operators, and why there are none."""

    figures: dict[str, int]
    operators: tuple[str, ...]
    refusal: str = ""


def measured(model: nn.Module, device: str, *, training: bool) -> Seen:
    """The figures of one run of ``model``, or of one training step."""
    from archscope.formulas import DEFAULT_FORMULAS
    from archscope.measure.summing.training import training_figures

    x = archscope.Inputs(args=(torch.zeros(1),))
    try:
        torch.manual_seed(0)
        seen = archscope.trace(model, x, device=device, training=training)
        operators = tuple(call.op for call in seen.calls or ())
        if training:
            step, _, _ = training_figures(seen, DEFAULT_FORMULAS, "sgd")
            figures = {
                "backward_macs": step.backward_macs,
                "backward_flops": step.backward_flops,
                "saved": step.saved_activation_bytes,
                "step_peak": step.peak_bytes,
            }
        else:
            totals = archscope.analyze(seen).totals
            figures = {
                "macs": totals.macs or 0,
                "flops": totals.flops or 0,
                "activations": totals.activations or 0,
                "peak": totals.peak_activation_bytes or 0,
            }
    except ArchscopeError as error:
        return Seen({}, (), error.what.partition("\n")[0][:200])
    return Seen(figures, operators)


class Compared(NamedTuple):
    """One sample of one operator, without gradients or with those of some tensors: (measure, meta, CPU) that differ."""

    op: str
    sample: int
    gradients: str
    differences: tuple[tuple[str, int, int], ...]
    meta: Seen
    cpu: Seen

    @property
    def refusal(self) -> str:
        """Why one of the two devices showed nothing."""
        return self.meta.refusal or self.cpu.refusal


def full_name(op: Any) -> str:
    """The operator's name with its variant."""
    return f"{op.name}.{op.variant_test_name}" if op.variant_test_name else op.name


def compared(op: Any, samples: int, dtype: torch.dtype = torch.float32) -> Iterator[Compared]:
    """The first ``samples`` of ``op``, forward and (where it has one) training steps, on meta against the CPU."""
    if dtype not in op.supported_dtypes("cpu"):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        given = op.sample_inputs("cpu", dtype, requires_grad=op.supports_autograd)
        for index, sample in enumerate(itertools.islice(given, samples)):
            call = ((sample.input, *sample.args), dict(sample.kwargs))
            learning = sum(isinstance(t, torch.Tensor) and t.requires_grad for t in pytree.tree_leaves(call))
            for gradients in ("", "all", "first", "others") if learning > 1 else ("", "all")[: 1 + learning]:
                model = Calls(op.op, call, gradients=gradients)
                meta, cpu = (measured(model, device, training=bool(gradients)) for device in ("meta", "cpu"))
                differences = tuple(
                    (name, meta.figures[name], cpu.figures[name])
                    for name in meta.figures
                    if name in cpu.figures and meta.figures[name] != cpu.figures[name]
                )
                yield Compared(full_name(op), index, gradients, differences, meta, cpu)
