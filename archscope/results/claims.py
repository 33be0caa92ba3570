"""Published figures and what came of holding them against the measured ones, with the JSON form."""

from __future__ import annotations

from dataclasses import dataclass

from archscope.policy import Location
from archscope.records import InputRecord, Path
from archscope.report import ModelInfo
from archscope.results.printed_figure import Published, Quantity
from archscope.views import View

CLAIMS_VERSION = 1

HOLDS = "holds"
ROUNDS = "rounds to"
DIFFERS = "differs"
UNPROVEN = "unproven"
VERDICTS = (HOLDS, ROUNDS, DIFFERS, UNPROVEN)

MEASURED = "measured"
INSTANCES = "instances"
RANK = "rank"
SUM = "sum"
REMAINDER = "remainder"
REDUCTION = "reduction"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A term of a document's own arithmetic: a figure, or the figure of another claim (``claim`` is its ``what``)."""

    published: Published
    claim: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One published statement. ``what`` names it, ``where`` says in which place of the document it stands.

    ``kind`` says what it is held against: ``measured``, a figure of the whole, a component or a module (its share of
    the whole when the figure is in percent); ``instances`` of a component; ``rank`` of a component by ``metric``, 1
    the largest; or the document's own arithmetic: the ``sum`` of ``parts``, the ``remainder`` of the first of them
    without the others, the ``reduction`` in percent from the first to the second.
    ``tolerance`` is a count, or a percentage of the measured figure (of percentages: percentage points).
    """

    what: str
    where: str
    kind: str
    metric: str
    component: str
    module: Path | None
    value: Published
    tolerance: Published | None
    parts: tuple[Part, ...]
    location: Location | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimSheet:
    """The claims of one document about one model; ``inputs`` as for ``--input``, empty for the model's own."""

    document: str
    model: str
    inputs: tuple[str, ...]
    claims: tuple[Claim, ...]
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """How a wrong figure comes about: ``kind`` in one word, ``text`` with the figures that prove it."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimResult:
    """A claim held against the truth: ``found`` is measured or computed, None when the run did not measure it."""

    claim: Claim
    found: Quantity | None
    lower_bound: bool
    verdict: str
    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ClaimsResult(View):
    """Every claim of a sheet, in its order."""

    claims_version: int
    document: str
    model: ModelInfo
    inputs: tuple[InputRecord, ...]
    results: tuple[ClaimResult, ...]

    @property
    def passed(self) -> bool:
        """Whether every claim is known to hold, rounded or not."""
        return all(result.verdict in {HOLDS, ROUNDS} for result in self.results)

    def count(self, verdict: str) -> int:
        """How many claims came out that way."""
        return sum(result.verdict == verdict for result in self.results)
