"""Only the totals of a model, counted during one bare run on meta; for sweeps that measure thousands of models.

It keeps no records, hooks nothing and restores nothing, because the model is built here and thrown away.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import nn
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack

from archscope.formulas import DEFAULT_FORMULAS, FormulaTable
from archscope.formulas.lookup import find_rule
from archscope.formulas.table import COUNTED, UNCOUNTED, Formula
from archscope.measure.measuring import trace_spec
from archscope.measure.running.autocast import autocast_watched
from archscope.measure.running.call_forms import call_forms
from archscope.measure.running.code_caches import caches_kept
from archscope.measure.running.device_paths import as_devices_do
from archscope.measure.running.inputs import InputsLike, invoked, on_meta
from archscope.measure.running.inventory import dtype_name
from archscope.measure.running.meta_cache import MetaCache, repeatable
from archscope.measure.running.run_notes import RunNotes
from archscope.measure.running.sparse_tensors import is_sparse
from archscope.measure.running.tensors_of_run import any_tensor
from archscope.measure.running.told_calls import ENTRY, reads_values, told_kind
from archscope.measure.running.triton_launches import triton_watched
from archscope.measure.running.ways_out import ways_out_watched
from archscope.measure.summing.counted_calls import count
from archscope.measure.summing.unregistered import unregistered_weights
from archscope.measure.summing.value_flow import value_rows
from archscope.metrics import FigureRow, Figures, Rows
from archscope.records import OpCall, TensorMeta
from archscope.report import UnregisteredRow, ValueRow
from archscope.spec import ModelSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class QuickTotals(FigureRow):
    """The totals of one model; MACs and FLOPs are None without a run, lower bounds unless ``complete``.

    ``value_dependent`` and ``unregistered`` are those of its report.
    """

    carries: ClassVar[Rows] = Rows.SWEEP
    figures: Figures
    complete: bool
    value_dependent: tuple[ValueRow, ...] = ()
    unregistered: tuple[UnregisteredRow, ...] = ()


def quick_totals(
    spec: ModelSpec, inputs: InputsLike | None = None, formulas: FormulaTable = DEFAULT_FORMULAS
) -> QuickTotals:
    """What ``analyze`` would give as totals, for less: about the cost of building the model and a bare run.

    A model that cannot be built or run on meta takes the long way. Raises BuildError and ForwardError.
    """
    call = inputs if inputs is not None else spec.inputs or None
    if call is not None:
        with contextlib.suppress(Exception):  # whatever it is, the long way tells it better or succeeds
            found = _run(spec, call, formulas)
            if found is not None:
                return found
    seen = trace_spec(spec, inputs)
    counted = count(seen, formulas)
    costs = [item.cost for item in counted]
    ran = seen.calls is not None
    return QuickTotals(
        figures=Figures(
            parameters=sum(record.numel for record in seen.parameters),
            macs=sum(cost.macs for cost in costs) if ran else None,
            flops=sum(cost.flops for cost in costs) if ran else None,
        ),
        complete=all(item.kind != UNCOUNTED for item in counted),
        value_dependent=value_rows(seen, counted),
        unregistered=unregistered_weights(seen, counted),
    )


def use_one_thread() -> None:
    """Keep torch to one thread, in a process that is one of many."""
    torch.set_num_threads(1)


def _run(spec: ModelSpec, call: Any, formulas: FormulaTable) -> QuickTotals | None:
    """The totals, or None where what the model does has to be recorded to be counted."""
    cached = caches_kept((spec.build,), any_tensor)
    with cached, torch.random.fork_rng(devices=[]), torch.device("meta"):
        model = spec.build().eval()
        given = on_meta(call_forms(model, call).forms[0])
        held = (*model.parameters(), *model.buffers())
        counter = _Counter(formulas, (*held, *pytree.tree_leaves((given.args, given.kwargs))))
        with (
            torch.no_grad(),
            autocast_watched() as autocast,
            triton_watched(counter.launched),
            ways_out_watched(counter.notes),
            as_devices_do(counter, "meta"),
            counter,
        ):
            output = (invoked(model, given) if given.method else model)(*given.args, **given.kwargs)
    notes = counter.notes
    noted = notes.unseen or notes.asks or notes.reads or _works_later(output) or autocast.told or autocast.device
    if counter.doubtful or noted or counter.may_fold() or any(map(is_sparse, held)):
        return None
    if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
        return None
    return QuickTotals(
        figures=Figures(
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            macs=counter.macs,
            flops=counter.flops,
        ),
        complete=counter.complete,
    )


class _Known(NamedTuple):
    """An operator's formula (None when it is free or uncounted), its name, arguments and their defaults."""

    formula: Formula | None
    name: str
    names: tuple[str, ...]
    defaults: dict[str, Any]
    repeatable: bool
    told: str


class _Counter(TorchDispatchMode):
    """Adds up the cost of every operator call."""

    def __init__(self, formulas: FormulaTable, registered: Iterable[object]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it without types
        self.macs = 0
        self.flops = 0
        self.complete = True
        self.doubtful = False
        self.notes = RunNotes()
        self._formulas = formulas
        self._met = set(map(id, registered))  # tensors that are registered, given or made by operators
        self._known: dict[Any, _Known] = {}
        self._cache = MetaCache()
        self._remembers = not _get_current_dispatch_mode_stack()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        formula, name, names, defaults, memorable, told = self._known.get(func) or self._learn(func)
        if not self.doubtful:
            self.doubtful = reads_values(told, name, args) or not (told == ENTRY or self._knows(args, kwargs))
        try:
            remembers = memorable and self._remembers
            output = self._cache.run(_call, func, args, kwargs) if remembers else func(*args, **kwargs)
        except Exception:
            self.doubtful = True  # the model may go on without it
            raise
        self._meet(output)
        if name.startswith(("aten::empty", "aten::new_empty")) and output.numel():
            self.doubtful = True  # something unseen may write to it
        if formula is not None:
            arguments = {**defaults, **dict(zip(names, map(_plain, args), strict=False))}
            arguments.update((key, _plain(value)) for key, value in kwargs.items())
            cost = formula(OpCall(0, name, "", "forward", arguments, tuple(_outputs(output))))
            self.complete &= not cost.partial
            self.macs += cost.macs
            self.flops += cost.flops
        return output

    def launched(self, _kernel: str, _arguments: Mapping[str, Any]) -> bool:
        """Take note of a kernel that the model launches itself; on meta none can run."""
        self.doubtful = True
        return False

    def may_fold(self) -> bool:
        """Whether convolutions of complex numbers may have run, which take a look at several calls together."""
        names = {known.name.partition(".")[0] for known in self._known.values()}
        return {"aten::view_as_real", "aten::convolution"} <= names

    def _learn(self, func: Any) -> _Known:
        schema = func._schema  # noqa: SLF001 - torch has no public name for it
        name = f"{schema.name}.{schema.overload_name}" if schema.overload_name else schema.name
        rule = find_rule(self._formulas, name)
        self.complete &= rule is not None
        known = _Known(
            formula=rule.formula if rule is not None and rule.kind == COUNTED else None,
            name=name,
            names=tuple(argument.name for argument in schema.arguments),
            defaults={a.name: a.default_value for a in schema.arguments if a.has_default_value()},
            repeatable=repeatable(func),
            told=told_kind(func, name),
        )
        self._known[func] = known
        return known

    def _knows(self, args: Iterable[Any], kwargs: Mapping[str, Any]) -> bool:
        """Whether no argument may be a weight that is registered nowhere: those must be recorded."""
        return all(
            self._knows(value, {}) if isinstance(value, (list, tuple)) else id(value) in self._met or not _weighs(value)
            for value in (*args, *kwargs.values())
        )

    def _meet(self, output: Any) -> None:
        if isinstance(output, torch.Tensor):
            self._met.add(id(output))
        elif isinstance(output, (list, tuple)):
            for item in output:
                self._meet(item)


def _works_later(output: Any) -> bool:
    """Whether some of the work is still to be done, or nobody knows."""
    known = (torch.Tensor, int, float, str, bytes, type(None))
    return not all(isinstance(leaf, known) or dataclasses.is_dataclass(leaf) for leaf in pytree.tree_leaves(output))


def _weighs(value: Any) -> bool:
    """Whether ``value`` may be a weight: a tensor other than a number that torch made one of."""
    return isinstance(value, torch.Tensor) and (value.dim() > 0 or isinstance(value, nn.Parameter))


def _call(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return func(*args, **kwargs)


def _plain(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        dtype = value.dtype
        return TensorMeta(tuple(value.shape), dtype_name(dtype), dtype.itemsize, 0)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _outputs(output: Any) -> list[TensorMeta]:
    if isinstance(output, torch.Tensor):
        return [_plain(output)]
    if isinstance(output, (list, tuple)):
        return [meta for item in output for meta in _outputs(item)]
    return []
