"""``archscope claims``: published figures, held against measured ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archscope.cli.completion import ModelArgument
from archscope.cli.failures import GateError
from archscope.cli.measure import measure_and_trace, model_options, source_of
from archscope.cli.output import format_options, tell
from archscope.documents.claims import CLAIMS
from archscope.errors import UsageError
from archscope.judge.claims_file import read_claims
from archscope.judge.zoo_files import CLAIMS as CLAIMS_FILE
from archscope.judge.zoo_files import file_beside

if TYPE_CHECKING:
    from archscope.judge.conventions import ConventionTotal


@click.command("claims")
@click.argument("model", cls=ModelArgument)
@click.argument("file", type=click.Path(path_type=Path), required=False)
@model_options
@click.option("--check", is_flag=True, help="Exit 1 unless every claim is known to hold.")
@format_options(CLAIMS)
def command(  # noqa: PLR0913 - one argument for each option
    *,
    model: str,
    file: Path | None,
    inputs: tuple[str, ...],
    settings: tuple[str, ...],
    check: bool,
    wanted: Mapping[str, str],
) -> None:
    """Hold the published figures of FILE against MODEL: each holds, rounds to the measured figure, or differs.

    Where a figure differs by a fault that counters make, the cause is found by computation. FILE is TOML; models of the
    zoo may have one beside them.
    """
    from archscope.judge.claims import judge_claims, require_inputs

    path = file or _beside(model)
    sheet = read_claims(path, file=f"{path.parent.name}/{path.name}" if file is None else str(file))
    report, trace = measure_and_trace(model, inputs=inputs, settings=settings, usual=sheet.inputs)
    conventions: tuple[ConventionTotal, ...] = ()
    if trace is None:
        require_inputs(sheet, report)
    elif trace.calls is not None:
        from archscope.judge.conventions import CONVENTIONS, apply

        conventions = tuple(apply(convention, trace) for convention in CONVENTIONS)
    result = judge_claims(sheet, report, conventions)
    tell(result, CLAIMS, wanted)
    if check and not result.passed:
        raise GateError


def _beside(model: str) -> Path:
    path = file_beside(source_of(model).removeprefix("zoo:"), CLAIMS_FILE)
    if path is None:
        raise UsageError(
            f"there are no published claims beside {model!r}",
            help="name a claims file: archscope claims MODEL FILE (docs/claims.md shows how to write one)",
        )
    return path
