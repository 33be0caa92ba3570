"""Whole processes: starting archscope against importing torch, and an analysis against the least that one takes."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

from ratios import Ratio, best, show

COMMAND = str(Path(sysconfig.get_path("scripts")) / "archscope")
BARE = """
import torch
from archscope.models.featherface.config import BASELINE
from archscope.models.featherface.model import FeatherFace
with torch.device("meta"), torch.no_grad():
    FeatherFace(BASELINE).eval()(torch.empty(1, 3, 640, 640))
"""
ANALYZE = [COMMAND, "analyze", "featherface-baseline", "--json", "-"]
ROUNDS = 7


def process(*command: str) -> Callable[[], None]:
    """A call that runs ``command`` to its end."""
    return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL) and None


def main() -> None:
    """Time, print, and say what is imported when a goal is missed."""
    seconds = best(
        {
            "help": process(COMMAND, "--help"),
            "torch": process(sys.executable, "-c", "import torch"),
            "analyze": process(*ANALYZE),
            "bare": process(sys.executable, "-c", BARE),
        },
        ROUNDS,
    )
    met = show(
        "whole processes",
        [
            Ratio(
                what="archscope --help",
                against="python -c 'import torch'",
                seconds=seconds["help"],
                reference=seconds["torch"],
                goal=0.25,
            ),
            Ratio(
                what="archscope analyze featherface-baseline --json -",
                against="import torch, build, one bare meta forward",
                seconds=seconds["analyze"],
                reference=seconds["bare"],
                goal=1.25,
            ),
        ],
    )
    if not met:
        _show_imports(ANALYZE)


def _show_imports(command: list[str]) -> None:
    """The 15 modules that take longest to import, in microseconds, themselves and with what they import."""
    run = subprocess.run(
        [sys.executable, "-X", "importtime", *command],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines = [line for line in run.stderr.splitlines() if line.startswith("import time:") and "cumulative" not in line]
    print("\nself [us] | cumulative | module")
    print("\n".join(sorted(lines, key=lambda line: -int(line.split(":")[1].split("|")[0]))[:15]))


if __name__ == "__main__":
    main()
