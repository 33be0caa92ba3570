"""Laws of size held against fresh measurements at 20 random sizes each, for networks of every kind; prints a table.

Those of torchvision and transformers are taken where these are installed. ``survey_scale.py NAME...`` runs some.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import nn

import archscope
from archscope.api.given import given
from archscope.errors import ArchscopeError
from archscope.judge.scaling.scale import Scaler
from archscope.results.scaling import Scaling

LLAMA_405B = {
    "hidden_size": 16384,
    "intermediate_size": 53248,
    "num_hidden_layers": 126,
    "num_attention_heads": 128,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
}
TOKENS = {"sequence": range(1, 513), "batch": range(1, 9)}
NETWORKS: dict[str, tuple[str, dict[str, object], Mapping[str, range]]] = {
    "baseline": ("featherface-baseline", {}, {"size": range(320, 1281, 32), "batch": range(1, 9)}),
    "v2": ("featherface-v2", {}, {"size": range(320, 1281, 32), "batch": range(1, 9)}),
    "resnet50": ("torchvision:resnet50", {}, {"size": range(64, 513)}),
    "mobilenet": ("torchvision:mobilenet_v3_small", {}, {"size": range(64, 513)}),
    "swin": ("torchvision:swin_t", {}, {"size": range(224, 1569, 32)}),
    "vit": ("torchvision:vit_b_16", {}, {"batch": range(1, 65)}),
    "gpt2": ("hf:GPT2LMHeadModel", {}, {"sequence": range(1, 1025), "batch": range(1, 9)}),
    "llama-405b": ("hf:LlamaForCausalLM", LLAMA_405B, {"sequence": range(1024, 131073, 1024)}),
    "mixtral": ("hf:MixtralForCausalLM", {"num_hidden_layers": 4}, TOKENS),
    "t5": ("hf:T5ForConditionalGeneration", {}, TOKENS),
}


class UNet(nn.Module):
    """Three levels down and up again, with the features of each level joined on the way up."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 16, 32, 64)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths))
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, b // 2, 2, 2) for b in (64, 32))
        self.join = nn.ModuleList(nn.Conv2d(b, b // 2, 3, padding=1) for b in (64, 32))
        self.head = nn.Conv2d(16, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of 2 classes at every pixel of an image whose sides are multiples of 4."""
        skips = []
        for place, layer in enumerate(self.down):
            x = layer(x if not place else nn.functional.max_pool2d(x, 2)).relu()
            skips.append(x)
        for place, (up, join) in enumerate(zip(self.up, self.join, strict=True)):
            x = join(torch.cat([up(x), skips[-2 - place]], 1)).relu()
        return self.head(x)


class Branching(nn.Module):
    """Another layer from 40 tokens on, and one step more for every third length."""

    def __init__(self) -> None:
        super().__init__()
        self.short, self.long = nn.Linear(32, 32), nn.Linear(32, 96)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features of (batch, sequence, 32)."""
        x = self.short(x) if x.shape[1] < 40 else self.long(x)[..., :32]
        return self.short(x) if x.shape[1] % 3 == 0 else x


OWN = {
    "u-net": (UNet, "1x3x64x64", {"size": range(32, 513, 4), "batch": range(1, 9)}),
    "lstm": (lambda: nn.LSTM(32, 64, 2, batch_first=True), "1x16x32", TOKENS),
    "branching": (Branching, "1x16x32", TOKENS),
}


def wrong(scaler: Scaler, law: Scaling, sizes: dict[str, int]) -> tuple[int, int]:
    """How many figures of the law are not those of a fresh measurement at ``sizes``, and how many have no formula."""
    report, found = scaler.report(sizes), law.at(**sizes)
    if found is None:
        return 0, 1
    pairs = [(report.totals.figures, found.totals.figures)]
    pairs += [(one.figures, two.figures) for one, two in zip(report.components, found.components, strict=True)]
    pairs += [(one.own, two.own) for one, two in zip(report.modules, found.modules, strict=True)]
    both = [(value, told[name]) for seen, told in pairs for name, value in seen.items() if name in told]
    known = [(value, told) for value, told in both if value is not None]
    return sum(told not in {None, value} for value, told in known), sum(told is None for _, told in known)


def main() -> None:
    """Print for each network its runs, the seconds of the law and of one report, and what 20 random sizes say."""
    print(f"{'network':12} runs pieces  law s  report s  wrong  no formula")
    for name, (source, options, over) in NETWORKS.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        try:
            survey(name, archscope.load(source, **options), None, over)
        except ArchscopeError as error:
            print(f"{name:12} left out: {error.what}")
    for name, (build, shape, over) in OWN.items():
        if not sys.argv[1:] or name in sys.argv[1:]:
            survey(name, build(), shape, over)


def survey(name: str, model: archscope.ModelSpec | nn.Module, shape: str | None, over: Mapping[str, range]) -> None:
    """Print the row of one network."""
    start = time.process_time()
    archscope.analyze(model, shape)
    one = time.process_time() - start
    start = time.process_time()
    scaler = Scaler(model, given(shape, (), {}), over=over)
    law = scaler.law()
    taken = time.process_time() - start
    chosen = random.Random(name)  # noqa: S311 - no secret
    points = [{dim.name: chosen.choice(dim.values) for dim in law.dimensions} for _ in range(20)]
    counts = [wrong(scaler, law, sizes) for sizes in points]
    print(
        f"{name:12} {law.runs:4} {len(law.laws):6} {taken:6.1f} {one:9.2f} {sum(one for one, _ in counts):6}"
        f" {sum(none for _, none in counts):11}",
        flush=True,
    )


if __name__ == "__main__":
    main()
