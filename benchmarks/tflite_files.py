"""TFLite files held against the runtime: shapes of all tensors, and the arena that its planner lays out.

    python benchmarks/tflite_files.py FILE.tflite ...

A row each: parameters, MACs (``>=`` where an operator is unknown), tensors whose shapes differ from those that the
runtime works out, the arena beside what the runtime takes from its first to its last tensor, scratch of its kernels
included. Exit 1 when a shape differs or a file is refused. Files with operators that the runtime lacks are not held
against it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ai_edge_litert.interpreter import Interpreter, OpResolverType

import archscope
from archscope.sources.tflite_file.arena import arena_bytes
from archscope.sources.tflite_file.graph import Subgraph
from archscope.sources.tflite_file.walk import Walk

LAID_OUT: dict[int, tuple[Subgraph, dict[int, Any]]] = {}


class Watched(Walk):
    """A walk that keeps what it knew of each subgraph's tensors."""

    def _lay_out(self, number: int, graph: Subgraph, values: Any) -> None:
        LAID_OUT[number] = graph, dict(values)
        super()._lay_out(number, graph, values)


def runtime(file: Path, wanted: Iterable[int]) -> dict[int, tuple[tuple[int, ...], int, int]] | str:
    """By tensor its shape, place and bytes; or why the runtime does not take the file."""
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        made = Interpreter(model_path=str(file), experimental_op_resolver_type=plain)
        made.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        return str(error).partition("\n")[0]
    found = {}
    for index in wanted:
        try:
            array = made.tensor(index)()
        except ValueError:
            continue  # memory that is there during a call alone
        found[index] = array.shape, array.__array_interface__["data"][0], array.nbytes
        del array
    return found


def row(file: Path) -> tuple[str, int]:
    """A row of the table, and how many shapes differ."""
    report = archscope.analyze(archscope.load(str(file)))
    totals = report.totals
    at_least = "" if totals.complete else ">= "
    line = f"| {file.name} | {totals.parameters:,} | {at_least}{totals.macs:,} |"
    graph, values = LAID_OUT[0]
    known = {k: value.meta for k, value in values.items() if value.meta is not None}
    there = runtime(file, known)
    if isinstance(there, str):
        return f"{line} not run: {there} | {totals.arena_bytes:,} | |", 0
    differ = sum(meta.shape != there[k][0] for k, meta in known.items() if k in there)
    own = {k: meta for k, meta in known.items() if graph.tensors[k].data is None and meta.nbytes}
    kept = {k for op in graph.operators if op.op in {"DEQUANTIZE", "DENSIFY"} for k in op.outputs}
    ends = [(there[k][1], there[k][1] + there[k][2]) for k in own if k in there and k not in kept]
    more = max(end for _, end in ends) - min(start for start, _ in ends)
    more -= arena_bytes(graph, {k: meta for k, meta in own.items() if k not in kept}) or 0
    return f"{line} {differ} | {totals.arena_bytes:,} | {f'{more:,} more' if more else 'as laid out'} |", differ


def main() -> int:
    """Print the table."""
    from archscope.sources.tflite_file import source

    source.Walk = Watched  # type: ignore[misc]
    failed = 0
    print("| file | parameters | MACs | other shapes | arena bytes | the runtime's |\n|:--|--:|--:|--:|--:|:--|")
    for name in sys.argv[1:]:
        try:
            line, differ = row(Path(name))
        except archscope.ArchscopeError as error:
            line, differ = f"| {Path(name).name} | {error} | | | | |", 1
        failed += differ
        print(line, flush=True)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
