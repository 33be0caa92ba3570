"""Every figure that archscope knows, one line each: what it is, how it adds, which rows carry it, how it is told.

The lines stand in ``FigureRow``. They are the table that sums, tables, budgets, locks, comparisons, JSON and the page
read, and at the same time typed attributes: ``report.totals.macs``, ``row.own.flops``.
"""

from __future__ import annotations

import enum
import importlib
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeAlias, TypeVar, cast, overload

Value: TypeAlias = int | None
N_co = TypeVar("N_co", int, Value, covariant=True)


class Rows(enum.Flag):
    """The kinds of rows that may carry a figure."""

    TOTALS = enum.auto()
    COMPONENTS = enum.auto()
    MODULES = enum.auto()
    OPERATORS = enum.auto()
    TRAINING = enum.auto()
    SWEEP = enum.auto()
    #: What adds up over modules: components and totals are its sums, each module has it with and without submodules.
    PARTS = TOTALS | COMPONENTS | MODULES


COUNT, BYTES = "", "B"
LESS, MORE = "less", "more"


class Metric(Generic[N_co]):
    """A figure. As a class attribute of a row it reads the row's figure of its name.

    ``unit`` is a count or bytes. ``of_parameter`` and ``of_call`` say what one parameter record or one counted call
    adds to the module that owns it (``packed``: weights that quantised modules pack add to it too); ``of_trace`` works
    out a figure of the whole that does not add, from a trace, as a function or as ``module:function``. With ``run`` it
    needs a run, and is None without one; ``lower_bound`` when operators without a formula leave it too small.
    ``budget`` when a budget may limit it, ``better`` less or more; ``prominent`` for the few that the page shows first.
    """

    name: str

    def __init__(  # noqa: PLR0913 - a line of the table
        self,
        label: str,
        help: str,  # noqa: A002 - the word that users see it under
        *,
        rows: Rows,
        unit: str = COUNT,
        of_parameter: Callable[[Any], int] | None = None,
        packed: bool = False,
        of_call: Callable[[Any], int] | None = None,
        of_trace: Callable[[Any], Value] | str | None = None,
        run: bool = False,
        lower_bound: bool = False,
        budget: bool = False,
        better: str = LESS,
        prominent: bool = False,
    ) -> None:
        self.label, self.help, self.unit, self.rows = label, help, unit, rows
        self.of_parameter, self.packed, self.of_call, self._of_trace = of_parameter, packed, of_call, of_trace
        self.run = run or of_call is not None
        self.lower_bound, self.budget, self.better, self.prominent = lower_bound, budget, better, prominent

    def __set_name__(self, _owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, row: None, kind: type) -> Metric[N_co]: ...
    @overload
    def __get__(self, row: FigureRow, kind: type) -> N_co: ...
    def __get__(self, row: FigureRow | None, kind: type) -> Metric[N_co] | N_co:
        if row is None:
            return self
        try:
            return row.figures[self.name]  # type: ignore[return-value]  # the line says which of the two it is
        except KeyError:
            raise AttributeError(f"a {kind.__name__} does not carry {self.name}") from None

    def __repr__(self) -> str:
        return f"<metric {self.name}>"

    @property
    def additive(self) -> bool:
        """Whether it is a sum over modules, so that components and modules have it too."""
        return Rows.COMPONENTS in self.rows

    @property
    def known_without_run(self) -> bool:
        """Whether every model has it, run or not."""
        return not self.run and bool(self.of_parameter or self._of_trace)

    @property
    def of_training(self) -> bool:
        """Whether it takes the run of a training step."""
        return self.name.startswith("training_")

    @property
    def title(self) -> str:
        """The label as a heading starts it: ``Parameters``, ``MACs``."""
        return self.label[:1].upper() + self.label[1:]

    def of_trace(self, trace: Any) -> Value:
        """The figure of a whole trace; None for a metric that is not worked out from one."""
        if isinstance(self._of_trace, str):
            module, _, name = self._of_trace.partition(":")
            return cast("int", getattr(importlib.import_module(module), name)(trace))
        return self._of_trace(trace) if self._of_trace else None


_PARTS, _TOTALS, _STEP = Rows.PARTS, Rows.TOTALS, Rows.TRAINING
_ALL = _PARTS | Rows.OPERATORS | Rows.SWEEP
_PEAK = "archscope.measure.summing.peak_memory:peak_activation_bytes"


class FigureRow:
    """What carries figures by metric. Its attributes, in the order in which they are told, are the table of metrics."""

    __slots__ = ()

    # fmt: off
    parameters = Metric[int]("parameters", "elements of all parameters", rows=_PARTS | Rows.SWEEP, of_parameter=attrgetter("numel"), budget=True, prominent=True)
    active_parameters = Metric[Value]("active parameters", "parameters that one token uses", rows=_TOTALS)
    trainable = Metric[int]("trainable", "elements that require a gradient", rows=_PARTS, of_parameter=lambda r: r.numel if r.trainable else 0, budget=True)
    buffers = Metric[int]("buffers", "elements of all buffers", rows=_TOTALS, of_trace=lambda trace: sum(r.numel for r in trace.buffers))
    buffer_bytes = Metric[int]("buffer bytes", "bytes of all buffers", rows=_TOTALS, unit=BYTES, of_trace=lambda trace: sum(r.nbytes for r in trace.buffers))
    parameter_bytes = Metric[int]("parameter bytes", "bytes of all parameters", rows=_PARTS, unit=BYTES, of_parameter=attrgetter("nbytes"), packed=True, budget=True, prominent=True)
    zero_parameters = Metric[Value]("zero parameters", "parameters that are 0", rows=_TOTALS, better=MORE)
    macs = Metric[Value]("MACs", "multiply-accumulates of one forward", rows=_ALL, of_call=attrgetter("cost.macs"), lower_bound=True, budget=True, prominent=True)
    flops = Metric[Value]("FLOPs", "2 x MACs and all other arithmetic", rows=_ALL, of_call=attrgetter("cost.flops"), lower_bound=True, budget=True, prominent=True)
    activations = Metric[Value]("activations", "elements of freshly allocated operator outputs", rows=_PARTS, of_call=attrgetter("activations"), prominent=True)
    conv_activations = Metric[Value]("conv activations", "those of convolutions, matrix products and attention", rows=_PARTS, of_call=attrgetter("conv_activations"))
    peak_activation_bytes = Metric[Value]("peak activation bytes", "most bytes of activations alive at once", rows=_TOTALS, unit=BYTES, of_trace=_PEAK, run=True, budget=True)
    arena_bytes = Metric[Value]("arena bytes", "bytes of the arenas that TFLite's own planner lays out", rows=_TOTALS, unit=BYTES, of_trace=attrgetter("arena"), run=True, budget=True)
    bytes_read = Metric[Value]("bytes read", "bytes that operators read", rows=_PARTS, unit=BYTES, of_call=attrgetter("bytes_read"))
    bytes_written = Metric[Value]("bytes written", "bytes that operators write", rows=_PARTS, unit=BYTES, of_call=attrgetter("bytes_written"))
    training_flops = Metric[Value]("training FLOPs", "FLOPs of a training step, forward and backward", rows=_TOTALS, run=True, lower_bound=True, budget=True)
    training_memory_bytes = Metric[Value]("training memory bytes", "bytes of a training step: weights, gradients, activations and AdamW's state", rows=_TOTALS, unit=BYTES, run=True, budget=True)
    forward_macs = Metric[int]("forward MACs", "MACs of the forward pass in train mode", rows=_STEP, run=True, lower_bound=True)
    forward_flops = Metric[int]("forward FLOPs", "FLOPs of the forward pass in train mode", rows=_STEP, run=True, lower_bound=True)
    backward_macs = Metric[Value]("backward MACs", "MACs of the backward pass", rows=_STEP | Rows.MODULES, run=True, lower_bound=True)
    backward_flops = Metric[Value]("backward FLOPs", "FLOPs of the backward pass", rows=_STEP | Rows.MODULES, run=True, lower_bound=True)
    unassigned_flops = Metric[int]("backward FLOPs of no module", "backward FLOPs that no module's forward caused", rows=_STEP, run=True)
    gradient_bytes = Metric[int]("gradient bytes", "bytes of the trainable parameters' gradients", rows=_STEP, unit=BYTES, run=True)
    saved_activation_bytes = Metric[int]("saved activation bytes", "bytes held when the backward pass starts", rows=_STEP, unit=BYTES, run=True)
    optimizer_bytes = Metric[int]("optimizer state bytes", "bytes of the optimizer's state", rows=_STEP, unit=BYTES, run=True)
    peak_bytes = Metric[int]("peak bytes", "most bytes that operators hold at once in the step", rows=_STEP, unit=BYTES, run=True)
    memory_bytes = Metric[int]("step memory bytes", "that peak with parameters, buffers and optimizer state", rows=_STEP, unit=BYTES, run=True)
    # fmt: on

    if TYPE_CHECKING:
        carries: ClassVar[Rows]

        @property
        def figures(self) -> Figures:
            """The figures by metric."""

    def __getitem__(self, metric: str) -> Value:
        return self.figures[metric]


class Figures(FigureRow, Mapping[str, Value]):
    """Figures by metric, frozen; differences are taken figure by figure, None where a side is None."""

    __slots__ = ("_values",)
    _values: dict[str, Value]

    def __init__(self, values: Mapping[str, Value] | None = None, /, **more: Value) -> None:
        held = values._values if isinstance(values, Figures) else values or {}  # noqa: SLF001 - its own
        object.__setattr__(self, "_values", {**held, **more})

    @property
    def figures(self) -> Figures:
        """Itself."""
        return self

    def __getitem__(self, metric: str) -> Value:
        return self._values[metric]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __reduce__(self) -> tuple[type[Self], tuple[dict[str, Value]]]:
        return type(self), (self._values,)

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Figures) and self._values == other._values

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"figures are frozen: {name} cannot be set")

    def __neg__(self) -> Self:
        return type(self)({name: None if value is None else -value for name, value in self.items()})

    def __sub__(self, other: Self) -> Self:
        pairs = {name: (value, other.get(name)) for name, value in self.items()}
        return type(self)({name: None if a is None or b is None else a - b for name, (a, b) in pairs.items()})

    def __repr__(self) -> str:
        return f"Figures({self._values})"


#: By name, in the order in which they are told.
METRICS: dict[str, Metric[Any]] = {name: line for name, line in vars(FigureRow).items() if isinstance(line, Metric)}


def carried_by(rows: Rows) -> dict[str, Metric[Any]]:
    """The metrics that rows of that kind carry, by name."""
    wanted = rows.value
    return {name: metric for name, metric in METRICS.items() if wanted & metric.rows.value}


def limitable() -> dict[str, Metric[Any]]:
    """The metrics that a budget may limit, by name."""
    return {name: metric for name, metric in METRICS.items() if metric.budget}


def register(name: str, metric: Metric[Any]) -> None:
    """Add a metric to the table, last; raises ValueError for a name that is taken."""
    if hasattr(FigureRow, name):
        raise ValueError(f"there is a metric or attribute {name!r} already")
    metric.__set_name__(FigureRow, name)
    setattr(FigureRow, name, metric)
    METRICS[name] = metric
