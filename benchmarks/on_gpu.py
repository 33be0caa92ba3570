"""The same figures on a GPU as on meta, whatever kernels it has; run by hand where there is one.

    python benchmarks/on_gpu.py [--device cuda]

Every module class of torch.nn and every architecture of the tests run on both, in three dtypes where they can; every
variant of attention has all of its figures compared, in a run and in a training step; models that launch Triton kernels
are measured with and without a formula; a model on the GPU comes back as it was.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

import archscope

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path += [str(TESTS), str(TESTS / "helpers")]

Made = tuple[str, Callable[[], nn.Module], archscope.Inputs]


def in_dtype(inputs: archscope.Inputs, dtype: torch.dtype) -> archscope.Inputs:
    """The same call with floating tensors of ``dtype``."""

    def cast(value: Any) -> Any:
        return value.to(dtype) if isinstance(value, torch.Tensor) and value.is_floating_point() else value

    kwargs = {name: cast(value) for name, value in inputs.kwargs.items()}
    return archscope.Inputs(args=tuple(map(cast, inputs.args)), kwargs=kwargs)


def modules() -> Iterator[Made]:
    """Every module class of torch.nn."""
    from test_formulas_modules import CASES, NOT_ON_META, built

    for name, args, options, inputs in CASES:
        if name not in NOT_ON_META:
            yield name, lambda case=(name, args, options, inputs): built(*case), archscope.Inputs(args=inputs)


def attending() -> Iterator[Made]:
    """Attention of sizes that fused kernels take."""
    query = torch.rand(2, 8, 64, 64)
    mask = torch.rand(2, 1, 64, 64) > 0.5

    class Attends(nn.Module):
        def __init__(self, options: dict[str, Any]) -> None:
            super().__init__()
            self.options = options

        def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
            return nn.functional.scaled_dot_product_attention(q, k, v, **self.options)

    inputs = archscope.Inputs(args=(query, query[:, :, :32].clone(), query[:, :, :32].clone()))
    alike = archscope.Inputs(args=(query, query.clone(), query.clone()))
    few = archscope.Inputs(args=(query, query[:, :2].clone(), query[:, :2].clone()))
    yield "attention", lambda: Attends({}), inputs
    yield "causal attention", lambda: Attends({"is_causal": True}), alike
    yield "grouped queries", lambda: Attends({"enable_gqa": True}), few
    yield "masked attention", lambda: MaskedAttends(mask), alike
    wide = archscope.Inputs(args=(torch.rand(2, 128, 256),))
    yield "encoder layer", lambda: nn.TransformerEncoderLayer(256, 4, 512, batch_first=True), wide
    yield "two-way LSTM", lambda: nn.LSTM(256, 64, 2, bidirectional=True), wide
    yield "projected LSTM", lambda: nn.LSTM(256, 64, proj_size=32), wide


class MaskedAttends(nn.Module):
    """Attention with a mask of its own."""

    def __init__(self, mask: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """Attend where the mask allows."""
        return nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=self.mask)


def architectures() -> Iterator[Made]:
    """Every architecture of the tests, two layers deep."""
    from architectures import ARCHITECTURES, build, config_of, inputs_of

    for name, shapes in ARCHITECTURES.items():
        yield (
            name,
            lambda name=name: build(config_of(name, depth=2)),
            archscope.Inputs(kwargs=inputs_of(shapes)),
        )


def compare(made: Iterator[Made], device: str, dtypes: tuple[torch.dtype, ...]) -> int:
    """Print what differs between meta and ``device``, and the operators that only the device shows; how many differ."""
    tally: Counter[str] = Counter()
    only: Counter[str] = Counter()
    for name, build, given in made:
        for dtype in dtypes:
            try:
                model, inputs = build().to(dtype), in_dtype(given, dtype)
                on_meta = archscope.analyze(archscope.trace(model, inputs, device="meta"))
                here = archscope.analyze(archscope.trace(model, inputs, device=device))
            except Exception as error:  # noqa: BLE001 - a dtype that a module does not take, mostly
                tally["not run"] += 1
                if dtype is dtypes[0]:
                    print(f"  not run  {name}, {dtype}: {str(error).splitlines()[0][:150]}")
                continue
            only.update({row.op for row in here.operators} - {row.op for row in on_meta.operators})
            same = here.totals.macs == on_meta.totals.macs and here.uncounted == on_meta.uncounted == ()
            tally["same" if same else "DIFFERENT"] += 1
            if not same:
                print(
                    f"  DIFFERENT  {name}, {dtype}: {on_meta.totals.macs:,} on meta, {here.totals.macs:,} here, "
                    f"uncounted {[row.op for row in (*on_meta.uncounted, *here.uncounted)]}"
                )
    print(f"  {dict(tally)}")
    print(f"  operators seen only on {device}: {', '.join(sorted(only)) or 'none'}")
    return tally["DIFFERENT"]


def attention_table(device: str) -> int:
    """Print every variant of attention whose figures differ between meta and ``device``; how many do."""
    from test_attention_kernels import VARIANTS, X, figures, in_dtype

    tally: Counter[str] = Counter()
    for name, build in VARIANTS.items():
        for dtype in (torch.float32, torch.bfloat16):
            for training in (False, True):
                try:
                    model, x = in_dtype(build(), dtype), archscope.Inputs(args=(torch.rand(X, dtype=dtype),))
                    devices = ("cpu" if name == "flex attention" else "meta", device)
                    meta, here = (archscope.trace(model, x, device=at, training=training) for at in devices)
                except Exception as error:  # noqa: BLE001 - flex attention has no gradient on the CPU
                    tally["not run"] += 1
                    print(f"  not run  {name}, {dtype}, training {training}: {str(error).splitlines()[0][:150]}")
                    continue
                ours, theirs = figures(meta, training=training), figures(here, training=training)
                differ = [key for key in ours.__slots__ if getattr(ours, key) != getattr(theirs, key)]
                tally["DIFFERENT" if differ else "same"] += 1
                for key in differ:
                    print(
                        f"  DIFFERENT  {name}, {dtype}, training {training}: {key} {getattr(ours, key)} on meta, "
                        f"{getattr(theirs, key)} here"
                    )
    print(f"  {dict(tally)}")
    return tally["DIFFERENT"]


def triton_kernels(device: str) -> int:
    """A kernel, a tuned one and one inside an operator, on meta and on the device; how many checks failed."""
    import triton
    import triton.language as tl

    @triton.jit
    def double(x, out, n, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, N803 - Triton's
        at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        tl.store(out + at, tl.load(x + at, mask=at < n) * 2, mask=at < n)

    configs = [triton.Config({"BLOCK": size}) for size in (64, 128)]
    tuned = triton.autotune(configs=configs, key=["n"])(double)

    @torch.library.triton_op("archscope_gpu::double", mutates_args=())
    def wrapped(x: torch.Tensor) -> torch.Tensor:
        out = torch.empty_like(x)
        torch.library.wrap_triton(double)[(triton.cdiv(x.numel(), 64),)](x, out, x.numel(), BLOCK=64)
        return out

    class Doubles(nn.Module):
        def __init__(self, way: str) -> None:
            super().__init__()
            self.way, self.layer = way, nn.Linear(64, 64)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.layer(x)
            if self.way == "operator":
                return wrapped(x)
            out = torch.empty_like(x)
            if self.way == "tuned":
                tuned[lambda meta: (triton.cdiv(x.numel(), meta["BLOCK"]),)](x, out, x.numel())
            else:
                double[(triton.cdiv(x.numel(), 64),)](x, out, x.numel(), BLOCK=64)
            return self.layer(out)

    formulas = archscope.DEFAULT_FORMULAS.copy()

    @formulas.counted("triton::double", "archscope_gpu::double", family="mine")
    def doubled(call: Any) -> archscope.Cost:
        """One multiplication per element."""
        return archscope.Cost.of(other=call.arguments["x"].numel)

    failed = 0
    x = torch.rand(32, 64, device=device)
    for way in ("kernel", "tuned", "operator"):
        model = Doubles(way).to(device)
        with torch.no_grad():
            before = model(x)
        for where in ("", device):
            seen = archscope.trace(model, x, device=where)
            bare, known = archscope.analyze(seen), archscope.analyze(seen, formulas=formulas)
            layers = 1 if way == "operator" else 2
            flops = layers * (2 * 32 * 64 * 64 + 32 * 64) + 32 * 64
            right = (
                [row.calls for row in bare.uncounted] == [1]
                and not bare.totals.complete
                and known.totals.complete
                and known.totals.flops == flops
            )
            failed += not right
            names = [row.op for row in bare.uncounted]
            print(
                f"  {way:9} on {seen.device:5} {names} {known.totals.flops:,} of {flops:,}{'' if right else '  WRONG'}"
            )
        with torch.no_grad():
            failed += not torch.equal(before, model(x))  # the GPU still works, and so does the model
    return failed


def unseen(device: str) -> int:
    """A kernel that no dispatcher sees, through CuPy's raw addresses."""
    import cupy

    class Extension(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(8, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.layer(x)
            out = torch.empty_like(x)
            cupy.multiply(cupy.from_dlpack(x.detach()), 2, out=cupy.from_dlpack(out))
            return self.layer(out)

    report = archscope.analyze(Extension().to(device), torch.rand(4, 8, device=device))
    names = [row.op for row in report.uncounted]
    print(f"  {names} on {report.model.device}, complete {report.totals.complete}")
    return names != ["[unseen]"] or not report.model.device.startswith(device) or report.totals.complete


def untouched(device: str) -> int:
    """A model on the GPU: measured without a byte of its memory, and the same afterwards."""
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Dropout(), nn.BatchNorm2d(8), nn.Flatten(), nn.LazyLinear(5)).to(
        device
    )
    x = torch.rand(2, 3, 16, 16, device=device)
    model(x)
    state = {name: (tensor.data_ptr(), tensor.clone()) for name, tensor in model.state_dict().items()}
    random = torch.cuda.get_rng_state()
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    report = archscope.analyze(model, x)
    used = torch.cuda.max_memory_allocated() - before
    after = model.state_dict()
    same = all(after[name].data_ptr() == at and torch.equal(after[name], held) for name, (at, held) in state.items())
    same &= torch.equal(random, torch.cuda.get_rng_state()) and model.training
    print(f"  measured on {report.model.device}, {used} bytes of the GPU used, the same afterwards: {same}")
    return used != 0 or not same or report.model.device != "meta"


def main() -> None:
    """Run all of it, and exit with 1 when anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    device = parser.parse_args().device
    warnings.simplefilter("ignore")
    wide = (torch.float32, torch.float16, torch.bfloat16)
    print(f"torch {torch.__version__}, {torch.cuda.get_device_name() if device == 'cuda' else device}")
    failed = 0
    print("torch.nn")
    failed += compare(modules(), device, wide)
    print("attention and recurrent layers")
    failed += compare(attending(), device, wide)
    print("every variant of attention, all figures")
    failed += attention_table(device)
    if device == "cuda":
        for title, check in (("Triton", triton_kernels), ("unseen", unseen), ("a model on the GPU", untouched)):
            print(title)
            failed += check(device)
    print("architectures of transformers")
    failed += compare(architectures(), device, (torch.bfloat16,) if device == "cuda" else (torch.float32,))
    print(f"{failed} differences")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
