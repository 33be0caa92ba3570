"""One training from start to end: Lightning's loop, checkpoints, logs, and what is said when it fails.

Lightning, not Accelerate: the loop, averages of the weights, atomic checkpoints, exact resumption, logs and progress
bars are its own, where Accelerate leaves each of them to whoever uses it.
"""

from __future__ import annotations

import io
import logging
import math
import os
import signal
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import EMAWeightAveraging, ModelCheckpoint, TQDMProgressBar
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger
from torch import nn

from archscope.errors import ModelError, UsageError
from archscope.faces.data_set import Sample
from archscope.faces.training.recipe import Recipe
from archscope.faces.training.trainee import Trainee
from archscope.files import write_files

CHECKPOINT, WEIGHTS, RECIPE = "last.ckpt", "weights.pt", "recipe.json"
_NO_ROOM = ("can't allocate memory", "not enough memory", "out of memory")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What a training left behind: the file of the weights, steps taken, and the mean loss of the last epoch."""

    weights: Path
    steps: int
    loss: float


def train(  # noqa: PLR0913 - what a training is made of
    model: nn.Module,
    samples: Sequence[Sample],
    recipe: Recipe,
    out: Path,
    *,
    teacher: nn.Module | None = None,
    resume: bool = False,
    devices: int | None = None,
    nodes: int = 1,
    workers: int = 0,
    bar: bool = False,
) -> Trained | None:
    """Train ``model`` in place, and write weights.pt, last.ckpt, recipe.json and logs into ``out``.

    The weights are their exponential average unless the recipe keeps none. ``last.ckpt`` is written anew after every
    epoch; with ``resume`` training goes on from there as if it had never stopped. Several ``devices`` (all GPUs, or one
    CPU, when None) and ``nodes`` train by DistributedDataParallel; all but the first process get None. Raises
    UsageError for a folder that is in use or holds another recipe, ModelError when numbers are none any more or memory
    runs out.
    """
    first = int(os.environ.get("LOCAL_RANK", "0")) == 0 and int(os.environ.get("NODE_RANK", "0")) == 0
    if first:
        _take(out, recipe, resume=resume)
    torch.manual_seed(recipe.seed)  # of the adapters: data has chances of its own
    trainee = Trainee(model, samples, recipe, teacher=teacher, workers=workers)
    checkpoint = out / CHECKPOINT
    with _quiet(), _failures_told(checkpoint, recipe):
        trainer = Trainer(
            max_epochs=recipe.epochs,
            devices="auto" if devices is None and torch.cuda.is_available() else devices or 1,
            num_nodes=nodes,
            precision="bf16-mixed" if recipe.precision == "bf16" else "32-true",
            gradient_clip_val=recipe.clip or None,
            use_distributed_sampler=False,
            callbacks=_callbacks(recipe, out, len(samples), bar=bar),
            logger=[CSVLogger(out, name="logs"), TensorBoardLogger(out, name="tensorboard")],
            log_every_n_steps=max(1, min(50, len(samples) // recipe.batch)),
            enable_progress_bar=bar,
            enable_model_summary=False,
        )
        trainer.fit(trainee, ckpt_path=checkpoint if resume and checkpoint.exists() else None, weights_only=True)
    if not trainer.is_global_zero:
        return None
    buffer = io.BytesIO()
    torch.save({path: tensor.cpu() for path, tensor in model.state_dict().items()}, buffer)
    write_files({out / WEIGHTS: buffer.getvalue()})
    loss = trainer.callback_metrics.get("loss_epoch", torch.tensor(math.nan))
    return Trained(weights=out / WEIGHTS, steps=trainer.global_step, loss=float(loss))


def _take(out: Path, recipe: Recipe, *, resume: bool) -> None:
    """Make ``out`` this training's folder."""
    kept = out / RECIPE
    if resume and kept.is_file():
        recipe.require_same(kept.read_text("utf-8"), str(kept))
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is in use", help="name a new folder, or go on with what began there: --resume")
    write_files({kept: recipe.to_json().encode()})


def _callbacks(recipe: Recipe, out: Path, count: int, *, bar: bool) -> list[Callback]:
    callbacks: list[Callback] = [
        ModelCheckpoint(
            dirpath=out,
            filename=CHECKPOINT.removesuffix(".ckpt"),
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        )
    ]
    memory = recipe.ema * recipe.epochs * max(1, count // recipe.batch)  # in steps
    if memory > 1:
        callbacks.append(EMAWeightAveraging(decay=1 - 1 / memory))
    if bar:
        callbacks.append(TQDMProgressBar(leave=True))
    return callbacks


@contextmanager
def _failures_told(checkpoint: Path, recipe: Recipe) -> Iterator[None]:
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as ended:  # what Lightning makes of Ctrl-C, which it ignores from then on
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from ended
    except (RuntimeError, MemoryError) as error:
        if not isinstance(error, MemoryError) and not any(words in str(error).lower() for words in _NO_ROOM):
            raise
        kept = f"; the last epoch is in {checkpoint}" if checkpoint.exists() else ""
        raise ModelError(
            f"the memory does not hold {recipe.batch} pictures of {recipe.size} x {recipe.size} pixels{kept}",
            help="lower --batch or --size; archscope analyze MODEL --training says what a step takes",
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what Lightning says of itself: tips, devices, and warnings about small data."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"pytorch_lightning|lightning_fabric|torch\.utils\.tensorboard")
            warnings.filterwarnings(
                "ignore", category=UserWarning, message=r".*(num_workers|ckpt_path|logging interval).*"
            )
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
