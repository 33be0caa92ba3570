"""What was found: the report, with its JSON form.

Every figure is an integer in base units; what a run did not measure is None, never 0. Ratios are left to readers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from archscope.metrics import FigureRow, Figures, Rows
from archscope.receptive_field import InputField
from archscope.records import InputRecord, ParameterRecord, Path, Shape, Undecided
from archscope.spec import Option
from archscope.views import ReportView, View

SCHEMA_VERSION = 1
UNASSIGNED = "[unassigned]"
#: Stands in the operators for a kernel that wrote to memory without passing torch's dispatcher.
UNSEEN = "[unseen]"
#: Why operator calls do not show all of the work, by ``UnseenRow.kind``.
UNSEEN_KINDS = {
    "thread": "operators ran in another thread",
    "process": "work was given to another process",
    "dispatch": "torch's dispatch was switched off",
    "python": "a function of Python ran on each element of a tensor",
    "outside": "a tensor was made outside torch of values that the model had read",
    "write": "memory that the model gave away was written to by no operator",
    "elsewhere": "a tensor came from where no operator was seen to make it",
    "later": "the result does its work when it is used",
    "meta": "the model went on without values, which meta tensors do not have; it is too large to run with real ones",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """Which model, built how and run where. ``fallback`` says why it did not run on meta, or not at all."""

    name: str
    source: str
    description: str
    options: tuple[Option, ...]
    mode: str
    device: str
    fallback: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DtypeRow:
    """The weights of one dtype: parameters, and what quantised modules pack; ``nbytes`` is what they really take."""

    dtype: str
    parameters: int
    nbytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Training(FigureRow):
    """One training step: forward in train mode, the sum of all floating outputs as loss, backward, optimizer state."""

    carries: ClassVar[Rows] = Rows.TRAINING

    optimizer: str
    figures: Figures
    complete: bool

    @property
    def flops(self) -> int:  # type: ignore[override]  # of the whole step
        """Forward and backward together."""
        return self.forward_flops + (self.backward_flops or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConventionFigure:
    """What another counter's rule gives for the same run: ``counted`` in its own unit, and its parameters."""

    name: str
    description: str
    counted: int
    parameters: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Totals(View, FigureRow):
    """The whole. ``complete`` is False when operators without a formula make the run's figures lower bounds.

    ``parameter_bytes`` counts what quantised modules pack too. ``active_parameters`` is None where no router was seen
    to pick some of several experts; ``zero_parameters`` and the figures of a training step are None unless asked for.
    """

    carries: ClassVar[Rows] = Rows.TOTALS

    figures: Figures
    complete: bool
    training: Training | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ComponentRow(View, FigureRow):
    """A component: the sums over the modules that it claims. ``modules`` are the outermost of those (its instances)."""

    carries: ClassVar[Rows] = Rows.COMPONENTS

    name: str
    role: str
    description: str
    patterns: tuple[str, ...]
    modules: tuple[Path, ...]
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ModuleRow(View, FigureRow):
    """A module: its figures with its submodules (by path), ``own`` without them; ``receptive_field`` when asked for."""

    carries: ClassVar[Rows] = Rows.MODULES

    path: Path
    type: str
    depth: int
    component: str
    aliases: tuple[Path, ...]
    calls: int | None
    input_shapes: tuple[Shape, ...]
    output_shapes: tuple[Shape, ...]
    figures: Figures
    own: Figures
    receptive_field: tuple[InputField, ...] = ()

    @property
    def own_parameters(self) -> int:
        """Parameters that the module holds itself."""
        return self.own.parameters

    @property
    def own_macs(self) -> int | None:
        """MACs outside of its submodules."""
        return self.own.macs

    @property
    def own_flops(self) -> int | None:
        """FLOPs outside of its submodules."""
        return self.own.flops

    @property
    def own_activations(self) -> int | None:
        """Activations outside of its submodules."""
        return self.own.activations


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorRow(FigureRow):
    """An operator: ``kind`` is counted, free or uncounted; what is uncounted has figures of 0."""

    carries: ClassVar[Rows] = Rows.OPERATORS
    op: str
    kind: str
    calls: int
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class UncountedRow:
    """An operator without a formula, and where it runs: its cost is missing from every figure."""

    op: str
    calls: int
    modules: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnseenRow:
    """Work that no operator call shows: its kind (a key of UNSEEN_KINDS), its module, the line of the model's code."""

    kind: str
    path: Path
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRow:
    """A line of the model's code that decides by values what runs: the figures are exact for these values alone.

    ``op`` of the module ``path`` read them, ``calls`` times. What ran because of it cost ``macs`` and ``flops``, in
    ``modules``; two rows may both decide about the same call.
    """

    where: str
    op: str
    path: Path
    calls: int
    modules: tuple[Path, ...]
    macs: int
    flops: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnregisteredRow:
    """A weight that no module registered, in no parameter count: first used by ``op`` in ``path``."""

    shape: Shape
    dtype: str
    path: Path
    op: str

    @property
    def numel(self) -> int:
        """Elements."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class MixtureRow:
    """The weights of ``experts`` experts in one module, ``picked`` of which a token uses: active_parameters."""

    path: Path
    experts: int
    picked: int
    parameters: int
    active_parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRow:
    """Calls of one operator in one module with the same shapes; ``times`` of them, figures of all together."""

    path: Path
    op: str
    arguments: str
    outputs: tuple[Shape, ...]
    times: int
    macs: int
    flops: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A tensor that one component makes and another one reads (``[input]`` stands for the model's input)."""

    source: str
    target: str
    shape: Shape
    dtype: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedRow:
    """What module ``caller`` runs of ``owner``, a module with several paths, whose cost is counted at ``owner`` once.

    ``macs`` and ``flops`` are those of all ``calls`` together, with what is below ``owner``.
    """

    caller: Path
    owner: Path
    calls: int
    macs: int
    flops: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What decides the figures besides the model: nothing of the host, the date or library versions."""

    counting_rules: int
    components: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Report(ReportView):
    """What one model costs and where. Without a run, every figure of the run is None.

    ``unseen``, ``value_dependent`` and ``unregistered`` say what figures do not hold, or hold for these values alone.
    Rows: ``modules`` in ``named_modules()`` order, ``components`` in the order of their rules with ``[unassigned]``
    last (when it holds anything), ``operators`` by name. ``uncounted`` are those of the run, ``training_uncounted``
    those of the training step (forward in train mode and backward). ``undecided`` is control flow without a value.
    """

    schema_version: int
    model: ModelInfo
    inputs: tuple[InputRecord, ...]
    totals: Totals
    components: tuple[ComponentRow, ...]
    modules: tuple[ModuleRow, ...]
    operators: tuple[OperatorRow, ...]
    parameters: tuple[ParameterRecord, ...]
    uncounted: tuple[UncountedRow, ...]
    uncalled: tuple[Path, ...]
    flows: tuple[Flow, ...]
    calls: tuple[CallRow, ...] | None
    provenance: Provenance
    dtypes: tuple[DtypeRow, ...] = ()
    mixtures: tuple[MixtureRow, ...] = ()
    conventions: tuple[ConventionFigure, ...] = ()
    training_uncounted: tuple[UncountedRow, ...] = ()
    undecided: tuple[Undecided, ...] = ()
    shared: tuple[SharedRow, ...] = ()
    unseen: tuple[UnseenRow, ...] = ()
    value_dependent: tuple[ValueRow, ...] = ()
    unregistered: tuple[UnregisteredRow, ...] = ()
