"""Budgets and lock policies that a config demands of a model, and the types of a check's results."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from archscope.errors import UsageError
from archscope.records import InputRecord, Path
from archscope.units import largest_within, parse_limit, parse_share, share_of
from archscope.views import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A line of a file; ``file`` is relative to the repository, with forward slashes."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The most that a value may be, inclusive: a count, or a percentage of a whole that is known later."""

    text: str
    count: int | None
    percent: Decimal | None = None
    strict: bool = False

    @classmethod
    def parse(cls, text: str | int) -> Limit:
        """``249_999``, ``"<0.25M"``, ``"1.2G"`` or ``"60%"``; raises UsageError when it is none of them."""
        if isinstance(text, int):
            if text < 0:
                raise UsageError(f"{text} is below 0", help="a limit is 0 or more")
            return cls(text=str(text), count=text)
        share = parse_share(text)
        if share is None:
            return cls(text=text.strip(), count=parse_limit(text))
        return cls(text=text.strip(), count=None, percent=share[0], strict=share[1])

    def of(self, whole: int | None) -> int | None:
        """The largest integer admitted; a percentage is taken of ``whole`` and is None when there is none."""
        if self.percent is None:
            return self.count
        return None if whole is None else largest_within(share_of(self.percent, whole), self.strict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A limit on one metric of one model or of one of its components.

    A percentage is of the same metric (and component) of ``relative_to``, else of the model's own total. ``location``
    is None for a budget that was given on the command line or in code. With ``sizes`` (``320:1280:32``, ``batch=1:8``)
    it holds at each of them, and nothing else.
    """

    name: str
    model: str
    metric: str
    max: Limit
    component: str = ""
    relative_to: str = ""
    warn: Limit | None = None
    message: str = ""
    location: Location | None = None
    sizes: tuple[str, ...] = ()


PASSED = "passed"
WARNED = "warned"
FAILED = "failed"
UNPROVEN = "unproven"
STATUSES = (PASSED, WARNED, UNPROVEN, FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A part of a value, by name: one of the largest components or modules."""

    name: str
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """A module whose own figure is not what the lock says; ``kind`` is new, wider, changed or removed.

    Wider means other sizes in its inputs or outputs than then. A figure of 0 stands for a module that is not there.
    """

    path: Path
    type: str
    kind: str
    before: int
    after: int
    shapes_before: str
    shapes_after: str

    @property
    def delta(self) -> int:
        """By how much it grew; below 0 when it shrank."""
        return self.after - self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetResult:
    """One budget held against one report: every figure in the metric's base unit.

    ``value`` is None when it was not measured, and a lower bound when ``lower_bound``. ``max`` is None when it is a
    percentage of something that was not measured. ``excess`` is ``value - max`` when that is more than 0, else 0.
    ``largest`` are the parts that the value consists of, largest first; ``growth`` is what changed since the lock, most
    first, and adds to the whole change; ``notes`` say what else a reader must know.
    """

    name: str
    model: str
    metric: str
    component: str
    value: int | None
    lower_bound: bool
    max: int | None
    status: str
    excess: int | None
    location: Location | None
    message: str
    largest: tuple[Share, ...] = ()
    growth: tuple[Growth, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """Where the limit stands: ``archscope.toml:12``, or empty when it was given by hand."""
        return str(self.location) if self.location else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedModel:
    """A model that was checked, and the inputs that its figures are for."""

    name: str
    inputs: tuple[InputRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A model that could not be checked: the error's words and its exit code."""

    model: str
    what: str
    where: str
    help: str
    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CheckResult(View):
    """What came of a check: its models, in the order of the budgets the results, and what could not be checked."""

    models: tuple[CheckedModel, ...] = ()
    results: tuple[BudgetResult, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every budget is known to hold (a warning holds)."""
        return not self.faults and all(result.status in {PASSED, WARNED} for result in self.results)

    def count(self, status: str) -> int:
        """How many results have that status."""
        return sum(result.status == status for result in self.results)

    def __add__(self, other: CheckResult) -> CheckResult:
        return CheckResult(
            models=self.models + other.models,
            results=self.results + other.results,
            faults=self.faults + other.faults,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LockPolicy:
    """What a lock file records (``metrics``, modules down to ``depth``) and how much growth it tolerates."""

    metrics: tuple[str, ...] = ("parameters", "macs")
    tolerance: Limit = Limit(text="0", count=0)
    depth: int | None = None
