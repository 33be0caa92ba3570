"""Mixtures of experts: which weights are used for some tokens only, and how many are active for one token."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import prod
from typing import NamedTuple

from archscope.records import ModuleRecord, ParameterRecord, Path, Trace
from archscope.report import MixtureRow

_GROUPED = frozenset({"aten::_grouped_mm", "aten::_scaled_grouped_mm", "transformers::grouped_mm_fallback"})
# What multiplies by a matrix for each expert, takes the experts apart or lays them out anew, and what adds biases.
_OF_EXPERTS = frozenset({"_grouped_mm", "_scaled_grouped_mm", "grouped_mm_fallback", "bmm", "baddbmm"})
_OF_EXPERTS |= {"index", "index_select", "select", "unbind", "split", "clone", "_to_copy"}
_OF_BIASES = frozenset({"index", "index_select", "select", "unbind", "split", "add", "baddbmm", "grouped_mm_fallback"})


class _Router(NamedTuple):
    """A choice of ``picked`` among ``experts``, made in module ``path`` for ``tokens`` tokens."""

    path: Path
    experts: int
    picked: int
    tokens: int


class _Mixture(NamedTuple):
    """The weights in module ``path`` of which a token uses ``picked`` / ``experts``."""

    path: Path
    experts: int
    picked: int
    weights: tuple[ParameterRecord, ...]


def mixtures(trace: Trace) -> tuple[tuple[MixtureRow, ...], int | None]:
    """A row for each module that holds experts of which a router picks some, and the parameters that one token uses.

    Of experts inside experts a token uses the share of a share; without any rows the second is None.
    A router is a call of ``topk`` with k of E scores on the last dimension, or a grouped product of E matrices whose
    rows are k times the tokens of the block around it. Its experts stand in the module that chooses or the one around
    it: parameters of E matrices that are multiplied or taken one by one, with their biases, or E children that are
    all alike and together got the rows of k choices for each token. Where routers disagree about k there is no row.
    """
    routers = [*_chosen(trace), *_grouped(trace)]
    if not routers:
        return (), None
    stacked, listed = _Stacked(trace, routers), _Listed(trace, routers)
    found: dict[Path, set[_Mixture]] = defaultdict(set)
    for router in dict.fromkeys(routers):
        for scope in dict.fromkeys((router.path, _parent(router.path))):
            near = [*stacked.within(scope, router), *listed.within(scope, router)]
            for mixture in near:
                found[mixture.path].add(mixture)
            if near:
                break
    agreed = [next(iter(found[record.path])) for record in trace.modules if len(found.get(record.path, ())) == 1]
    return tuple(map(_row, agreed)), _active(trace.parameters, agreed) if agreed else None


def _active(parameters: Sequence[ParameterRecord], found: Sequence[_Mixture]) -> int:
    shares: dict[Path, Fraction] = defaultdict(lambda: Fraction(1))
    for mixture in found:
        for weight in mixture.weights:
            shares[weight.path] *= Fraction(mixture.picked, mixture.experts)
    return int(sum((record.numel * shares[record.path] for record in parameters), Fraction(0)))


def _row(mixture: _Mixture) -> MixtureRow:
    parameters = sum(weight.numel for weight in mixture.weights)
    return MixtureRow(
        path=mixture.path,
        experts=mixture.experts,
        picked=mixture.picked,
        parameters=parameters,
        active_parameters=parameters // mixture.experts * mixture.picked,
    )


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
                tokens = _tokens(records[_parent(call.path)])
                picked, rest = divmod(left.shape[0], tokens) if tokens else (0, 1)
                if not rest and 0 < picked < right.shape[0]:
                    yield _Router(call.path, right.shape[0], picked, tokens)


def _tokens(record: ModuleRecord) -> int:
    """Rows of the first tensor that a module took."""
    return prod(record.input_shapes[0][:-1]) if record.input_shapes else 0


def _parent(path: Path) -> Path:
    return path.rpartition(".")[0]


def _is_within(path: Path, scope: Path) -> bool:
    return not scope or path == scope or path.startswith(f"{scope}.")


class _Stacked:
    """Parameters that hold a matrix for each expert, and the biases beside them."""

    def __init__(self, trace: Trace, routers: Sequence[_Router]) -> None:
        sizes = {router.experts for router in routers}
        by_storage: dict[int, list[ParameterRecord]] = defaultdict(list)
        for record in trace.parameters:
            if len(record.shape) > 1 and record.shape[0] in sizes:
                by_storage[trace.weights[record.path]].append(record)
        readers: dict[Path, set[str]] = defaultdict(set)
        for call in (trace.calls or ()) if by_storage else ():
            for tensor in call.inputs:
                for record in by_storage.get(tensor.storage, ()):
                    if record.numel == tensor.numel:
                        readers[record.path].add(call.op.partition("::")[2].partition(".")[0])
        records = [record for held in by_storage.values() for record in held]
        self._matrices = [r for r in records if len(r.shape) > 2 and readers[r.path] & _OF_EXPERTS]
        self._biases = [r for r in records if len(r.shape) == 2 and readers[r.path] & _OF_BIASES]

    def within(self, scope: Path, router: _Router) -> Iterator[_Mixture]:
        places: dict[Path, list[ParameterRecord]] = defaultdict(list)
        for record in self._matrices:
            if record.shape[0] == router.experts and _is_within(record.path, scope):
                places[_parent(record.path)].append(record)
        for record in self._biases:
            if record.shape[0] == router.experts and _parent(record.path) in places:
                places[_parent(record.path)].append(record)
        for path, weights in places.items():
            yield _Mixture(path, router.experts, router.picked, tuple(weights))


class _Listed:
    """Modules that hold one child for each expert."""

    def __init__(self, trace: Trace, routers: Sequence[_Router]) -> None:
        self._choices = Counter((router.path, router.experts) for router in routers)
        sizes = {router.experts for router in routers}
        children: dict[Path, list[ModuleRecord]] = defaultdict(list)
        for record in trace.modules if sizes else ():
            if record.path:
                children[_parent(record.path)].append(record)
        self._groups = {path: below for path, below in children.items() if len(below) in sizes}
        self._weights: dict[Path, list[ParameterRecord]] = {r.path: [] for b in self._groups.values() for r in b}
        for weight in trace.parameters if self._weights else ():
            path = weight.path
            while path := _parent(path):
                if path in self._weights:
                    self._weights[path].append(weight)

    def within(self, scope: Path, router: _Router) -> Iterator[_Mixture]:
        if self._choices[router.path, router.experts] > 1:
            return  # a block that runs again: the records have the rows of its first run alone
        for path, below in self._groups.items():
            if len(below) == router.experts and _is_within(path, scope):
                each = {sum(weight.numel for weight in self._weights[record.path]) for record in below}
                alike = len(each) == len({record.type_name for record in below}) == 1
                rows = sum(_tokens(record) for record in below if record.calls)
                if alike and rows == router.tokens * router.picked:
                    weights = tuple(weight for record in below for weight in self._weights[record.path])
                    yield _Mixture(path, router.experts, router.picked, weights)
