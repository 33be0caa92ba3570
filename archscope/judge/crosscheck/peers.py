"""The process that runs one peer: it reads a job as JSON from stdin and writes the peer's figures as JSON to stdout.

Each peer is a function (model, arguments) -> Figures. Peers are imported here alone, when they are asked for.
"""

from __future__ import annotations

import base64
import contextlib
import importlib.metadata
import inspect
import json
import logging
import pickle
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import nn

from archscope.measure.running.call_forms import call_forms
from archscope.measure.running.inputs import with_values
from archscope.sources import load
from archscope.spec import Inputs, ModelSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a peer gives: multiply-accumulates, parameters, and its own share for each module where it tells."""

    macs: int
    parameters: int | None = None
    by_module: Mapping[str, int] = field(default_factory=dict)


Peer = Callable[[nn.Module, Inputs], Figures]


class _Method(nn.Module):
    """A model whose forward is another ``method`` of it, since that is all that peers call."""

    def __init__(self, model: nn.Module, method: str) -> None:
        super().__init__()
        self.model = model
        self.called = getattr(model, method)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the method gives."""
        return self.called(*args, **kwargs)


def fvcore(model: nn.Module, inputs: Inputs) -> Figures:
    """fvcore.nn.FlopCountAnalysis: its flops are multiply-accumulates."""
    from fvcore.nn import FlopCountAnalysis, parameter_count

    logging.getLogger("fvcore.nn.jit_analysis").setLevel(logging.ERROR)
    counter = FlopCountAnalysis(model, inputs.args)
    counter.unsupported_ops_warnings(enabled=False)
    counter.uncalled_modules_warnings(enabled=False)
    return Figures(macs=int(counter.total()), parameters=int(parameter_count(model)[""]))


def torch_counter(model: nn.Module, inputs: Inputs) -> Figures:
    """torch.utils.flop_counter: two flops for each multiply-accumulate; it counts no parameters."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(*inputs.args, **inputs.kwargs)
    return Figures(macs=counter.get_total_flops() // 2)


def thop(model: nn.Module, inputs: Inputs) -> Figures:
    """thop.profile: its macs and parameters."""
    from thop import profile

    macs, parameters = profile(model, inputs=inputs.args, verbose=False)
    return Figures(macs=int(macs), parameters=int(parameters))


def ptflops(model: nn.Module, inputs: Inputs, *, backend: str) -> Figures:
    """ptflops.get_model_complexity_info, with its hooks and patched functions (pytorch) or its dispatch mode (aten)."""
    import ptflops.pytorch_engine as engine
    from ptflops import get_model_complexity_info

    seen: dict[str, int] = {}

    def read(flops_model: nn.Module, *_arguments: Any, **_options: Any) -> None:
        for path, module in flops_model.named_modules():
            seen[path] = int(getattr(module, "__flops__", 0))

    engine.print_model_with_flops = read  # where it would print what each module has, the figures are read
    names = [*inspect.signature(model.called if isinstance(model, _Method) else model.forward).parameters]
    macs, parameters = get_model_complexity_info(
        model,
        tuple(inputs.args[0].shape[1:]),
        input_constructor=lambda _resolution: dict(zip(names, inputs.args, strict=False)) | dict(inputs.kwargs),
        as_strings=False,
        print_per_layer_stat=backend == "pytorch",
        verbose=False,
        backend=backend,
    )
    return Figures(macs=int(macs), parameters=int(parameters), by_module=seen)


def torchinfo(model: nn.Module, inputs: Inputs) -> Figures:
    """torchinfo.summary: its mult-adds."""
    from torchinfo import summary

    paths = {id(module): path for path, module in model.named_modules()}
    result = summary(model, input_data=[*inputs.args], verbose=0, **inputs.kwargs)
    by_module: dict[str, int] = {}
    for layer in result.summary_list:
        if layer.is_leaf_layer:
            path = paths.get(id(layer.module), "")
            by_module[path] = by_module.get(path, 0) + int(layer.macs)
    return Figures(macs=int(result.total_mult_adds), parameters=int(result.total_params), by_module=by_module)


def calflops(model: nn.Module, inputs: Inputs) -> Figures:
    """calflops: its MACs and parameters, read before it removes the figures that it keeps in each module."""
    from calflops.calculate_pipline import CalFlopsPipline

    pipeline = CalFlopsPipline(model=model, include_backPropagation=False, compute_bp_factor=2.0)
    pipeline.start_flops_calculate(ignore_list=None)
    with torch.no_grad():
        model(*inputs.args, **inputs.kwargs)
    by_module = {path: int(getattr(module, "__macs__", 0)) for path, module in model.named_modules()}
    figures = Figures(
        macs=int(pipeline.get_total_macs()), parameters=int(pipeline.get_total_params()), by_module=by_module
    )
    pipeline.end_flops_calculate()
    return figures


def deepspeed(model: nn.Module, inputs: Inputs) -> Figures:
    """DeepSpeed's FlopsProfiler: its MACs, and what it noted in each module."""
    from deepspeed.profiling.flops_profiler.profiler import FlopsProfiler

    profiler = FlopsProfiler(model)
    profiler.start_profile()
    with torch.no_grad():
        model(*inputs.args, **inputs.kwargs)
    by_module = {path: int(getattr(module, "__macs__", 0)) for path, module in model.named_modules()}
    figures = Figures(
        macs=int(profiler.get_total_macs()), parameters=int(profiler.get_total_params()), by_module=by_module
    )
    profiler.end_profile()
    return figures


#: By the name of each peer: how it counts, and the package that it comes with.
COUNTERS: Mapping[str, tuple[Peer, str]] = {
    "fvcore": (fvcore, "fvcore"),
    "torch": (torch_counter, "torch"),
    "thop": (thop, "thop"),
    "ptflops-pytorch": (partial(ptflops, backend="pytorch"), "ptflops"),
    "ptflops-aten": (partial(ptflops, backend="aten"), "ptflops"),
    "torchinfo": (torchinfo, "torchinfo"),
    "calflops": (calflops, "calflops"),
    "deepspeed": (deepspeed, "deepspeed"),
}


def run(name: str, job: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of one peer for a job: source, options and inputs of a model."""
    peer, distribution = COUNTERS[name]
    spec = load(job["source"], **job["options"])
    if not isinstance(spec, ModelSpec):
        raise TypeError(f"{job['source']} is no model that can be built")
    model = spec.build().cpu().eval()
    inputs = with_values(call_forms(model, pickle.loads(base64.b64decode(job["inputs"]))).forms[0], "cpu")  # noqa: S301 - ours
    start = time.perf_counter()
    figures = peer(_Method(model, inputs.method) if inputs.method else model, inputs)
    milliseconds = round(1000 * (time.perf_counter() - start))
    if inputs.method:
        own = {path.removeprefix("model").removeprefix("."): macs for path, macs in figures.by_module.items()}
        figures = replace(figures, by_module=own)
    return {**asdict(figures), "milliseconds": milliseconds, "version": importlib.metadata.version(distribution)}


def main() -> None:
    """Run the peer that the command line names; what it prints goes to stderr."""
    warnings.simplefilter("ignore")
    job = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr):
        result = run(sys.argv[1], job)
    sys.stdout.write(json.dumps(result))
