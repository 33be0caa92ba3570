"""Tracing and analysing many models, against a bare meta forward, torch's counter and fvcore; large ones in memory.

Times are those of the process, so that what else runs on the machine does not count; everything runs on one thread.
"""

from __future__ import annotations

import cProfile
import json
import logging
import pstats
import resource
import statistics
import subprocess
import sys
import time
import warnings

import torch
from fvcore.nn import FlopCountAnalysis
from ratios import Ratio, best, show
from suite import NAMES, Subject, of_transformers, subject
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import archscope

ROUNDS = 3
MOST_MEMORY = 1.2  # GB, of the whole process
LLAMA = {
    "hidden_size": 16384,
    "intermediate_size": 53248,
    "num_hidden_layers": 126,
    "num_attention_heads": 128,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
}
SYNTHETIC = 25_000  # calls; as many again in the doubled one


def on_meta(name: str) -> list[Ratio]:
    """``name`` against a bare forward and against torch's counter."""
    found = subject(name)

    def counter() -> None:
        with FlopCounterMode(display=False):
            found.run()

    calls = {"ours": found.analyze, "bare": found.run, "counter": counter}
    seconds = best(calls, ROUNDS, clock=time.process_time)
    return [
        Ratio(what=name, against="a bare forward on meta", seconds=seconds["ours"], reference=seconds["bare"], goal=2),
        Ratio(
            what=name, against="FlopCounterMode on meta", seconds=seconds["ours"], reference=seconds["counter"], goal=2
        ),
    ]


# What fvcore can trace: it runs them for real, with one positional argument.
BY_FVCORE = (
    *("featherface-baseline", "featherface-v2", "resnet-50", "convnext-tiny", "mobilenet-v2", "regnet-y-4gf"),
    *("vit-b-16", "swin-tiny", "bert-base"),
)


def against_fvcore(name: str) -> list[Ratio]:
    """``name`` against fvcore, which runs it for real; a bare forward on meta beside it."""
    real, meta = subject(name, device="cpu"), subject(name)
    (given,) = (*real.inputs.args, *real.inputs.kwargs.values())
    calls = {
        "ours": meta.analyze,
        "bare": meta.run,
        "fvcore": lambda: FlopCountAnalysis(real.model, given).total(),
    }
    seconds = best(calls, 2, clock=time.process_time)
    return [
        Ratio(what=what, against=against, seconds=seconds[key], reference=seconds["fvcore"], goal=goal)
        for what, against, key, goal in (
            (name, "fvcore", "ours", 0.2),
            (f"{name}, a bare forward on meta alone", "fvcore (no goal)", "bare", float("inf")),
        )
    ]


class Synthetic(nn.Module):
    """20,000 modules, each called until ``calls`` operators ran."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.ReLU() for _ in range(20_000))
        self.calls = calls

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run the layers in turns."""
        for k in range(self.calls):
            x = self.layers[k % len(self.layers)](x)
        return x


def synthetic(calls: int) -> Subject:
    """The synthetic model that makes ``calls`` calls."""
    inputs = archscope.Inputs(args=(torch.empty(1, 8, device="meta"),))
    return Subject(name=f"{calls} calls", model=Synthetic(calls).eval(), inputs=inputs)


def llama() -> Subject:
    """Llama 3.1 405B at 2,048 tokens."""
    return of_transformers("llama-405b", "LlamaForCausalLM", LLAMA, {"input_ids": (1, 2048)})


def alone(what: str) -> dict[str, float]:
    """``what`` analysed in a process of its own: its seconds, those of a bare forward, and the peak memory in GB."""
    command = [sys.executable, __file__, what]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(found.stdout)
    return figures


def measure_alone(what: str) -> None:
    """What ``alone`` runs: print the figures as JSON."""
    found = llama() if what == "llama" else synthetic(int(what))
    calls = {"ours": found.analyze, "bare": found.run} if what == "llama" else {"ours": found.analyze}
    seconds = best(calls, 2, clock=time.process_time)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    sys.stdout.write(json.dumps({**seconds, "peak": peak}))


def show_large() -> None:
    """Print what the largest models take."""
    large, single, double = (alone(what) for what in ("llama", str(SYNTHETIC), str(2 * SYNTHETIC)))
    name = "Llama 3.1 405B, 2,048 tokens"
    against, again = "a bare forward on meta", f"{SYNTHETIC:,} calls"
    rows = [
        Ratio(what=name, against=against, seconds=large["ours"], reference=large["bare"], goal=1.6),
        Ratio(
            what=f"20,000 modules, {2 * SYNTHETIC:,} calls",
            against=again,
            seconds=double["ours"],
            reference=single["ours"],
            goal=2.2,
        ),
    ]
    show("Each in a process of its own", rows)
    for title, figures in ((name, large), (rows[1].what, double)):
        state = "" if figures["peak"] <= MOST_MEMORY else "   MISSED"
        print(f"  {title:44} peak memory {figures['peak']:.2f} GB (goal <= {MOST_MEMORY} GB){state}")


def median_of(rows: list[Ratio], against: str, goal: float) -> None:
    """Print the median of the ratios ``against`` something."""
    median = statistics.median(row.value for row in rows if row.against == against)
    print(f"  median against {against}: {median:.2f} (goal <= {goal:g}){'' if median <= goal else '   MISSED'}")


def main() -> None:
    """Time, print, and profile the worst model when a goal is missed."""
    logging.getLogger("fvcore.nn.jit_analysis").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    if len(sys.argv) > 1:
        measure_alone(sys.argv[1])
        return
    rows = [row for name in NAMES for row in on_meta(name)]
    met = show(f"{len(NAMES)} models, trace + analyze", rows)
    median_of(rows, "a bare forward on meta", 1.3)
    median_of(rows, "FlopCounterMode on meta", 1.0)
    by_fvcore = [row for name in BY_FVCORE for row in against_fvcore(name)]
    show("Models that fvcore can run, trace + analyze", by_fvcore)
    median_of(by_fvcore, "fvcore", 0.2)
    median_of(by_fvcore, "fvcore (no goal)", float("inf"))
    show_large()
    if not met:
        profile = cProfile.Profile()
        worst = subject(max(rows, key=lambda row: row.value).what)
        profile.runcall(worst.analyze)
        pstats.Stats(profile).sort_stats("tottime").print_stats(20)


if __name__ == "__main__":
    main()
