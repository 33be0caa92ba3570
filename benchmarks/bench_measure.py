"""Tracing and analysing the baseline, against a bare meta forward, fvcore and torch's own counter."""

from __future__ import annotations

import cProfile
import logging
import pstats
import time

import torch
from fvcore.nn import FlopCountAnalysis
from ratios import Ratio, best, show
from torch.utils.flop_counter import FlopCounterMode

import archscope

SPEC = archscope.load("featherface-baseline")
ROUNDS = 25


def main() -> None:
    """Time, print, and profile when a goal is missed."""
    logging.getLogger("fvcore.nn.jit_analysis").setLevel(logging.ERROR)
    with torch.device("meta"):
        model = SPEC.build().eval()
        image = torch.empty(SPEC.inputs[0].shape)
    real = SPEC.build().eval()
    pixels = torch.zeros(SPEC.inputs[0].shape)

    def ours() -> archscope.Report:
        return archscope.analyze(model, image)

    def bare() -> None:
        with torch.no_grad():
            model(image)

    def counter() -> None:
        with torch.no_grad(), FlopCounterMode(display=False):
            model(image)

    def fvcore() -> None:
        FlopCountAnalysis(real, pixels).total()

    quick = best({"ours": ours, "bare": bare, "counter": counter}, ROUNDS, time.process_time)
    slow = best({"fvcore": fvcore}, 3)
    what = "trace + analyze"
    met = show(
        "featherface-baseline, 1x3x640x640, one process",
        [
            Ratio(
                what=what, against="a bare forward on meta", seconds=quick["ours"], reference=quick["bare"], goal=1.3
            ),
            Ratio(
                what=what, against="FlopCounterMode on meta", seconds=quick["ours"], reference=quick["counter"], goal=1
            ),
            Ratio(what=what, against="fvcore", seconds=quick["ours"], reference=slow["fvcore"], goal=5, least=True),
        ],
    )
    if not met:
        profile = cProfile.Profile()
        profile.runcall(ours)
        pstats.Stats(profile).sort_stats("tottime").print_stats(20)


if __name__ == "__main__":
    main()
