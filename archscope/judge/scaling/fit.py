"""From runs at several sizes to the formulas of a region: one for each figure of each operator in each module."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from archscope.judge.scaling.alike import alike
from archscope.judge.scaling.floor_terms import Candidate, Term, candidates, quantities
from archscope.judge.scaling.interpolation import Fitted, Point, Series, fit
from archscope.judge.scaling.observation import Key, Observation
from archscope.judge.scaling.peak import Peak
from archscope.judge.scaling.residues import Residues, in_floors, residues
from archscope.judge.scaling.sampling import sample
from archscope.judge.scaling.tensor_sizes import levels_of, varied_sizes
from archscope.metrics import METRICS
from archscope.results.polynomial import ZERO, Formula, Largest, Polynomial, Powers
from archscope.results.scaling_region import Group, ModuleName, Region

_PROGRAMS = 12  # that are told apart by residues
_WIDE = 64  # points at which monomials are held against each other
_GRID = 50_000  # sizes at which it is tried which moment is the peak


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """The formulas found, how many points it takes to verify them, what has none, and the floor terms.

    ``floors`` are those of each dimension with what they may be besides; ``used`` those that formulas are in.
    """

    region: Region
    needed: int
    unfit: tuple[Key, ...]
    floors: Mapping[str, Sequence[Term]]
    used: Mapping[str, Sequence[Term]]


def fit_region(
    seen: Mapping[Point, Observation], names: Sequence[str], axes: Sequence[Sequence[int]], *, rounded: bool = True
) -> Fit:
    """The formulas through everything in ``seen``, in the box of sizes that ``axes`` span; ``rounded`` tries floors."""
    points = [*seen]
    runs = alike([*seen.values()])
    series = {
        key: tuple(run.figures.get(key, 0) for run in runs)
        for key in dict.fromkeys(itertools.chain.from_iterable(run.figures for run in runs))
    }
    peaks = {name: peak for name in runs[0].lives if (peak := Peak.of([run.lives[name] for run in runs])) is not None}
    additive = {figures for key, figures in series.items() if METRICS[key.metric].additive}
    wanted = {*series.values(), *itertools.chain.from_iterable(peak.series for peak in peaks.values())}
    wide = [*itertools.islice(sample(axes), _WIDE)]
    found = fit(wanted, points, names, (), wide)
    floors: dict[str, Sequence[Term]] = {}
    used: dict[str, Sequence[Term]] = {}
    if rounded and wanted - found.keys():
        columns = varied_sizes(runs)
        rounds = {
            name: tuple(dict.fromkeys(candidates(columns, points, place).values())) for place, name in enumerate(names)
        }
        terms = [term for name, known in rounds.items() for term in quantities(name, known)]
        sorts = {key for key, figures in series.items() if figures not in found and _sorts(key, runs)}
        levels = [term for key in sorts for term in levels_of(runs, (key.path, key.op), points, names)]
        rests = _rests([key for key, figures in series.items() if figures not in found], runs, points, rounds)
        floors = {name: (*known, *rests[name]) for name, known in rounds.items()}
        terms += [term.quantity(name) for name, several in rests.items() for term in several]
        fitted = fit(wanted - found.keys(), points, names, [*terms, *dict.fromkeys(levels)], wide)
        met = {quantity for one in fitted.values() for quantity in one.polynomial.quantities}
        used = {name: [one for one in known if one.quantity(name) in met] for name, known in floors.items()}
        found |= {one: Fitted(in_floors(made.polynomial), made.points) for one, made in fitted.items()}
    whole, wants = _whole(series, peaks, found, names, axes)
    wants += [found[figures].points for figures in additive if figures in found]
    unfit = tuple(key for key, figures in series.items() if figures in additive and figures not in found)
    reasons = {key.metric: _reason(key, unfit) for key in {key.metric: key for key in reversed(unfit)}.values()}
    reasons |= {
        name: "it is the most of several moments, and the bytes alive at one of them follow no polynomial"
        for name, formula in whole.items()
        if formula is None
    }
    region = Region(
        low=tuple(axis[0] for axis in axes),
        high=tuple(axis[-1] for axis in axes),
        names=runs[-1].names,
        modules=_modules(runs[-1]),
        groups=_groups(series, found, runs),
        whole=whole,
        reasons=reasons,
        checked=len(points),
        complete=all(run.complete for run in runs),
        ran=all(run.ran for run in runs),
    )
    return Fit(region=region, needed=max(wants, default=1), unfit=unfit, floors=floors, used=used)


def measured_region(point: Point, run: Observation) -> Region:
    """One size alone, whose figures are those of a run."""
    figures: dict[tuple[str, str], dict[str, Formula | None]] = defaultdict(dict)
    whole: dict[str, Formula | None] = {}
    for key, value in run.figures.items():
        constant = Polynomial((((), value),)) if value else ZERO
        if METRICS[key.metric].additive:
            figures[key.path, key.op][key.metric] = constant
        else:
            whole[key.metric] = constant
    return Region(
        low=point,
        high=point,
        names=run.names,
        modules=_modules(run),
        groups=tuple(
            Group(path=path, component=run.components[path], op=op, family=run.families.get(op, ""), figures=one)
            for (path, op), one in figures.items()
        ),
        whole=whole,
        reasons={},
        checked=1,
        measured=True,
        complete=run.complete,
        ran=run.ran,
    )


def _modules(run: Observation) -> tuple[ModuleName, ...]:
    return tuple(
        ModuleName(path=path, type=run.types[path], component=component) for path, component in run.components.items()
    )


def _reason(key: Key, unfit: Sequence[Key]) -> str:
    more = len({(one.path, one.op) for one in unfit}) - 1
    others = f" (nor do {more} others)" if more else ""
    return f"{key.op or 'what is held'} in {key.path or 'the model itself'} follows no polynomial in the sizes{others}"


def _groups(
    series: Mapping[Key, Series], found: Mapping[Series, Fitted], runs: Sequence[Observation]
) -> tuple[Group, ...]:
    figures: dict[tuple[str, str], dict[str, Formula | None]] = defaultdict(dict)
    for key, values in series.items():
        if METRICS[key.metric].additive and any(values):
            figures[key.path, key.op][key.metric] = found[values].polynomial if values in found else None
    families = {op: family for run in runs for op, family in run.families.items()}
    components = runs[-1].components
    return tuple(
        Group(path=path, component=components[path], op=op, family=families.get(op, ""), figures=one)
        for (path, op), one in figures.items()
    )


def _rests(
    unfit: Iterable[Key],
    runs: Sequence[Observation],
    points: Sequence[Point],
    floors: Mapping[str, Sequence[Candidate]],
) -> dict[str, list[Residues]]:
    """Terms of each dimension for what runs only at some residues: operators of modules that ran in some runs more."""
    calls = {tuple(len(run.sizes.get((key.path, key.op), ())) for run in runs) for key in unfit}
    if not any(1 < len({*counts}) <= _PROGRAMS for counts in calls):
        calls.add(tuple(run.program[0] for run in runs))
    flags = {
        tuple(value == chosen for value in counts)
        for counts in calls
        if 1 < len({*counts}) <= _PROGRAMS
        for chosen in sorted({*counts})[1:]
    }
    return {
        name: residues(sorted(flags), points, place, [one.by for one in known])
        for place, (name, known) in enumerate(floors.items())
    }


def _sorts(key: Key, runs: Sequence[Observation]) -> bool:
    return any(run.families.get(key.op) == "sorting" for run in runs)


def _whole(
    series: Mapping[Key, Series],
    peaks: Mapping[str, Peak],
    found: Mapping[Series, Fitted],
    names: Sequence[str],
    axes: Sequence[Sequence[int]],
) -> tuple[dict[str, Formula | None], list[int]]:
    """The formulas of figures that are no sums, and how many points they need: a peak is the most of its moments."""
    whole: dict[str, Formula | None] = {}
    wants = []
    for key, values in series.items():
        if METRICS[key.metric].additive:
            continue
        peak = peaks.get(key.metric)
        if peak is not None and all(one in found for one in peak.series):
            moments = peak.moments({one: found[one].polynomial for one in peak.series})
            whole[key.metric] = largest(moments, names, axes)
            wants += [found[one].points for one in peak.series]
        elif values in found:
            whole[key.metric] = found[values].polynomial
            wants.append(found[values].points)
        else:
            whole[key.metric] = None
    return whole, wants


def largest(parts: Iterable[Polynomial], names: Sequence[str], axes: Sequence[Sequence[int]]) -> Formula:
    """The largest of ``parts`` in a box, without those that others are never below, and that are never the largest."""
    kept: list[Polynomial] = []
    low, top = ({name: axis[end] for name, axis in zip(names, axes, strict=True)} for end in (0, -1))
    for part in sorted(parts, key=lambda one: -(one.at(top) or 0)):
        if not any(_never_below(other, part, low) for other in kept):
            kept.append(part)
    if len(kept) > 1 and math.prod(map(len, axes)) * len(kept) <= _GRID:
        first: dict[Polynomial, None] = {}
        for point in itertools.product(*axes):
            sizes = dict(zip(names, point, strict=True))
            values = [part.at(sizes) or 0 for part in kept]
            first.setdefault(kept[values.index(max(values))])
        kept = [*first]
    return kept[0] if len(kept) == 1 else Largest(tuple(kept)) if kept else ZERO


def _never_below(one: Polynomial, other: Polynomial, low: Mapping[str, int]) -> bool:
    """Whether no coefficient of the difference is below 0 in what the quantities are more than at ``low``."""
    coefficients: dict[Powers, int] = defaultdict(int)
    for powers, value in (one - other).terms:
        choices = [
            [
                (((quantity, left),) if left else (), math.comb(power, left) * quantity.at(low) ** (power - left))
                for left in range(power + 1)
            ]
            for quantity, power in powers
        ]
        for choice in itertools.product(*choices):
            kept = tuple(itertools.chain.from_iterable(part for part, _ in choice))
            coefficients[kept] += value * math.prod(times for _, times in choice)
    return all(value >= 0 for value in coefficients.values())


def mismatches(region: Region, seen: Mapping[Point, Observation], names: Sequence[str]) -> list[tuple[Point, Key]]:
    """Where the formulas of ``region`` are not what was seen: the law is held against every run once more."""
    wrong = []
    for (point, _), run in zip(seen.items(), alike([*seen.values()]), strict=True):
        sizes = dict(zip(names, point, strict=True))
        values: dict[int, int | None] = {}
        left = {key: value for key, value in run.figures.items() if value}
        for group in region.groups:
            for metric, formula in group.figures.items():
                key = Key(group.path, group.op, metric)
                measured = left.pop(key, 0)
                if formula is None:
                    continue
                if id(formula) not in values:
                    values[id(formula)] = formula.at(sizes)
                if values[id(formula)] != measured:
                    wrong.append((point, key))
        for metric, formula in region.whole.items():
            key = Key("", "", metric)
            measured = left.pop(key, 0)
            if formula is not None and formula.at(sizes) != measured:
                wrong.append((point, key))
        wrong += [(point, key) for key in left]
    return wrong
