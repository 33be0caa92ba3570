"""The receptive field of a small network by gradients: which pixels move which output position."""

from __future__ import annotations

import copy

import torch
from torch import nn

MARGIN = 1e-300


def with_positive_weights(model: nn.Module) -> nn.Module:
    """``model`` in float64 with positive weights, so that no two paths cancel each other."""
    torch.manual_seed(0)
    model = copy.deepcopy(model).double().eval()
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point():
            tensor.data.uniform_(0.5, 1.0)
    return model


def touched(model: nn.Module, shape: tuple[int, ...], *, channels: int = 1) -> dict[tuple[int, ...], list[set[int]]]:
    """For every output position (a tuple of indices, without batch and ``channels``) the indices read on each axis."""
    torch.manual_seed(1)
    image = torch.rand(shape, dtype=torch.float64, requires_grad=True)
    output = model(image)
    sizes = [size for dim, size in enumerate(output.shape) if dim not in {0, channels}]
    found = {}
    for position in torch.cartesian_prod(*(torch.arange(size) for size in sizes)).reshape(-1, len(sizes)).tolist():
        index = [0, *position]
        index.insert(channels, slice(None))
        (gradient,) = torch.autograd.grad(output[tuple(index)].sum(), image, retain_graph=True, allow_unused=True)
        read = (gradient.abs() > MARGIN).nonzero()
        found[tuple(position)] = [set(read[:, dim].tolist()) for dim in range(2, len(shape))]
    return found


def extents(model: nn.Module, shape: tuple[int, ...], *, channels: int = 1) -> list[int]:
    """The longest stretch that any output position reads, along each axis of the input."""
    every = touched(model, shape, channels=channels).values()
    return [max((max(axis) - min(axis) + 1) if axis else 0 for axis in axes) for axes in zip(*every, strict=True)]
