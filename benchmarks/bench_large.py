"""Models that fit no machine: Llama-3-405B by its shapes, synthetic ones of 20,000 modules and 50,000 calls."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
import warnings

import torch
from ratios import Ratio, best, show
from torch import nn

import archscope

MEMORY = 1.2e9  # bytes that a whole process may take at its peak
TOKENS = 2048


def llama() -> nn.Module:
    """The sizes of the published config of Llama-3-405B (126 layers, 16,384 wide), on meta."""
    from transformers import AutoModelForCausalLM, LlamaConfig

    config = LlamaConfig(
        hidden_size=16384,
        intermediate_size=53248,
        num_hidden_layers=126,
        num_attention_heads=128,
        num_key_value_heads=8,
        vocab_size=128256,
        max_position_embeddings=8192,
        rope_theta=500000.0,
    )
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config).eval()


class Block(nn.Module):
    """Five modules, thirteen calls."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.first = nn.Linear(8, 8)
        self.act = nn.ReLU()
        self.second = nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """A residual block, with what makes its calls thirteen."""
        y = self.second(self.act(self.first(self.norm(x))))
        return x + (((y * 2).tanh() - 1).sigmoid() + 1).abs()


def synthetic(blocks: int) -> nn.Module:
    """``blocks`` x 5 modules."""
    with torch.device("meta"):
        return nn.Sequential(*(Block() for _ in range(blocks))).eval()


def peak() -> int:
    """The most memory this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run_llama() -> None:
    """In a process of its own: times, figures and the peak."""
    model = llama()
    inputs = archscope.Inputs(kwargs={"input_ids": torch.ones(1, TOKENS, dtype=torch.long, device="meta")})

    def bare() -> None:
        with torch.no_grad():
            model(**inputs.kwargs)

    reports = []
    times = best({"ours": lambda: reports.append(archscope.analyze(model, inputs)), "bare": bare}, 3)
    totals = reports[0].totals
    print(f"parameters {totals.parameters:,}  macs {totals.macs:,}  complete {totals.complete}")
    print(f"peak {peak() / 1e9:.2f} GB")
    what = f"Llama-3-405B shapes, {TOKENS} tokens"
    met = show(what, [
        Ratio(what="trace + analyze", against="bare forward", seconds=times["ours"], reference=times["bare"], goal=1.6),
        Ratio(what="peak memory of the process", against="1.2 GB", seconds=peak(), reference=MEMORY, goal=1),
    ])  # fmt: skip
    sys.exit(not met)


def run_synthetic() -> None:
    """In a process of its own: the time for each doubling of the calls."""
    taken = {}
    for blocks in (1000, 2000, 4000):
        model = synthetic(blocks)
        x = torch.empty(1, 8, device="meta")
        archscope.analyze(synthetic(10), x)
        shortest = float("inf")
        for _ in range(2):
            start = time.perf_counter()
            report = archscope.analyze(model, x)
            shortest = min(shortest, time.perf_counter() - start)
        calls = sum(row.calls for row in report.operators)
        taken[blocks] = shortest
        each = 1e6 * shortest / calls
        print(f"{len(report.modules):6} modules {calls:6} calls  {shortest:6.2f} s  {each:5.0f} us a call")
    print(f"peak {peak() / 1e9:.2f} GB")
    met = show("Synthetic models, time for twice the calls", [
        Ratio(what="2,000 blocks", against="1,000 blocks", seconds=taken[2000], reference=taken[1000], goal=2.4),
        Ratio(what="4,000 blocks", against="2,000 blocks", seconds=taken[4000], reference=taken[2000], goal=2.4),
        Ratio(what="peak memory of the process", against="1.2 GB", seconds=peak(), reference=MEMORY, goal=1),
    ])  # fmt: skip
    sys.exit(not met)


def main() -> None:
    """Each in a process of its own, so that each has its own peak."""
    warnings.simplefilter("ignore")
    runs = {"llama": run_llama, "synthetic": run_synthetic}
    if len(sys.argv) > 1:
        return runs[sys.argv[1]]()
    results = [subprocess.run([sys.executable, __file__, name], check=False).returncode for name in runs]
    return sys.exit(any(results))


if __name__ == "__main__":
    main()
