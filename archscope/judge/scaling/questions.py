"""The sizes at which a model decides otherwise, worked out from the comparisons that it made in one run."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from archscope.judge.scaling.interpolation import Point
from archscope.measure.running.size_questions import Question, evaluated, reads_of

_MOST_ANSWERS = 400_000  # that are worked out
_MOST = 12  # sizes of one dimension that are run for them
_NEAR = 2  # tokens or pixels that a model adds to a size


@dataclass(frozen=True, slots=True)
class Asked:
    """What was compared in the run at ``point``; how a size that was read grows is guessed from its value there.

    It says where to look, not what is so: sizes at which something may change are run.
    """

    point: Point
    questions: Collection[Question]

    def turns(self, axis: Sequence[int], place: int) -> list[list[int]]:
        """For each question, where in ``axis`` its answer is another one than before, the other sizes being as here."""
        known = [one for one in self.questions if any(self._grows(read, place) for read in _reads(one))]
        if not known or len(axis) * len(known) > _MOST_ANSWERS:
            return []
        found = []
        for question in known:
            answers = [self._answer(question, _reads(question), size, place) for size in axis]
            turned = [at for at, (before, after) in enumerate(itertools.pairwise(answers), 1) if before != after]
            if turned and turned not in found:
                found.append(turned)
        return found

    def worth_running(self, axis: Sequence[int], place: int) -> list[int]:
        """The sizes of ``axis`` on both sides of where answers turn, the questions with fewest turns first."""
        turns = sorted(self.turns(axis, place), key=len)
        sizes = (axis[at - step] for several in turns for at in (*several[:2], several[-1]) for step in (0, 1))
        return [*itertools.islice(dict.fromkeys(sizes), _MOST)]

    def _answer(self, question: Question, reads: Collection[int], size: int, place: int) -> bool | None:
        apply, left, right = question
        values = {read: self._at(read, size, place) for read in reads}
        try:
            return bool(apply(evaluated(left, values), evaluated(right, values)))
        except (ArithmeticError, ValueError):
            return None

    def _grows(self, read: int, place: int) -> bool:
        here = self.point[place]
        return self._at(read, 2 * here, place) != read

    def _at(self, read: int, size: int, place: int) -> int:
        """What a size that was ``read`` would be where the dimension at ``place`` has another ``size``."""
        here = self.point[place]
        if read in self.point[:place]:
            return read
        if abs(read - here) <= _NEAR:
            return size + read - here
        if read > 1 and here % read == 0:
            return size // (here // read)
        if read % here == 0 and here > 1:
            return size * (read // here)
        return read


def _reads(question: Question) -> set[int]:
    return {read for side in question[1:] for read in reads_of(side)}
