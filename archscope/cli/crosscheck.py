"""``archscope crosscheck``: run other counters on a model and attribute the differences."""

from __future__ import annotations

from collections.abc import Mapping

import click

from archscope.cli.measure import load_spec
from archscope.cli.options import call_of, model_argument, model_options
from archscope.cli.output import format_options, quiet_stdout, tell
from archscope.cli.progress import progress
from archscope.documents.crosscheck import CROSSCHECK


@click.command("crosscheck")
@model_argument
@model_options
@click.option("--timeout", type=click.IntRange(1), default=300, show_default=True, help="Seconds for each counter.")
@format_options(CROSSCHECK)
def command(
    *, model: str, inputs: tuple[str, ...], settings: tuple[str, ...], timeout: int, wanted: Mapping[str, str]
) -> None:
    """Run other counters on MODEL and attribute each difference to the operators or parameters behind it.

    fvcore and torch's FlopCounterMode come with archscope; the others with `pip install thop ptflops torchinfo calflops
    deepspeed`. Each runs on the CPU in a process of its own.
    """
    with progress() as shown, quiet_stdout():
        spec = load_spec(model, settings)
        from archscope.judge.crosscheck import PEERS, crosscheck

        shown.phase("trace")
        peers = [*PEERS]
        result = crosscheck(
            spec,
            call_of(inputs),
            timeout=timeout,
            announce=lambda peer: shown.step(peers.index(peer), len(peers), peer),
        )
    tell(result, CROSSCHECK, wanted)
