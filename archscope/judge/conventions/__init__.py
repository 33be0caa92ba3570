"""How other counters count, restated as rules over archscope's own trace."""

from archscope.judge.conventions.convention import Convention, ConventionRow, ConventionTotal, Missed, Use, apply
from archscope.judge.conventions.thop import THOP

CONVENTIONS = (THOP,)

__all__ = [
    "CONVENTIONS",
    "THOP",
    "Convention",
    "ConventionRow",
    "ConventionTotal",
    "Missed",
    "Use",
    "apply",
]
