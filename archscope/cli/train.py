"""``archscope train``: train a face detector, alone or from a teacher."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from archscope.cli.measure import load_spec
from archscope.cli.options import model_argument, options
from archscope.cli.output import print_text, quiet_stdout
from archscope.cli.progress import animated
from archscope.cli.streams import say
from archscope.errors import UsageError
from archscope.faces.training.recipe import SCHEDULES, TERMS, Distillation, Recipe

_PATH = click.Path(path_type=Path)
_USUAL, _TAUGHT = Recipe(), Distillation()

_recipe_options = options(
    click.option("--epochs", type=click.IntRange(1), default=_USUAL.epochs, show_default=True, help="Epochs."),
    click.option(
        "--batch", type=click.IntRange(1), default=_USUAL.batch, show_default=True, help="Pictures of a step, all told."
    ),
    click.option(
        "--size", type=click.IntRange(32, 4096), default=_USUAL.size, show_default=True, help="Sides in pixels."
    ),
    click.option(
        "--rate", type=click.FloatRange(0, min_open=True), default=_USUAL.rate, show_default=True, help="Of AdamW."
    ),
    click.option(
        "--schedule",
        type=click.Choice(SCHEDULES),
        default=_USUAL.schedule,
        show_default=True,
        help="A tenth after 190/350 and 220/350 of the epochs, or a cosine with warm-up.",
    ),
    click.option(
        "--ema",
        type=click.FloatRange(0, 1),
        default=_USUAL.ema,
        show_default=True,
        help="Memory of the average of the weights, as a part of all steps; 0 is none.",
    ),
    click.option(
        "--precision", type=click.Choice(("32", "bf16")), default="32", show_default=True, help="Mixed is bf16."
    ),
    click.option("--seed", type=click.IntRange(0, 1 << 20), default=0, show_default=True, help="Of weights and data."),
    click.option("--augment/--no-augment", default=True, help="Crop, mirror and colour pictures by chance."),
    click.option("--freeze-backbone", is_flag=True, help="Leave the backbone as it is."),
)
_teacher_options = options(
    click.option("--teacher", type=_PATH, help="Weights of a model of the zoo, to learn from."),
    click.option(
        "--terms",
        default=",".join(_TAUGHT.terms),
        show_default=True,
        help=f"What is learnt from it, of {', '.join(TERMS)}.",
    ),
    click.option(
        "--temperature",
        type=click.FloatRange(0, min_open=True),
        default=_TAUGHT.temperature,
        show_default=True,
        help="Of kl.",
    ),
    click.option(
        "--share", type=click.FloatRange(0, 1), default=_TAUGHT.share, show_default=True, help="Of kl in the loss."
    ),
)
_running_options = options(
    click.option("--devices", type=click.IntRange(1), help="Processes.  [default: one for each GPU, else one]"),
    click.option("--nodes", type=click.IntRange(1), default=1, show_default=True, help="Machines."),
    click.option("--workers", type=click.IntRange(0), default=0, show_default=True, help="Processes that read data."),
)


@click.command("train")
@model_argument
@click.option("--data", type=_PATH, required=True, help="Folder of the data set, as archscope faces check reads it.")
@click.option("-o", "--out", type=_PATH, required=True, help="Folder for weights.pt, last.ckpt and logs.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="An option of the model's builder.")
@click.option("--init", type=_PATH, help="Begin with the weights of a checkpoint.")
@click.option("--resume", is_flag=True, help="Go on with the training that began in --out.")
@click.option("--skip-broken", is_flag=True, help="Leave out what is broken in the data; it is counted.")
@_recipe_options
@_teacher_options
@_running_options
def command(  # noqa: PLR0913 - one argument for each option
    *,
    model: str,
    data: Path,
    out: Path,
    settings: tuple[str, ...],
    init: Path | None,
    resume: bool,
    skip_broken: bool,
    teacher: Path | None,
    terms: str,
    temperature: float,
    share: float,
    devices: int | None,
    nodes: int,
    workers: int,
    **recipe: Any,
) -> None:
    """Train MODEL on the training pictures of a data folder; with --teacher it is distilled.

    The settings are those published for FeatherFace and RetinaFace unless they are given. weights.pt in --out is what
    archscope evaluate and detect take.
    """
    taught = Distillation(terms=tuple(filter(None, terms.split(","))), temperature=temperature, share=share)
    wanted = Recipe(**recipe, distillation=taught)
    try:
        from archscope.faces.training.run import train
    except ModuleNotFoundError as error:
        raise UsageError(
            f"training needs {error.name}, which is not installed", help="pip install 'archscope-torch[train]'"
        ) from error
    from archscope.faces.data_set import read_data, usable
    from archscope.faces.weights import begin, load_detector

    with quiet_stdout():
        spec = load_spec(model, settings)
        found = read_data(data, "train")
        samples = usable(found, skip=skip_broken)
        if found.faults:
            say(f"left out: {len(found.faults):,} faults in {found.labels} (archscope faces check)")
        trained = train(
            begin(spec, wanted.seed, init),
            samples,
            wanted,
            out,
            teacher=None if teacher is None else load_detector("", teacher, {}),
            resume=resume,
            devices=devices,
            nodes=nodes,
            workers=workers,
            bar=animated(),
        )
    if trained is not None:
        print_text(
            f"trained {spec.name} on {len(samples):,} pictures, {trained.steps:,} steps, loss {trained.loss:.4f}"
            f" in the last epoch\nwrote {trained.weights}\n"
        )
