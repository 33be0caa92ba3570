"""Layers that repeat: which modules are alike, runs of them as one row, and the largest such rows of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from archscope.records import Path
from archscope.report import ModuleRow, Report
from archscope.report_queries import children, parent

_RUN = 3  # identical layers in a row that are folded

#: One module, or several that are alike and follow each other.
Group: TypeAlias = tuple[ModuleRow, ...]


def kinds(report: Report) -> dict[Path, int]:
    """A number for each module: two have the same when they are alike, down to their last submodule and figure."""
    below = children(report)
    numbers: dict[object, int] = {}
    found: dict[Path, int] = {}
    for row in sorted(report.modules, key=lambda row: -row.depth):
        inner = tuple((child.path.rpartition(".")[2], found[child.path]) for child in below.get(row.path, ()))
        alike = (row.type, row.own, row.figures, row.receptive_field, row.aliases != (), inner)
        found[row.path] = numbers.setdefault(alike, len(numbers))
    return found


def folded(groups: Sequence[Group], known: Mapping[Path, int]) -> list[Group]:
    """``groups`` of siblings with runs of numbered and identical ones joined; ``known`` are their kinds."""
    runs: list[list[Group]] = []
    for group in groups:
        last = runs[-1][-1][-1] if runs else None
        if last is not None and _follows(last, group[0]) and known[last.path] == known[group[0].path]:
            runs[-1].append(group)
        else:
            runs.append([group])
    joined: list[Group] = []
    for run in runs:
        joined += [tuple(row for group in run for row in group)] if len(run) >= _RUN else run
    return joined


def _follows(row: ModuleRow, other: ModuleRow) -> bool:
    number, following = row.path.rpartition(".")[2], other.path.rpartition(".")[2]
    return number.isdecimal() and following.isdecimal() and int(following) == int(number) + 1


def run_name(group: Group) -> str:
    """``0-23 x 24`` for a run of siblings, else the last name of the path."""
    first, last = (row.path.rpartition(".")[2] for row in (group[0], group[-1]))
    siblings = parent(group[0].path) == parent(group[-1].path)
    return f"{first}-{last} x {len(group)}" if first != last and siblings else first


def run_path(group: Group) -> str:
    """``layers.0-23 x 24``: the whole path of a row."""
    above = parent(group[0].path)
    return f"{above}.{run_name(group)}" if above else run_name(group)


def largest_groups(report: Report, metric: str = "parameters", count: int = 10) -> tuple[Group, ...]:
    """The ``count`` rows with most of ``metric`` among modules that do not overlap, layers that repeat as one row.

    Ties stand in the model's order; rows of 0 are left out.
    """
    sized = [group for group in blocks(report, count) if _sum(group, metric)]
    return tuple(sorted(sized, key=lambda group: -_sum(group, metric))[:count])


def blocks(report: Report, count: int = 10) -> tuple[Group, ...]:
    """Rows that do not overlap: the root's children, the largest split into its own until there are ``count``.

    Layers that repeat are one row and stay so. One of several that are equally large is not split: the others would
    stay whole beside its parts.
    """
    below, known = children(report), kinds(report)

    def parts(path: Path) -> list[Group]:
        return folded([(row,) for row in below.get(path, ())], known)

    chosen = parts("")
    while len(chosen) < count:
        inner = [group for group in chosen if len(group) == 1 and group[0].path in below and _size(group)]
        if not inner:
            break
        largest = max(inner, key=_size)
        if sum(1 for group in chosen if _size(group) == _size(largest)) > 1:
            break
        where = chosen.index(largest)
        chosen[where : where + 1] = parts(largest[0].path)
    return tuple(chosen)


def whose(group: Group) -> str:
    """The component of a row; ``several`` where its modules are of more than one."""
    names = {row.component for row in group}
    return "several" if len(names) > 1 else names.pop()


def rows_of(groups: Sequence[Group]) -> Iterator[ModuleRow]:
    """The modules of ``groups``, one by one."""
    return (row for group in groups for row in group)


def _size(group: Group) -> int:
    return _sum(group, "parameters") or _sum(group, "macs")


def _sum(group: Group, metric: str) -> int:
    return sum(row.figures.get(metric) or 0 for row in group)
