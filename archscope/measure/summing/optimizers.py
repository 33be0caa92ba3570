"""The bytes that each optimizer keeps for a parameter."""

from __future__ import annotations

from types import MappingProxyType

# Tensors like the parameter that torch.optim keeps for each one, and whether it keeps a step count (one float32).
OPTIMIZERS = MappingProxyType(
    {
        "sgd": (0, False),
        "sgd-momentum": (1, False),
        "adagrad": (1, True),
        "rmsprop": (1, True),
        "adam": (2, True),
        "adamw": (2, True),
    }
)
