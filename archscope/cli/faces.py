"""``archscope faces``: data to train face detectors with."""

from __future__ import annotations

from pathlib import Path

import click

from archscope.cli.failures import DEBUG, GateError
from archscope.cli.output import print_document
from archscope.documents import document as doc

_FOLDER = click.Path(path_type=Path)


@click.group("faces", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Make a small data set of drawn faces, or check one in the format of WIDER FACE."""


@command.command("make")
@click.argument("folder", type=_FOLDER)
@click.option("--training", type=click.IntRange(1), default=480, show_default=True, help="Pictures to learn from.")
@click.option("--validation", type=click.IntRange(1), default=120, show_default=True, help="Pictures to judge by.")
@click.option("--size", type=click.IntRange(64, 2048), default=160, show_default=True, help="Their sides in pixels.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Another seed, other pictures.")
def _make(*, folder: Path, training: int, validation: int, size: int, seed: int) -> None:
    """Write a small data set into FOLDER: drawn faces and an astronaut's, with exact boxes and landmarks.

    It has the format of WIDER FACE, with labels in both formats and the protocol's ground truth.
    """
    from archscope.faces.small_set import make_small_set

    make_small_set(folder, training=training, validation=validation, size=size, seed=seed)
    click.echo(f"wrote {training:,} pictures to learn from and {validation:,} to judge by to {folder}")


@command.command("check")
@click.argument("folder", type=_FOLDER)
@click.option("--part", type=click.Choice(("train", "val")), default="train", show_default=True, help="Which pictures.")
def _check(*, folder: Path, part: str) -> None:
    """Decode every picture of FOLDER and read every label; name what is broken with file and line.

    Exit 1 when anything is.
    """
    from archscope.faces.data_set import read_data, tell_faults

    found = read_data(folder, part)
    facts = (
        doc.Fact("pictures", doc.Count(len(found.samples))),
        doc.Fact("faces", doc.Count(found.faces)),
        doc.Fact("with landmarks", doc.Count(sum(int(sample.labels.known.sum()) for sample in found.samples))),
        doc.Fact("marked invalid", doc.Count(sum(sample.labels.invalid for sample in found.samples))),
        doc.Fact("faults", doc.Count(len(found.faults))),
    )
    faults = doc.Items(tuple(tell_faults(found.faults)))
    blocks: tuple[doc.Block, ...] = (doc.Facts(facts), *((faults,) if found.faults else ()))
    print_document(doc.Document(title=str(found.labels), blocks=blocks))
    if found.faults:
        raise GateError


for _part in command.commands.values():
    _part.params.append(DEBUG)
