"""Does a teacher help V2? Baseline, V2 alone and V2 distilled, trained alike on the small set, with several seeds.

    python benchmarks/study_distillation.py WORK [--seeds 3] [--epochs 40] [--batch 16] [--size 128]

WORK gets the data, a folder for each training, and results.json; what is there already is not done again, so that the
study can be cut and called anew. Each V2 learns from the baseline of its own seed. All take the same number of steps.
Prints the average precisions of each: mean, lowest and highest. It wants a quiet machine, and some hours of two cores.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

LISTS = ("easy", "medium", "hard")
KINDS = ("baseline", "v2 alone", "v2 distilled")


def main() -> None:
    """Train, evaluate, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=480)
    for name, usual in (("epochs", 40), ("batch", 16), ("size", 128)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    asked = parser.parse_args()
    data = asked.work / "data"
    if not data.exists():
        archscope("faces", "make", data, "--training", asked.pictures, "--validation", max(1, asked.pictures // 4))
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    for seed in range(asked.seeds):
        for kind in KINDS:
            found[kind].append(one(asked, data, kind, seed))
            print(f"seed {seed}, {kind}: {found[kind][-1]}", flush=True)
    (asked.work / "results.json").write_text(json.dumps(found, indent=1) + "\n")
    for kind, results in found.items():
        print(f"{kind:14}" + "".join(f"  {name} {spread([one[name] for one in results])}" for name in LISTS))


def one(asked: argparse.Namespace, data: Path, kind: str, seed: int) -> dict[str, float]:
    """The average precisions of one training, which is done unless it was."""
    model = kind.split(maxsplit=1)[0]
    out = asked.work / f"{kind.replace(' ', '-')}-{seed}"
    if not (out / "weights.pt").exists():
        words = ["train", f"zoo:{model}", "--data", data, "--out", out, "--seed", seed, "--resume"]
        words += ["--epochs", asked.epochs, "--batch", asked.batch, "--size", asked.size]
        words += ["--rate", 4e-3, "--schedule", "cosine"]
        if kind == "v2 distilled":
            words += ["--teacher", asked.work / f"baseline-{seed}" / "weights.pt"]
        archscope(*words)
    told = archscope("evaluate", f"zoo:{model}", "--weights", out / "weights.pt", "--data", data, "--json", "-")
    result = json.loads(told)
    return {name: result[name]["ap"] for name in LISTS}


def archscope(*words: object) -> str:
    """What the command says on stdout."""
    code = "from archscope.cli import main; main()"
    run = subprocess.run([sys.executable, "-c", code, *map(str, words)], check=True, stdout=subprocess.PIPE, text=True)
    return run.stdout


def spread(values: list[float]) -> str:
    """Mean, lowest and highest, in percent."""
    return f"{100 * statistics.mean(values):5.1f} % ({100 * min(values):.1f} ... {100 * max(values):.1f})"


if __name__ == "__main__":
    main()
