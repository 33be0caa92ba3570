"""Tracing and analysing models of many kinds, against a bare meta forward, torch's own counter and fvcore.

All ratios come from one run, each the shortest of several rounds taken in turns, so that all see the same machine.
"""

from __future__ import annotations

import logging
import statistics
import sys
import warnings
from pathlib import Path

import torch
from fvcore.nn import FlopCountAnalysis
from ratios import Ratio, best, show
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import archscope

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))
from architectures import ARCHITECTURES, build, config_of, inputs_of

ROUNDS = 5
OF_TRANSFORMERS = ("bert", "gpt2", "llama", "qwen3", "t5", "vit", "resnet", "swin", "segformer", "clip", "wav2vec2")
OF_TRANSFORMERS += ("mixtral",)
WITH_FVCORE = ("featherface-baseline", "resnet", "vit", "bert")  # what it can trace, small enough for real weights


class Wrapped(nn.Module):
    """A model that is called with tensors and gives tensors, as fvcore wants it."""

    def __init__(self, model: nn.Module, names: list[str]) -> None:
        super().__init__()
        self.model = model
        self.names = names

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        """The first output."""
        output = self.model(**dict(zip(self.names, tensors, strict=True)))
        return output if isinstance(output, torch.Tensor) else output[0]


def models() -> dict[str, tuple[nn.Module, archscope.Inputs]]:
    """The models on meta, with their inputs."""
    spec = archscope.load("featherface-baseline")
    with torch.device("meta"):
        found = {spec.name: (spec.build().eval(), archscope.Inputs(args=(torch.empty(spec.inputs[0].shape),)))}
    for name in OF_TRANSFORMERS:
        shapes = {key: (1, 128) if key.endswith("_ids") else shape for key, shape in ARCHITECTURES[name].items()}
        shapes = {key: (1, 16) if name == "clip" and key == "input_ids" else shape for key, shape in shapes.items()}
        found[name] = (build(config_of(name)), archscope.Inputs(kwargs=inputs_of(shapes)))
    return found


def by_fvcore(model: nn.Module, inputs: archscope.Inputs) -> None:
    """What fvcore does: it traces a real forward pass."""
    tensors = {**dict(enumerate(inputs.args)), **inputs.kwargs}
    real = [torch.ones(t.shape, dtype=t.dtype) for t in tensors.values()]
    whole = model if inputs.args else Wrapped(model, [*map(str, tensors)])
    FlopCountAnalysis(whole, tuple(real)).unsupported_ops_warnings(enabled=False).uncalled_modules_warnings(
        enabled=False
    ).total()


def main() -> None:
    """Time every model, print the ratios, and exit 1 when a goal is missed."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    bare_ratios, counter_ratios, fvcore_ratios = {}, {}, {}
    for name, (model, inputs) in models().items():

        def ours(model: nn.Module = model, inputs: archscope.Inputs = inputs) -> None:
            archscope.analyze(archscope.trace(model, inputs, device="meta"))

        def bare(model: nn.Module = model, inputs: archscope.Inputs = inputs) -> None:
            with torch.no_grad():
                model(*inputs.args, **inputs.kwargs)

        def counter(model: nn.Module = model, inputs: archscope.Inputs = inputs) -> None:
            with torch.no_grad(), FlopCounterMode(display=False):
                model(*inputs.args, **inputs.kwargs)

        calls = {"ours": ours, "bare": bare, "counter": counter}
        if name == "mixtral":  # a bare forward on meta wants its experts in bfloat16
            model.bfloat16()
        times = best(calls, ROUNDS)
        bare_ratios[name] = times["ours"] / times["bare"]
        counter_ratios[name] = times["ours"] / times["counter"]
        line = f"{name:24} {1000 * times['ours']:8.0f} ms  {bare_ratios[name]:5.2f} x bare forward"
        line += f"  {counter_ratios[name]:5.2f} x FlopCounterMode"
        if name in WITH_FVCORE:
            real = model.to_empty(device="cpu")
            for parameter in real.parameters():
                parameter.data.zero_()
            fvcore = best({"fvcore": lambda real=real, inputs=inputs: by_fvcore(real, inputs)}, 2)["fvcore"]  # type: ignore[misc]
            fvcore_ratios[name] = times["ours"] / fvcore
            line += f"  {fvcore_ratios[name]:5.2f} x fvcore"
        print(line, flush=True)
    what = f"trace + analyze, {len(bare_ratios)} models"
    worst = max(bare_ratios, key=bare_ratios.__getitem__)
    met = show(
        "All models in one run (seconds stand for ratios here)",
        [
            Ratio(
                what=what,
                against="bare forward, median",
                seconds=statistics.median(bare_ratios.values()),
                reference=1,
                goal=1.3,
            ),
            Ratio(what=what, against=f"bare forward, worst ({worst})", seconds=bare_ratios[worst], reference=1, goal=2),
            Ratio(
                what=what,
                against="FlopCounterMode, median",
                seconds=statistics.median(counter_ratios.values()),
                reference=1,
                goal=1,
            ),
            Ratio(what=what, against="fvcore, worst", seconds=max(fvcore_ratios.values()), reference=1, goal=0.2),
        ],
    )
    sys.exit(not met)


if __name__ == "__main__":
    main()
