"""What torch's meta kernels answer otherwise than the CPU and a GPU do, put right: outputs and what they hold."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import torch

from archscope.measure.running.fake_tensors import is_fake

Run: TypeAlias = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]

aten = torch.ops.aten
_NO_REDUCTION = 0
_SUM, _MAXIMUM = 0, 2


def as_on_devices(func: Any, run: Run) -> Run:
    """``run`` itself, or where ``func``'s meta kernel differs from what devices do, a ``run`` that mends its answer."""
    mend = _MENDED.get(func)
    if mend is None:
        return run
    names = [argument.name for argument in func._schema.arguments]  # noqa: SLF001 - torch has no public name for it

    def mended(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        output = run(func, args, kwargs)
        if not (isinstance(args[0], torch.Tensor) and (args[0].is_meta or is_fake(args[0]))):
            return output
        return mend({**dict(zip(names, args, strict=False)), **kwargs}, output)

    return mended


def _asked_for(given: dict[str, Any], output: tuple[Any, ...]) -> tuple[Any, ...]:
    """Gradients that nobody asked for are not made."""
    return tuple(made if asked else None for asked, made in zip(given["output_mask"], output, strict=True))


def _loss(given: dict[str, Any], output: torch.Tensor) -> torch.Tensor:
    """A loss that is a mean or a sum is written to memory of the size of what it reduces."""
    if given.get("reduction", 1) == _NO_REDUCTION:
        return output
    shape = torch.broadcast_shapes(given["self"].shape, given["target"].shape)
    return _within(output, shape.numel())


def _mixed(given: dict[str, Any], output: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """The statistics of a norm of half precision are of single precision where its weights are."""
    weight, made = given.get("weight"), output[0]
    if weight is None or weight.dtype is not torch.float32 or made.dtype is torch.float32:
        return output
    return (made, *(part.new_empty(part.shape, dtype=torch.float32) for part in output[1:]))


def _columns(given: dict[str, Any], output: torch.Tensor) -> torch.Tensor:
    """An image put together of columns is written to memory of the size of the columns, where they are larger."""
    return _within(output, given["self"].numel())


def _within(output: torch.Tensor, elements: int) -> torch.Tensor:
    if elements <= output.numel():
        return output
    return output.new_empty(elements).as_strided(output.shape, output.stride())


def _bags(given: dict[str, Any], output: tuple[torch.Tensor, ...], *, to_learn: bool) -> tuple[torch.Tensor, ...]:
    """What the CPU writes down of bags; its fast path for sums does not note which index is in which bag."""
    weight, indices, offsets, mode = given["weight"], given["indices"], given["offsets"], given.get("mode", 0)
    scale, padding = given.get("per_sample_weights"), given.get("padding_idx", -1)
    fast = weight.dtype in {torch.float32, torch.float16, torch.bfloat16} and weight.stride(1) == 1 and padding < 0
    fast = fast and mode == _SUM and (scale is None or scale.stride(0) == 1)
    bags = offsets.shape[0] if mode == _SUM and not to_learn else output[0].shape[0]
    return (
        output[0],
        offsets.new_empty(0) if fast else _within(offsets.new_empty(indices.shape[0]), indices.shape[0] + 1),
        _within(offsets.new_empty(bags), offsets.shape[0]),
        offsets.new_empty((bags, weight.shape[1]) if mode == _MAXIMUM else bags),
    )


_MENDED: dict[Any, Callable[[dict[str, Any], Any], Any]] = {
    aten.native_batch_norm_backward.default: _asked_for,
    aten.batch_norm_backward.default: _asked_for,
    aten.mse_loss.default: _loss,
    aten.smooth_l1_loss.default: _loss,
    aten.soft_margin_loss.default: _loss,
    aten.binary_cross_entropy.default: _loss,
    aten.native_layer_norm.default: _mixed,
    aten.native_group_norm.default: _mixed,
    aten.col2im.default: _columns,
    aten._embedding_bag.default: partial(_bags, to_learn=True),  # noqa: SLF001 - an operator's name
    aten._embedding_bag_forward_only.default: partial(_bags, to_learn=False),  # noqa: SLF001
}
