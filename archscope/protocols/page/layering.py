"""Where the nodes of a small directed graph stand when it is drawn from left to right, cycles included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Edge = tuple[str, str]


def columns(nodes: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """The column of each node: after everything it reads from, as far left as that allows.

    Nodes of a cycle stand in columns of their own, in the order given, and what reads from any of them stands after
    all of them: an edge then goes back only inside a cycle.
    """
    after: dict[str, list[str]] = {node: [] for node in nodes}
    for source, target in edges:
        after[source].append(target)
    groups = _cycles(nodes, after)
    group_of = {node: place for place, group in enumerate(groups) for node in group}
    start = [0] * len(groups)
    made: dict[str, int] = {}
    for place in reversed(range(len(groups))):  # Tarjan's groups come with the last first
        members = sorted(groups[place], key=nodes.index)
        for offset, node in enumerate(members):
            made[node] = start[place] + offset
        end = start[place] + len(members)
        for node in members:
            for target in after[node]:
                if group_of[target] != place:
                    start[group_of[target]] = max(start[group_of[target]], end)
    return made


def _cycles(nodes: Sequence[str], after: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Strongly connected components in reverse topological order (Tarjan 1972), without recursion."""
    found: list[list[str]] = []
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    open_nodes: list[str] = []
    for root in nodes:
        if root in number:
            continue
        work = [(root, 0)]
        while work:
            node, place = work.pop()
            if place == 0:
                number[node] = low[node] = len(number)
                open_nodes.append(node)
            if place < len(after[node]):
                work.append((node, place + 1))
                target = after[node][place]
                if target not in number:
                    work.append((target, 0))
                elif target in open_nodes:
                    low[node] = min(low[node], number[target])
                continue
            if low[node] == number[node]:
                at = open_nodes.index(node)
                found.append(open_nodes[at:])
                del open_nodes[at:]
            if work:
                above = work[-1][0]
                low[above] = min(low[above], low[node])
    return found


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
