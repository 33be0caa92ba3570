"""Counting weights that are 0, as layers multiply by them: after pruning masks and parametrisations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.utils.parametrize import ParametrizationList

from archscope.errors import UsageError
from archscope.measure.running.inventory import walk
from archscope.measure.running.meta_parameters import has_values
from archscope.measure.running.sparse_tensors import is_sparse, values_of


def zero_weights(model: nn.Module) -> int:
    """How many weights of ``model`` are 0, each parameter once; of a sparse one among the values that it holds.

    A pruned weight counts with its mask, a parametrised or normed one as its layer gets it. Raises UsageError where
    weights have no values.
    """
    with torch.no_grad():
        return sum(weight.numel() - int(weight.count_nonzero()) for weight in _effective(model))


def _effective(model: nn.Module) -> Iterator[torch.Tensor]:
    modules = {id(module): module for _, module in walk(model)}
    made: set[int] = set()  # parameters that a weight is made of, and those seen
    for module in modules.values():
        for parts, weight in _made(module):
            made |= parts
            yield weight
    for module in modules.values():
        for parameter in module._parameters.values():  # noqa: SLF001 - parameters() walks a deep model recursively
            if parameter is not None and id(parameter) not in made:
                made.add(id(parameter))
                yield _values(parameter)


def _made(module: nn.Module) -> Iterator[tuple[set[int], torch.Tensor]]:
    """Each weight that ``module`` makes of parameters, with the ids of these."""
    parametrized: Any = module._modules.get("parametrizations")  # noqa: SLF001
    for name, steps in parametrized.items() if isinstance(parametrized, nn.ModuleDict) else ():
        if isinstance(steps, ParametrizationList):
            _values(*steps.parameters())
            yield {id(part) for part in steps.parameters()}, getattr(module, name)
    for name, original in module._parameters.items():  # noqa: SLF001
        mask = module._buffers.get(f"{name.removesuffix('_orig')}_mask")  # noqa: SLF001
        if original is not None and name.endswith("_orig") and mask is not None:
            yield {id(original)}, _values(original) * mask
    for hook in module._forward_pre_hooks.values():  # noqa: SLF001
        if type(hook).__module__ == "torch.nn.utils.weight_norm":
            of_hook: Any = hook
            parts = [module._parameters[f"{of_hook.name}_{part}"] for part in ("g", "v")]  # noqa: SLF001
            _values(*parts)
            yield {id(part) for part in parts}, of_hook.compute_weight(module)


def _values(*tensors: Any) -> torch.Tensor:
    """The first of ``tensors``, of a sparse one what it holds; raises UsageError where one has no values."""
    if not all(map(has_values, tensors)):
        raise UsageError("the weights have no values", help="sparsity needs a model that is built on a real device")
    first: torch.Tensor = tensors[0] if tensors else torch.empty(0)
    return values_of(first) if is_sparse(first) else first
