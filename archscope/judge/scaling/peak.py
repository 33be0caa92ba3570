"""A peak of memory as the largest of what is alive at each moment, where storages live between the same calls."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from archscope.judge.scaling.interpolation import Series
from archscope.judge.scaling.observation import Lives
from archscope.results.polynomial import Polynomial, total


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """The storages of all runs: when each lived, its bytes run by run, and what is held besides."""

    spans: tuple[tuple[int, int | None], ...]
    nbytes: tuple[Series, ...]
    held: Series

    @classmethod
    def of(cls, lives: Sequence[Lives]) -> Self | None:
        """The storages of runs; None where they do not live between the same calls."""
        if len({one.spans for one in lives}) > 1:
            return None
        nbytes = tuple(zip(*(one.nbytes for one in lives), strict=True))
        return cls(spans=lives[0].spans, nbytes=nbytes, held=tuple(one.held for one in lives))

    @property
    def series(self) -> set[Series]:
        """What has to be fitted."""
        return {*self.nbytes, self.held}

    def moments(self, found: Mapping[Series, Polynomial]) -> set[Polynomial]:
        """The bytes alive after each call after which there are more than before, each once."""
        changes: dict[int, list[tuple[Series, int]]] = defaultdict(list)
        for (born, freed), nbytes in zip(self.spans, self.nbytes, strict=True):
            changes[born].append((nbytes, 1))
            if freed is not None:
                changes[freed].append((nbytes, -1))
        return {total((found[series], times) for series, times in one) for one in self._states(changes)}

    def _states(self, changes: Mapping[int, Sequence[tuple[Series, int]]]) -> Iterator[frozenset[tuple[Series, int]]]:
        alive: Counter[Series] = Counter({self.held: 1})
        seen = {frozenset(alive.items())}
        yield from seen
        for _, several in sorted(changes.items()):
            for series, times in several:
                alive[series] += times
                if not alive[series]:
                    del alive[series]
            state = frozenset(alive.items())
            if state not in seen and any(times > 0 for _, times in several):
                seen.add(state)
                yield state
