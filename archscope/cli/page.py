"""The HTML page that analyze and compare write, with the report to compare with and the config's budgets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from archscope.cli.streams import say
from archscope.errors import ArchscopeError
from archscope.report import Report

if TYPE_CHECKING:
    from archscope.protocols.page import Shown

PAGE_FORMAT = "html"


def shown_page(model: str, report: Report, *, base: tuple[str, Report] | None = None) -> Shown:
    """The page of MODEL, beside that of ``base`` (name and report), with the budgets that need no third model.

    A budget that cannot be held is left out with a warning: the page does not decide an exit code.
    """
    from archscope.config import find_config
    from archscope.judge.budgets import check
    from archscope.protocols.page import Shown

    relative = dict([base]) if base else {}
    old = base[1] if base else None
    try:
        config = find_config(Path.cwd())
        budgets = config.budgets if config else ()
        own = [row for row in budgets if row.model == model and row.relative_to in {"", *relative} and not row.sizes]
        result = check(report, own, relative=relative) if own else None
    except ArchscopeError as error:
        say(f"warning: the page shows no budgets: {error.what}")
        result = None
    return Shown(report=report, base=old, check=result)
