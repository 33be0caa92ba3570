"""What the benchmarks share: two things timed in turns in one run, and a table of ratios against their goals."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """``seconds`` of ``what`` against ``reference``; ``goal`` is the most of it, or with ``least`` the least."""

    what: str
    against: str
    seconds: float
    reference: float
    goal: float
    least: bool = False

    @property
    def value(self) -> float:
        """How many times the reference it takes; with ``least``, how many times it is faster."""
        return self.reference / self.seconds if self.least else self.seconds / self.reference

    @property
    def met(self) -> bool:
        """Whether the goal is met."""
        return self.value >= self.goal if self.least else self.value <= self.goal


def best(
    calls: dict[str, Callable[[], object]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """The shortest of ``rounds`` runs of each call, in seconds, taken in turns so that all see the same machine.

    ``clock`` may be ``time.process_time``, which is steadier on a busy machine for what runs in one thread.
    """
    shortest = dict.fromkeys(calls, float("inf"))
    for call in calls.values():
        call()  # imports and caches are filled before the first measured round
    for _ in range(rounds):
        for name, call in calls.items():
            start = clock()
            call()
            shortest[name] = min(shortest[name], clock() - start)
    return shortest


def show(title: str, ratios: list[Ratio]) -> bool:
    """Print a row per ratio; whether all goals are met."""
    print(f"\n{title}")
    for ratio in ratios:
        sign, unit = (">=", "x faster") if ratio.least else ("<=", "x")
        goal = f"{sign} {ratio.goal:g} {unit}"
        state = "" if ratio.met else "   MISSED"
        times = f"{1000 * ratio.seconds:.0f} ms / {1000 * ratio.reference:.0f} ms"
        print(f"  {ratio.what:44} against {ratio.against:44} {ratio.value:6.2f} (goal {goal})  {times}{state}")
    return all(ratio.met for ratio in ratios)
