"""``archscope claims``: hold published figures against measured ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from archscope.cli.failures import GateError
from archscope.cli.measure import measure_and_trace, source_of
from archscope.cli.options import ModelOptions, file_argument, model_argument, model_options
from archscope.cli.output import format_options, tell
from archscope.documents.claims import CLAIMS
from archscope.errors import UsageError
from archscope.judge.claims_file import read_claims
from archscope.judge.zoo_files import claims_beside

if TYPE_CHECKING:
    from archscope.judge.conventions import ConventionTotal


@click.command("claims")
@model_argument
@file_argument
@model_options
@click.option("--check", is_flag=True, help="Exit 1 unless every claim is known to hold.")
@format_options(CLAIMS)
def command(
    *,
    model: str,
    file: Path | None,
    check: bool,
    wanted: Mapping[str, str],
    **asked: Unpack[ModelOptions],
) -> None:
    """Hold the published figures of FILE against MODEL: each holds, rounds to the measured figure, or differs.

    Where a figure differs by a fault that counters make, the cause is found by computation. FILE is TOML; models of the
    zoo may have one beside them.
    """
    from archscope.judge.claims import judge_claims, require_inputs

    sheet = read_claims(file, file=str(file)) if file else claims_beside(source_of(model))
    if sheet is None:
        raise UsageError(
            f"there are no published claims beside {model!r}",
            help="name a claims file: archscope claims MODEL FILE (docs/claims.md shows how to write one)",
        )
    report, trace = measure_and_trace(model, usual=sheet.inputs, **asked)
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
