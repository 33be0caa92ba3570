"""The values of a fused attention operator on a device that has no kernel for it: by the textbook, seen as one call."""

from __future__ import annotations

import math
from typing import Any

import torch

from archscope.measure.running.attention_kernel import ATTENTION, EFFICIENT, FLASH, aten
from archscope.measure.running.composites import taken_apart

_FLASH_BACKWARD = aten._scaled_dot_product_flash_attention_for_cpu_backward.default  # noqa: SLF001
_EFFICIENT_BACKWARD = aten._scaled_dot_product_efficient_attention_backward.default  # noqa: SLF001
FORWARD = frozenset({FLASH, EFFICIENT})
BACKWARD = frozenset({_FLASH_BACKWARD, _EFFICIENT_BACKWARD})


def attention_values(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What ``func``, of ``FORWARD`` or ``BACKWARD``, gives for these arguments, in the layout of its meta kernel."""
    arguments = func._schema.arguments  # noqa: SLF001 - torch has no public name for it
    given = {argument.name: argument.default_value for argument in arguments if argument.has_default_value()}
    given |= {**dict(zip((argument.name for argument in arguments), args, strict=False)), **kwargs}
    shapes = func(*(_on_meta(value) for value in args), **{name: _on_meta(value) for name, value in kwargs.items()})
    outputs = [_like(shape, given["query"].device) for shape in shapes]
    values = _output(given) if func in FORWARD else _gradients(given)
    for output, value in zip(outputs, values, strict=False):
        if output is not None and value is not None:
            output.copy_(value)
    return tuple(outputs)


def _on_meta(value: Any) -> Any:
    return value.to("meta") if isinstance(value, torch.Tensor) else value


def _like(shape: torch.Tensor | None, device: torch.device) -> torch.Tensor | None:
    if shape is None:
        return None
    whole = torch.zeros(shape.untyped_storage().nbytes() // shape.itemsize, dtype=shape.dtype, device=device)
    return whole.as_strided(shape.shape, shape.stride())


def _output(given: dict[str, Any]) -> tuple[torch.Tensor | None, ...]:
    """The output, no log-sum-exp (nothing here reads it) and the seed of the dropping, where the operator has one."""
    query, key, value = given["query"], given["key"], given["value"]
    if not given["dropout_p"]:
        mask, scale = _mask(given), given["scale"]
        grouped = query.shape[1] != key.shape[1]
        return (
            taken_apart(ATTENTION, query, key, value, mask, 0.0, given["is_causal"], scale=scale, enable_gqa=grouped),
        )
    seed = torch.randint(2**31, (), device=query.device) if "compute_log_sumexp" in given else None
    return (_weights(given) * _kept(given, seed)) @ _spread(value, query), None, seed


def _gradients(given: dict[str, Any]) -> tuple[torch.Tensor | None, ...]:
    """The gradients of the query, the key, the value and the mask."""
    query, key, value = given["query"], given["key"], given["value"]
    gradient = given["grad_out"] if "grad_out" in given else given["grad_out_"]
    weights, kept = _weights(given), _kept(given, given.get("philox_seed"))
    of_weights = gradient @ _spread(value, query).mT * kept
    of_scores = weights * (of_weights - (of_weights * weights).sum(-1, keepdim=True))
    scaled = of_scores * _scale(given)
    of_key, of_value = scaled.mT @ query, (weights * kept).mT @ gradient
    return scaled @ _spread(key, query), _gathered(of_key, key), _gathered(of_value, value), of_scores


def _mask(given: dict[str, Any]) -> Any:
    return given["attn_mask"] if "attn_mask" in given else given.get("attn_bias", given.get("bias"))


def _scale(given: dict[str, Any]) -> float:
    scale: float | None = given["scale"]
    return 1 / math.sqrt(given["query"].shape[-1]) if scale is None else scale


def _weights(given: dict[str, Any]) -> Any:
    query, mask = given["query"], _mask(given)
    scores = query @ _spread(given["key"], query).mT * _scale(given)
    if mask is not None:
        scores = scores + mask
    if given["is_causal"]:
        scores = scores.masked_fill(torch.ones_like(scores, dtype=torch.bool).triu(1), -math.inf)
    return scores.softmax(-1).nan_to_num(0.0)  # rows that are masked altogether


def _kept(given: dict[str, Any], seed: torch.Tensor | None) -> Any:
    """What each weight is multiplied by: 0 where it is dropped; drawn again by the same seed in the backward pass."""
    query, dropped = given["query"], given["dropout_p"]
    if not dropped:
        return 1.0
    generator = torch.Generator(query.device).manual_seed(0 if seed is None else int(seed))
    shape = (*query.shape[:3], given["key"].shape[2])
    kept = torch.rand(shape, device=query.device, generator=generator) >= dropped
    return kept.to(query.dtype) / (1 - dropped) if dropped < 1 else kept.to(query.dtype)


def _spread(tensor: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
    """The heads that grouped queries share, once for each query."""
    return tensor.repeat_interleave(query.shape[1] // tensor.shape[1], dim=1)


def _gathered(gradient: torch.Tensor, tensor: torch.Tensor) -> Any:
    """The sum of the gradients of queries that share a head."""
    return gradient.unflatten(1, (tensor.shape[1], -1)).sum(2)
