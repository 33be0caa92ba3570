"""Cost: the MACs and FLOPs of an operator call."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """Multiply-accumulates, and all scalar arithmetic operations (``flops`` = 2 x macs + every other operation).

    ``partial`` when that is the least and the sizes do not tell the rest.
    """

    macs: int = 0
    flops: int = 0
    partial: bool = False

    @classmethod
    def of(cls, *, macs: int = 0, other: int = 0, partial: bool = False) -> Cost:
        """The cost of ``macs`` multiply-accumulates and ``other`` arithmetic operations besides."""
        return cls(macs, 2 * macs + other, partial)

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.macs + other.macs, self.flops + other.flops, self.partial or other.partial)


FREE = Cost()
