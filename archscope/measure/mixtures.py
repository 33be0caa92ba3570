"""Mixtures of experts: which weights only some tokens use, told by the router's choice and by how they are read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import prod
from typing import NamedTuple

from archscope.records import ModuleRecord, OpCall, ParameterRecord, Path, Trace
from archscope.report import MixtureRow

_GROUPED = frozenset({"aten::_grouped_mm", "aten::_scaled_grouped_mm", "transformers::grouped_mm_fallback"})
# What reads a weight whole for every token, and what only looks at it in another shape.
_WHOLE = frozenset({"mm", "addmm", "linear", "convolution", "embedding", "native_layer_norm"})
_RESHAPED = frozenset({"t", "transpose", "permute", "view", "_unsafe_view", "detach", "alias", "expand"})


class _Router(NamedTuple):
    """A choice of ``picked`` among ``experts``, made in module ``path`` for ``tokens`` tokens."""

    path: Path
    experts: int
    picked: int
    tokens: int


def mixtures(trace: Trace) -> tuple[MixtureRow, ...]:
    """A row for each module that holds the weights of E experts of which a router picks k for each token.

    A router is a call of ``topk`` with k of E scores on the last dimension, or a grouped product of E matrices whose
    rows are k times the tokens of the block around it. The experts stand in the nearest module around the router that
    has any: parameters with E as their first size that no product takes whole, or E children that are all alike and
    together got the rows of k choices (or of all E) for each token.
    """
    routers = list(dict.fromkeys((*_chosen(trace), *_grouped(trace))))
    stacked, listed = _Stacked(trace, routers), _Listed(trace, routers)
    rows: dict[Path, MixtureRow] = {}
    for router in routers:
        for scope in _around(router.path):
            found = [*stacked.within(scope, router), *listed.within(scope, router)]
            for row in found:
                rows.setdefault(row.path, row)
            if found:
                break
    return tuple(rows[record.path] for record in trace.modules if record.path in rows)


def _chosen(trace: Trace) -> Iterator[_Router]:
    for call in trace.calls or ():
        if call.op == "aten::topk":
            scores, picked = call.inputs[0].shape, call.arguments["k"]
            last = call.arguments["dim"] in {-1, len(scores) - 1}
            if scores and last and 0 < picked < scores[-1]:
                yield _Router(call.path, scores[-1], picked, prod(scores[:-1]))


def _grouped(trace: Trace) -> Iterator[_Router]:
    """Routers that choose by other means than ``topk``."""
    records = {record.path: record for record in trace.modules}
    for call in trace.calls or ():
        if call.op in _GROUPED:
            left, right, *_ = call.inputs
            if len(left.shape) == 2 and len(right.shape) == 3:
                tokens = _tokens(records[call.path.rpartition(".")[0]])
                picked, rest = divmod(left.shape[0], tokens) if tokens else (0, 1)
                if not rest and 0 < picked < right.shape[0]:
                    yield _Router(call.path, right.shape[0], picked, tokens)


def _tokens(record: ModuleRecord) -> int:
    """Rows of the first tensor that a module took."""
    return prod(record.input_shapes[0][:-1]) if record.input_shapes else 0


def _around(path: Path) -> Iterator[Path]:
    """``path`` and every path above it."""
    yield path
    while path:
        path = path.rpartition(".")[0]
        yield path


def _is_within(path: Path, scope: Path) -> bool:
    return not scope or path == scope or path.startswith(f"{scope}.")


class _Stacked:
    """Parameters that hold one slice for each expert, by their number of slices."""

    def __init__(self, trace: Trace, routers: Sequence[_Router]) -> None:
        sizes = {router.experts for router in routers}
        by_storage: dict[int, list[ParameterRecord]] = defaultdict(list)
        for record in trace.parameters:
            if len(record.shape) > 1 and record.shape[0] in sizes:
                by_storage[trace.weights[record.path]].append(record)
        whole: set[Path] = set()
        sliced: dict[Path, ParameterRecord] = {}
        for call in (trace.calls or ()) if by_storage else ():
            for record in _read_by(call, by_storage):
                name = call.op.partition("::")[2].partition(".")[0]
                if name in _WHOLE:
                    whole.add(record.path)
                elif name not in _RESHAPED:
                    sliced[record.path] = record
        self._records = [record for path, record in sliced.items() if path not in whole]

    def within(self, scope: Path, router: _Router) -> Iterator[MixtureRow]:
        places: dict[Path, int] = defaultdict(int)
        for record in self._records:
            if record.shape[0] == router.experts and _is_within(record.path, scope):
                places[record.path.rpartition(".")[0]] += record.numel
        for path, parameters in places.items():
            yield _row(path, router, parameters)


def _read_by(call: OpCall, by_storage: dict[int, list[ParameterRecord]]) -> Iterator[ParameterRecord]:
    for tensor in call.inputs:
        for record in by_storage.get(tensor.storage, ()):
            if record.numel == tensor.numel:
                yield record


class _Listed:
    """Modules that hold one child for each expert, by their number of children."""

    def __init__(self, trace: Trace, routers: Sequence[_Router]) -> None:
        sizes = {router.experts for router in routers}
        children: dict[Path, list[ModuleRecord]] = defaultdict(list)
        for record in trace.modules if sizes else ():
            if record.path:
                children[record.path.rpartition(".")[0]].append(record)
        self._groups = {path: below for path, below in children.items() if len(below) in sizes}
        within = dict.fromkeys((record.path for below in self._groups.values() for record in below), 0)
        for weight in trace.parameters if within else ():
            for path in _around(weight.path):
                if path in within:
                    within[path] += weight.numel
        self._parameters = within

    def within(self, scope: Path, router: _Router) -> Iterator[MixtureRow]:
        for path, below in self._groups.items():
            if len(below) == router.experts and _is_within(path, scope):
                each = {self._parameters[record.path] for record in below}
                alike = len(each) == len({record.type_name for record in below}) == 1
                rows = sum(_tokens(record) for record in below if record.calls)
                if alike and rows in {router.tokens * router.picked, router.tokens * router.experts}:
                    yield _row(path, router, router.experts * each.pop())


def _row(path: Path, router: _Router, parameters: int) -> MixtureRow:
    return MixtureRow(
        path=path,
        experts=router.experts,
        picked=router.picked,
        parameters=parameters,
        active_parameters=parameters // router.experts * router.picked,
    )
