"""How other counters count, as rules that are applied to archscope's own trace."""

from archscope.judge.conventions.convention import Convention, ConventionRow, ConventionTotal, Missed, Use, apply
from archscope.judge.conventions.deepspeed import DEEPSPEED
from archscope.judge.conventions.fvcore import FVCORE
from archscope.judge.conventions.own import FLOPS, MACS
from archscope.judge.conventions.ptflops import PTFLOPS_ATEN
from archscope.judge.conventions.thop import THOP
from archscope.judge.conventions.torch_counter import TORCH

CONVENTIONS = (MACS, FLOPS, FVCORE, THOP, TORCH)

__all__ = [
    "CONVENTIONS",
    "DEEPSPEED",
    "FLOPS",
    "FVCORE",
    "MACS",
    "PTFLOPS_ATEN",
    "THOP",
    "TORCH",
    "Convention",
    "ConventionRow",
    "ConventionTotal",
    "Missed",
    "Use",
    "apply",
]
