"""Where the command begins: Ctrl-C is heard before the rest is loaded."""

from __future__ import annotations

from archscope.interrupts import interrupts_leave

interrupts_leave()


def main() -> None:
    """Run the command that the words of the call name."""
    from archscope.cli import main as door

    door()
