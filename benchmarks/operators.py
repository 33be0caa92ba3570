"""Every sample of every operator of torch's own test database: the figures on meta against those on the CPU.

    python benchmarks/operators.py [--samples 40] [--dtype float32] [NAME ...]

Prints the operators whose figures differ, with the first difference of each, and how many were compared.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

import torch

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))


def main() -> None:
    """Compare, print, and exit with 1 when anything differs."""
    from op_samples import Compared, compared, full_name
    from torch.testing._internal.common_methods_invocations import op_db

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of operators' names; all when none is given")
    parser.add_argument("--samples", type=int, default=40)
    parser.add_argument("--dtype", default="float32")
    options = parser.parse_args()
    torch.set_num_threads(1)
    start, tally = time.monotonic(), Counter[str]()
    first: dict[str, Compared] = {}
    refused: set[str] = set()
    for op in op_db:
        if options.names and not any(name in full_name(op) for name in options.names):
            continue
        runs = list(compared(op, options.samples, getattr(torch, options.dtype)))
        tally["operators"] += bool(runs)
        for seen in runs:
            tally["runs compared" if not seen.refusal else "runs refused"] += 1
            if seen.refusal:
                refused.add(seen.op)
            if seen.differences:
                tally["runs that differ"] += 1
                first.setdefault(seen.op, seen)
    for name, seen in first.items():
        figures = ", ".join(f"{what} {meta:,} on meta, {cpu:,} on the CPU" for what, meta, cpu in seen.differences)
        print(f"  {name}, sample {seen.sample}, gradients {seen.gradients or 'of none'}: {figures}")
    print(f"{dict(tally)} in {time.monotonic() - start:.0f} s")
    print(f"not on meta, for some samples at least: {', '.join(sorted(refused)) or 'none'}")
    sys.exit(bool(first))


if __name__ == "__main__":
    main()
