"""Measure many models of timm and torchvision, and hold the figures against the published ones.

Run where both libraries are installed: ``python benchmarks/libraries.py --timm 100 --torchvision 80 [--json FILE]``.
Models are taken evenly from the sorted list of names. torchvision publishes GMACs with its weights (``meta["_ops"]``);
classification models are held against them.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from pathlib import Path
from typing import Any

import timm
import torchvision

import archscope


def measure(source: str) -> dict[str, Any]:
    """One model: its figures, or the error that it ended with."""
    start = time.perf_counter()
    row: dict[str, Any] = {"source": source}
    try:
        report = archscope.analyze(archscope.load(source))
    except Exception as error:  # noqa: BLE001 - a crash is what this looks for
        row["error"] = f"{type(error).__name__}: {str(error)[:300]}"
    else:
        row["parameters"] = report.totals.parameters
        row["macs"] = report.totals.macs
        row["device"] = report.model.device
        row["fallback"] = report.model.fallback
        row["uncounted"] = [operator.op for operator in report.uncounted]
    row["seconds"] = round(time.perf_counter() - start, 2)
    return row


def evenly(names: list[str], count: int) -> list[str]:
    """``count`` of ``names``, spread over the whole list."""
    count = min(count, len(names))
    return [names[index * len(names) // count] for index in range(count)]


def published(name: str) -> tuple[int, float] | None:
    """Parameters and GMACs that torchvision publishes for the weights with the smallest crop."""
    weights = list(torchvision.models.get_model_weights(name))
    if not weights:
        return None
    smallest = min(weights, key=lambda member: getattr(member.transforms(), "crop_size", [0])[0])
    return smallest.meta["num_params"], smallest.meta["_ops"]


def main() -> None:
    """Measure, then tell what happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--timm", type=int, default=100)
    parser.add_argument("--torchvision", type=int, default=80)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = [measure(f"timm:{name}") for name in evenly(sorted(timm.list_models()), options.timm)]
    classification = torchvision.models.list_models(module=torchvision.models)
    others = [name for name in torchvision.models.list_models() if name not in classification]
    for name in [*classification, *others][: options.torchvision]:
        row = measure(f"torchvision:{name}")
        known = published(name) if name in classification else None
        if known and "macs" in row:
            row["published_parameters"], row["published_gmacs"] = known
        rows.append(row)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    for library in ("timm", "torchvision"):
        tell(library, [row for row in rows if row["source"].startswith(f"{library}:")])
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


def close(measured: float, known: float) -> bool:
    """Within 1 %, or within the rounding of what is published (three decimals)."""
    return abs(measured - known) <= max(0.01 * known, 0.0005)


def tell(library: str, rows: list[dict[str, Any]]) -> None:
    """Print the tallies of one library."""
    if not rows:
        return
    crashed = [row for row in rows if "error" in row]
    median = statistics.median(row["seconds"] for row in rows)
    print(f"{library}: {len(rows)} models, {len(crashed)} crashed, median {median:.2f} s")
    for row in crashed:
        print(f"  CRASH {row['source']}: {row['error']}")
    for row in rows:
        if row.get("fallback"):
            print(f"  on the CPU: {row['source']}: {row['fallback'][:100]}")
    uncounted = sorted({op for row in rows for op in row.get("uncounted", ())})
    print(f"  with uncounted operators: {sum(bool(row.get('uncounted')) for row in rows)} {uncounted}")
    held = [row for row in rows if "published_gmacs" in row]
    off = [row for row in held if not close(row["macs"] / 1e9, row["published_gmacs"])]
    right = [row for row in held if row["parameters"] == row["published_parameters"]]
    if held:
        print(f"  within 1 % of the published GMACs: {len(held) - len(off)} of {len(held)}")
        print(f"  parameters as published: {len(right)} of {len(held)}")
    for row in off:
        print(f"  OFF {row['source']}: {row['macs'] / 1e9:.3f} against {row['published_gmacs']}")


if __name__ == "__main__":
    main()
