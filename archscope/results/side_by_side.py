"""Three and more models held against each other: their reports, in the order of their columns."""

from __future__ import annotations

from dataclasses import dataclass

from archscope.report import Report
from archscope.views import View


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SideBySide(View):
    """Reports in the order of their columns; they ran on the same inputs and were counted by the same rules."""

    reports: tuple[Report, ...]
