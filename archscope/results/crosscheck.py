"""What a cross-check found."""

from __future__ import annotations

from dataclasses import dataclass

from archscope.records import InputRecord
from archscope.views import View

COUNTED = "counted"
MISSING = "missing"
FAILED = "failed"
TIMED_OUT = "timed out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a peer counts more (positive) or less (negative) than archscope: the operator or module type behind it.

    ``calls`` counts its calls, for parameters its tensors.
    """

    what: str
    calls: int
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerResult:
    """One peer: its figures as it gives them, in multiply-accumulates, or why it has none (``detail``).

    ``macs_differences`` add to its MACs less ours, ``parameter_differences`` to its parameters less ours.
    """

    peer: str
    version: str
    status: str
    detail: str
    parameters: int | None
    macs: int | None
    milliseconds: int | None
    macs_differences: tuple[Difference, ...]
    parameter_differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Crosscheck(View):
    """A model by archscope and by every peer; ``verdict`` says in a sentence what all of it comes to."""

    model: str
    inputs: tuple[InputRecord, ...]
    parameters: int
    macs: int
    complete: bool
    milliseconds: int
    results: tuple[PeerResult, ...]
    verdict: str
