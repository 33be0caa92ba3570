"""Runs of models that differ in their modules, made comparable: modules that only some have are taken together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from archscope.judge.scaling.observation import Key, Observation
from archscope.records import Path

EACH = "*"


def alike(runs: Sequence[Observation]) -> list[Observation]:
    """``runs`` with the same modules each: where sizes decide how many there are, ``layers.*`` stands for them all."""
    if len({tuple(run.components) for run in runs}) == 1:
        return [*runs]
    counts: dict[Path, set[int]] = defaultdict(set)
    kinds = [Counter(map(_numberless, run.components)) for run in runs]
    for path in set().union(*kinds):
        counts[path] = {kind[path] for kind in kinds}
    varying = {path for path, found in counts.items() if len(found) > 1}
    merged = [_merged(run, varying) for run in runs]
    components = {path: name for run in merged for path, name in run.components.items()}
    types = {path: kind for run in merged for path, kind in run.types.items()}
    names = tuple(dict.fromkeys(name for run in merged for name in run.names))
    return [replace(run, components=components, types=types, names=names) for run in merged]


def _numberless(path: Path) -> Path:
    return ".".join(EACH if name.isdigit() else name for name in path.split("."))


def _together(path: Path, varying: set[Path]) -> Path:
    """``path`` with a star for the numbers from the first one on where the number of modules varies."""
    names = path.split(".")
    for place in range(len(names)):
        kind = _numberless(".".join(names[: place + 1]))
        if kind in varying:
            below = ".".join(EACH if name.isdigit() else name for name in names[place:])
            return ".".join((*names[:place], below))
    return path


def _merged(run: Observation, varying: set[Path]) -> Observation:
    figures: dict[Key, int] = defaultdict(int)
    for key, value in run.figures.items():
        figures[Key(_together(key.path, varying), key.op, key.metric)] += value
    return replace(
        run,
        figures=dict(figures),
        names=tuple(_together(name, varying) for name in run.names),
        components={_together(path, varying): _together(name, varying) for path, name in run.components.items()},
        types={_together(path, varying): kind for path, kind in run.types.items()},
    )
