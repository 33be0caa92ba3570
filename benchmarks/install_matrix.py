"""Installs the built wheel into bare environments, one for each Python and torch, and tries the commands there.

    python benchmarks/install_matrix.py dist/*.whl --python python3.11 --python python3.13 --torch 2.6.0 --torch newest

Each environment is made anew in a temporary folder and removed afterwards; a torch for GPUs takes up to 7 GB there
while it is tried. Exits 1 when an installation or a command fails, or a figure differs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

NET = """
from torch import nn
Net = lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10))
"""
#: What is typed, with the exit code that it must have.
COMMANDS = (
    (("analyze", "featherface-baseline", "--json", "report.json"), 0),
    (("analyze", "net.py:Net", "--input", "1x3x8x8", "--html", "net.html"), 0),
    (("compare", "baseline", "v2"), 0),
    (("check", "v2", "--max-params", "<0.25M", "--max-macs", "0.7G"), 0),
    (("check", "report.json", "--max-params", "0.25M"), 1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of one environment; ``fault`` is empty where everything was as it should be."""

    python: str
    torch: str
    seconds: int
    fault: str


def run(words: list[str], where: Path, code: int = 0) -> str:
    """The output of a command; a RuntimeError with what it said when it leaves with another code."""
    done = subprocess.run(words, cwd=where, capture_output=True, text=True, check=False)
    if done.returncode != code:
        said = "\n".join(f"{done.stdout}{done.stderr}".splitlines()[-20:])
        raise RuntimeError(f"{' '.join(words)}: exit {done.returncode}, not {code}\n{said}")
    return done.stdout


def tried(python: str, torch: str, built: Path) -> Tried:
    """One environment: installed, asked for its versions, its commands run."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found, fault = [python, torch], ""
        try:
            run([python, "-m", "venv", "env"], folder)
            tools = folder / "env" / "bin"
            wanted = "torch" if torch == "newest" else f"torch=={torch}"
            run([str(tools / "python"), "-m", "pip", "install", "--no-cache-dir", str(built), wanted], folder)
            run([str(tools / "python"), "-m", "pip", "check"], folder)
            ask = "import platform, torch; print(platform.python_version(), torch.__version__)"
            found = run([str(tools / "python"), "-c", ask], folder).split()
            commands(str(tools / "archscope"), folder)
        except (RuntimeError, OSError) as error:
            fault = str(error)
        return Tried(python=found[0], torch=found[1], seconds=round(time.monotonic() - start), fault=fault)


def commands(archscope: str, folder: Path) -> None:
    """Run each command and hold the figures of two against what is known of them."""
    (folder / "net.py").write_text(NET)
    said = [run([archscope, *words], folder, code) for words, code in COMMANDS]
    totals = json.loads((folder / "report.json").read_text())["totals"]
    if (totals["parameters"], totals["macs"]) != (592_371, 1_243_802_176):
        raise RuntimeError(f"the baseline has other figures: {totals}")
    # 3 x 9 x 8 + 8 + 288 x 10 + 10 parameters; 27 x 8 x 36 + 2,880 MACs.
    if "3,114" not in said[1] or "10,656" not in said[1]:
        raise RuntimeError(f"the network has other figures:\n{said[1]}")


def main() -> int:
    """Try every pair and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--python", action="append", required=True, help="an interpreter; may repeat")
    parser.add_argument("--torch", action="append", required=True, help="a version, or 'newest'; may repeat")
    given = parser.parse_args()
    built = given.wheel.resolve()
    print(f"{built.name}\n\n| Python | torch | seconds | |\n|:--|:--|--:|:--|")
    rows = []
    for python in given.python:
        for torch in given.torch:
            row = tried(python, torch, built)
            first = row.fault.splitlines()[0] if row.fault else "works"
            print(f"| {row.python} | {row.torch} | {row.seconds} | {first} |", flush=True)
            rows.append(row)
    faults = [row.fault for row in rows if row.fault]
    print("\n".join(["", *faults]), file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
