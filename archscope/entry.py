"""The console script's entry point: handles Ctrl-C before the rest of the package is loaded."""

from __future__ import annotations

from archscope.interrupts import interrupts_leave

interrupts_leave()


def main() -> None:
    """Run the command that the words of the call name."""
    from archscope.cli import main as door

    door()
