"""A sweep in its pool of processes, against building every setting and running it bare on meta in as many processes."""

from __future__ import annotations

import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import torch
from ratios import Ratio, show

from archscope.judge.sweep import run_sweep
from archscope.judge.sweep_options import DEFAULT_AXES, grid, parse_axes, parse_vary
from archscope.models import zoo_spec
from archscope.results.sweep import Setting

MODEL = "featherface-baseline"
VARY = ("bifpn_channels=16:80:16", "bifpn_cells=1:2", "cbam_reduction=8,16", "head=separate,shared")
SHAPE = (1, 3, 640, 640)


def bare(settings: tuple[Setting, ...]) -> None:
    """Build one setting on meta and run it."""
    torch.set_num_threads(1)
    with torch.device("meta"), torch.no_grad():
        model = zoo_spec(MODEL, **{setting.name: setting.value for setting in settings}).build().eval()
        model(torch.empty(SHAPE))


def main() -> None:
    """Time both, twice in turns, and print."""
    varied = parse_vary(VARY, zoo_spec(MODEL))
    settings = list(grid(varied))
    jobs = len(os.sched_getaffinity(0))
    sweep = partial(run_sweep, MODEL, varied, options={}, inputs=(), limits=(), axes=parse_axes(DEFAULT_AXES))
    sweep(jobs=jobs)  # starts the server that workers are forked from, with its imports
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("forkserver")) as pool:
        list(pool.map(bare, settings[: 4 * jobs]))
        ours = reference = float("inf")
        for _ in range(2):
            start = time.perf_counter()
            list(pool.map(bare, settings))
            reference = min(reference, time.perf_counter() - start)
            start = time.perf_counter()
            sweep(jobs=jobs)
            ours = min(ours, time.perf_counter() - start)
    each = jobs / len(settings)
    against = "building each and a bare forward on meta"
    ratio = Ratio(what="sweep", against=against, seconds=ours * each, reference=reference * each, goal=1.3)
    show(f"{MODEL}, {len(settings)} settings in {jobs} processes, per setting and core", [ratio])


if __name__ == "__main__":
    main()
