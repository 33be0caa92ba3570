"""What was found: the report, with its JSON form.

Every figure is an integer in base units; what a run did not measure is None, never 0. Ratios are left to readers.
"""

from __future__ import annotations

from dataclasses import dataclass

from archscope.records import InputRecord, ParameterRecord, Path, Shape
from archscope.spec import Option

SCHEMA_VERSION = 1
UNASSIGNED = "[unassigned]"
#: Stands in the operators for a kernel that wrote to memory without passing torch's dispatcher.
UNSEEN = "[unseen]"


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
class Training:
    """One training step: forward in train mode, the sum of all floating outputs as loss, backward, optimizer state.

    ``unassigned_flops`` is the part of ``backward_flops`` that no module's forward caused. Bytes: ``gradient_bytes`` of
    the trainable parameters, ``saved_activation_bytes`` held when the backward pass starts, ``optimizer_bytes`` of the
    optimizer's state, ``peak_bytes`` the most that operators hold at once in the step (gradients included) and
    ``memory_bytes`` that peak with parameters, buffers and optimizer state.
    """

    optimizer: str
    forward_macs: int
    forward_flops: int
    backward_macs: int
    backward_flops: int
    unassigned_flops: int
    gradient_bytes: int
    saved_activation_bytes: int
    optimizer_bytes: int
    peak_bytes: int
    memory_bytes: int
    complete: bool

    @property
    def flops(self) -> int:
        """Forward and backward together."""
        return self.forward_flops + self.backward_flops


@dataclass(frozen=True, slots=True, kw_only=True)
class ConventionFigure:
    """What another counter's rule gives for the same run: ``counted`` in its own unit, and its parameters."""

    name: str
    description: str
    counted: int
    parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The whole. ``complete`` is False when operators without a formula make the run's figures lower bounds.

    ``buffers`` counts elements, ``*_bytes`` bytes (``parameter_bytes`` with what quantised modules pack),
    ``activations`` elements of freshly allocated operator outputs and ``conv_activations`` those of convolutions,
    matrix products and attention alone. ``active_parameters`` are those that one token uses; None where no router was
    seen to pick some of several experts. ``zero_parameters`` counts the weights that are 0, ``training`` is a training
    step; both are None unless asked for.
    """

    parameters: int
    trainable: int
    buffers: int
    parameter_bytes: int
    buffer_bytes: int
    macs: int | None
    flops: int | None
    activations: int | None
    conv_activations: int | None
    peak_activation_bytes: int | None
    bytes_read: int | None
    bytes_written: int | None
    complete: bool
    active_parameters: int | None = None
    zero_parameters: int | None = None
    training: Training | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentRow:
    """A component: the sums over the modules that it claims. ``modules`` are the outermost of those (its instances)."""

    name: str
    role: str
    description: str
    patterns: tuple[str, ...]
    modules: tuple[Path, ...]
    parameters: int
    trainable: int
    parameter_bytes: int
    macs: int | None
    flops: int | None
    activations: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleRow:
    """A module: ``own_*`` without, the others with its submodules (by path, each parameter once)."""

    path: Path
    type: str
    depth: int
    component: str
    aliases: tuple[Path, ...]
    calls: int | None
    input_shapes: tuple[Shape, ...]
    output_shapes: tuple[Shape, ...]
    parameters: int
    own_parameters: int
    trainable: int
    parameter_bytes: int
    macs: int | None
    own_macs: int | None
    flops: int | None
    own_flops: int | None
    activations: int | None
    own_activations: int | None
    conv_activations: int | None
    bytes_read: int | None
    bytes_written: int | None
    backward_macs: int | None = None
    backward_flops: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorRow:
    """An operator: ``kind`` is counted, free or uncounted."""

    op: str
    kind: str
    calls: int
    macs: int
    flops: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UncountedRow:
    """An operator without a formula, and where it runs: its cost is missing from every figure."""

    op: str
    calls: int
    modules: tuple[Path, ...]


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
class Provenance:
    """What decides the figures besides the model: nothing of the host, the date or library versions."""

    counting_rules: int
    components: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one model costs and where. Without a run, every figure of the run is None.

    Rows: ``modules`` in ``named_modules()`` order, ``components`` in the order of their rules with ``[unassigned]``
    last (when it holds anything), ``operators`` by name.
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
