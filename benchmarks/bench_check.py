"""A check of a saved report, as a whole process, against importing torch: a gate in CI must not wait for it."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from ratios import Ratio, best, show

COMMAND = str(Path(sysconfig.get_path("scripts")) / "archscope")
ROUNDS = 7


def main() -> None:
    """Save a report of the baseline, then time."""
    with tempfile.TemporaryDirectory() as folder:
        saved = str(Path(folder) / "baseline.json")
        subprocess.run([COMMAND, "analyze", "featherface-baseline", "--json", saved], check=True, capture_output=True)
        check = [COMMAND, "check", saved, "--max-params", "0.6M", "--max-macs", "1.3G"]
        seconds = best(
            {
                "check": lambda: subprocess.run(check, check=True, capture_output=True),
                "torch": lambda: subprocess.run([sys.executable, "-c", "import torch"], check=True),
            },
            ROUNDS,
        )
    show(
        "a gate on a saved report",
        [
            Ratio(
                what="archscope check baseline.json --max-params ...",
                against="python -c 'import torch'",
                seconds=seconds["check"],
                reference=seconds["torch"],
                goal=0.5,
            )
        ],
    )


if __name__ == "__main__":
    main()
