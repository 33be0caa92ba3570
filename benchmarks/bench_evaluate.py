"""How long does the WIDER FACE protocol take on a validation set of the real size? It may take 60 seconds.

    python benchmarks/bench_evaluate.py [--boxes 300]

3,226 pictures in 61 events with 39,708 faces, 31,958 of which count as hard; ``--boxes`` predictions on each picture,
drawn around its faces and anywhere. What is timed is the command, from prediction files to the figures.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from archscope.faces.ground_truth import Picture, write_ground_truth
from archscope.faces.predictions import prediction_text

PICTURES, EVENTS, FACES = 3226, 61, 39_708
COUNTED = {"easy": 7_211, "medium": 13_319, "hard": 31_958}
LIMIT = 60  # seconds


def main() -> None:
    """Print the time; exit 1 when it is over the limit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--boxes", type=int, default=300)
    count = parser.parse_args().boxes
    with tempfile.TemporaryDirectory() as folder:
        made = make_set(Path(folder), count)
        words = ["evaluate", "--predictions", "found", "--ground-truth", "truth", "--json", "-"]
        start = time.perf_counter()
        code = f"from archscope.cli import main; main({words})"
        run = subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True, text=True)
        seconds = time.perf_counter() - start
    result = json.loads(run.stdout)
    points = ", ".join(f"{name} {result[name]['ap']:.4f} of {result[name]['faces']:,}" for name in COUNTED)
    print(f"{seconds:.1f} s (limit {LIMIT} s) for {made:,} predictions on {PICTURES:,} pictures: {points}")
    sys.exit(seconds > LIMIT)


def make_set(folder: Path, count: int) -> int:
    """Write ground truth and prediction files; the number of predictions."""
    generator = np.random.default_rng(0)
    owner = np.sort(np.concatenate((np.arange(PICTURES), generator.integers(PICTURES, size=FACES - PICTURES))))
    sizes = np.exp(generator.uniform(2, 5, (FACES, 2)))
    boxes = np.round(np.concatenate((generator.uniform(0, 900, (FACES, 2)), sizes), 1))
    chosen = {name: np.isin(np.arange(FACES), generator.permutation(FACES)[:total]) for name, total in COUNTED.items()}
    pictures, made = [], 0
    for number in range(PICTURES):
        (mine,) = np.nonzero(owner == number)
        counted = {name: np.nonzero(mask[mine])[0] for name, mask in chosen.items()}
        picture = Picture(event=f"{number % EVENTS}--Event", name=f"{number}", boxes=boxes[mine], counted=counted)
        pictures.append(picture)
        near = boxes[generator.choice(mine, count)] + generator.normal(0, 6, (count, 4))
        found = np.concatenate((near, generator.uniform(0, 1, (count, 1))), 1)
        file = folder / "found" / f"{picture.path}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(prediction_text(picture.name, np.round(found, 3)))
        made += count
    write_ground_truth(folder / "truth", tuple(pictures))
    return made


if __name__ == "__main__":
    main()
