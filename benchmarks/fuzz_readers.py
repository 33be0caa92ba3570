"""Fuzzing of every reader of archscope: what it does with broken and hostile input, how long, and in how much memory.

    python benchmarks/fuzz_readers.py [--inputs 100000] [--start 0] [--seed 0] [--seconds 600] [--only .pt2 .pt/.pth]

Inputs are good ones, changed at random (tests/helpers/hostile_files.py). For each reader: the inputs, how many of them
were taken, errors by class, the longest time (of this process) and the most memory that one input took. Anything
raised but ArchscopeError is a fault, and so are 5 s or 200 MB: they are listed with the number of their input, which
with the seed gives it again. Exit 1 when there is a fault. Memory is read from /proc, so this runs on Linux.
"""

from __future__ import annotations

import argparse
import logging
import math
import random
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "helpers"))

from hostile_files import Reader, readers

from archscope.errors import ArchscopeError

SECONDS, BYTES = 5.0, 200_000_000
PATIENCE = 20  # seconds of this process after which a reader counts as hanging


@dataclass
class Tally:
    """What came of one reader."""

    inputs: int = 0
    taken: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    longest: float = 0.0
    largest: int = 0
    faults: list[str] = field(default_factory=list)


class HangError(BaseException):
    """Too long; not an Exception, so that no reader takes it for its own."""


def _hang(_signal: int, _frame: Any) -> None:
    raise HangError


def memory(name: str) -> int:
    """``VmHWM`` or ``VmRSS`` of this process in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {name} in /proc/self/status")


def fuzz(reader: Reader, inputs: int, seed: int, *, start: int = 0, seconds: float = math.inf) -> Tally:
    """Hand ``inputs`` inputs to ``reader``, or as many as it takes within ``seconds``."""
    tally, end = Tally(), time.monotonic() + seconds
    for number in range(start, start + inputs):
        if time.monotonic() > end:
            break
        made = reader.make(random.Random(f"{seed}-{number}"))  # noqa: S311 - not for secrets
        Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
        before, began = memory("VmRSS"), time.process_time()
        signal.setitimer(signal.ITIMER_PROF, PATIENCE)
        fault = ""
        try:
            reader.read(made)
            tally.taken += 1
        except ArchscopeError as error:
            tally.errors[type(error).__name__] += 1
        except (Exception, HangError) as error:  # noqa: BLE001 - this is what is looked for
            tally.errors[type(error).__name__] += 1
            frame = traceback.extract_tb(error.__traceback__)[-1]
            fault = f"{type(error).__name__}: {str(error)[:100]!r} at {Path(frame.filename).name}:{frame.lineno}"
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        spent, grown = time.process_time() - began, max(memory("VmHWM") - before, 0)
        tally.inputs += 1
        tally.longest, tally.largest = max(tally.longest, spent), max(tally.largest, grown)
        if spent > SECONDS or grown > BYTES:
            fault = fault or f"{spent:.1f} s, {grown / 1e6:.0f} MB"
        if fault:
            tally.faults.append(f"input {number}: {fault}")
    return tally


def main() -> int:
    """Print the table, then the faults."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=math.inf, help="the most for each reader")
    parser.add_argument("--only", nargs="*", default=[])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGPROF, _hang)
    failed = False
    print("| reader | inputs | taken | errors by class | longest | largest |\n|:--|--:|--:|:--|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        for name, reader in readers(folder).items():
            if arguments.only and name not in arguments.only:
                continue
            for _ in range(2):  # the first inputs load libraries, which is not what they cost
                fuzz(reader, 20, arguments.seed + 1)
            tally = fuzz(reader, arguments.inputs, arguments.seed, start=arguments.start, seconds=arguments.seconds)
            errors = ", ".join(f"{kind} {count:,}" for kind, count in tally.errors.most_common())
            print(
                f"| {name} | {tally.inputs:,} | {tally.taken:,} | {errors} | {tally.longest:.2f} s"
                f" | {tally.largest / 1e6:.0f} MB |",
                flush=True,
            )
            for fault in tally.faults[:20]:
                print(f"  {name}: {fault}", file=sys.stderr, flush=True)
            failed = failed or bool(tally.faults)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
