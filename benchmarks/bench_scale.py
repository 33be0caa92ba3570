"""How long a law of size takes against one report, and 10,000 figures from it against measuring each."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import archscope


def seconds(work: Callable[[], object]) -> float:
    """The least processor time of three."""
    times = []
    for _ in range(3):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    """Print the ratios for the detector of the zoo, over one dimension and over two."""
    spec = archscope.load("featherface-baseline")
    one = seconds(lambda: archscope.analyze(spec))
    ranges = {"size": range(320, 1281, 32), "batch": range(1, 401)}
    for names in (["size"], ["size", "batch"]):
        over = {name: ranges[name] for name in names}
        taken = seconds(lambda over=over: archscope.scale(spec, over=over))
        law = archscope.scale(spec, over=over)
        chosen = random.Random(0)  # noqa: S311 - no secret
        columns = {name: [chosen.choice(ranges[name]) for _ in range(10_000)] for name in names}
        many = seconds(lambda law=law, columns=columns: law.values("macs", **columns))
        print(f"{' and '.join(names)}: {law.runs} runs, {taken / one:.1f} x one report;", end=" ")
        print(f"10,000 sizes in {many:.3f} s, {10_000 * one / many:,.0f} x faster than reports of each")


if __name__ == "__main__":
    main()
