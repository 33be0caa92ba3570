"""Where the nodes of a small directed graph stand when it is drawn from left to right, cycles included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Edge = tuple[str, str]


def columns(nodes: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """The column of each node: after everything it reads from, as far left as that allows.

    Nodes of a cycle stand in columns of their own, in the order given, and what reads from any of them stands after
    all of them: an edge then goes back only inside a cycle.
    """
    cycles: dict[int, list[str]] = {}  # nodes that reach the same nodes reach each other
    for node, reached in _reach(nodes, edges).items():
        cycles.setdefault(reached, []).append(node)
    made: dict[str, int] = {}
    after: dict[str, int] = {}
    for reached in sorted(cycles, key=int.bit_count, reverse=True):  # what is read reaches more than its readers
        members = cycles[reached]
        start = max((after.get(source, 0) for source, target in edges if target in members), default=0)
        made |= {node: start + offset for offset, node in enumerate(members)}
        after |= dict.fromkeys(members, start + len(members))
    return made


def _reach(nodes: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """The nodes that each node reaches, itself included: a bit for each, by its place."""
    reach = {node: 1 << place for place, node in enumerate(nodes)}
    grown = True
    while grown:
        before = dict(reach)
        for source, target in reversed(edges):
            reach[source] |= reach[target]
        grown = reach != before
    return reach


def rows(nodes: Sequence[str], edges: Sequence[Edge], column: Mapping[str, int]) -> dict[str, int]:
    """The place of each node within its column: near the mean of what it reads from, ties in the order given."""
    made: dict[str, int] = {}
    for level in range(max(column.values(), default=0) + 1):
        members = [node for node in nodes if column[node] == level]
        above = {
            node: [made[source] for source, target in edges if target == node and source in made] for node in members
        }
        members.sort(key=lambda node: sum(above[node]) / len(above[node]) if above[node] else 0)
        made |= {node: place for place, node in enumerate(members)}
    return made


def lanes(spans: Mapping[Edge, tuple[int, int]]) -> dict[Edge, int]:
    """A lane for each arc, given the columns of its ends: short arcs inside, none in one lane over the same columns."""
    made: dict[Edge, int] = {}
    for edge in sorted(spans, key=lambda arc: abs(spans[arc][1] - spans[arc][0])):
        low, high = sorted(spans[edge])
        over = [made[arc] for arc in made if min(spans[arc]) < high and low < max(spans[arc])]
        made[edge] = max(over, default=-1) + 1
    return made
