"""Mutation testing of archscope/formulas: how many small faults the tests of the formulas notice.

    python benchmarks/mutate_formulas.py [--only attention recurrent] [--workers 2]

Each mutant changes one thing in one formula: a number, an operator, a comparison, a branch, an index. It runs in a
child of its own, where the table is built from the changed source and the tests of formulas run until one fails.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import itertools
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
FORMULAS = ROOT / "archscope" / "formulas"
GOAL = 95.0
ALIVE = 7  # the exit code of a child whose mutant no test noticed
PATIENCE = 120  # seconds; a mutant that hangs is noticed
QUICK = settings(max_examples=10, derandomize=True, deadline=None, database=None)
# Which tests to try first; the others follow.
NEAREST = {
    "test_formulas_elementwise": ("elementwise", "activation", "expression"),
    "test_formulas_products": ("convolution", "matmul", "attention", "recurrent", "quantization"),
    "test_formulas_algebra": ("linear_algebra", "fourier"),
    "test_formulas_backward": ("backward",),
    "test_formulas_gradients": ("backward_activation",),
    "test_formulas_gradients_of_layers": ("backward_layers", "backward_resampling"),
    "test_formulas_libraries": ("attention_libraries", "sequence_libraries", "norm_libraries"),
    "test_formulas_graphs_and_sites": ("graph_libraries", "sparse_libraries", "mmcv_library"),
    "test_formulas_primitives": ("primitives", "instrumentation"),
    "test_formulas_edges": (),
    "test_formulas_loops": ("normalization", "pooling", "resampling", "reduction", "sorting", "scatter", "loss"),
}
# Lists of names (the tests of free operators and of coverage hold them), and what the table itself is made of.
LEFT_OUT = {"__init__", "default", "movement", "gaps", "table", "cost"}

_OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.Gt: ast.GtE,
    ast.LtE: ast.Lt,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


def places(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The mutations that ``tree`` offers: the number of the node in walking order, and what to do to it."""
    for index, node in enumerate(ast.walk(tree)):
        if isinstance(node, ast.Constant) and type(node.value) is int:
            yield index, "number"
        elif isinstance(node, ast.Constant) and type(node.value) is bool:
            yield index, "flag"
        elif isinstance(node, (ast.BinOp, ast.BoolOp)) and type(node.op) in _OPERATORS:
            if not isinstance(node.op, ast.BitOr) and not _of_text(node):
                yield index, "operator"
        elif isinstance(node, ast.Compare):
            yield index, "comparison"
        elif isinstance(node, ast.IfExp):
            yield index, "branches"


def _of_text(node: ast.AST) -> bool:
    return any(isinstance(part, (ast.JoinedStr, ast.Tuple)) for part in ast.iter_child_nodes(node))


def mutated(source: str, place: tuple[int, str]) -> tuple[ast.Module, str]:
    """The tree with that one change, and the change in words."""
    tree = ast.parse(source)
    node: Any = next(itertools.islice(ast.walk(tree), place[0], None))
    before = ast.unparse(node)
    match place[1]:
        case "number":
            node.value += 1
        case "flag":
            node.value = not node.value
        case "operator":
            node.op = _OPERATORS[type(node.op)]()
        case "comparison":
            node.ops[0] = _OPERATORS[type(node.ops[0])]()
        case _:
            node.body, node.orelse = node.orelse, node.body
    return tree, f"line {node.lineno}: {before}  ->  {ast.unparse(node)}"


def cases(module: ModuleType) -> Iterator[Callable[[], None]]:
    """The tests of a test module as plain calls, one for each set of parameters."""
    for name, test in inspect.getmembers(module, inspect.isfunction):
        if not name.startswith("test_"):
            continue
        if hasattr(test, "hypothesis"):
            test._hypothesis_internal_use_settings = QUICK  # noqa: SLF001 - its own settings are for the suite
        wanted = [mark.args for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
        sets: list[list[dict[str, Any]]] = [[_named(names, values) for values in rows] for names, rows, *_ in wanted]
        for combined in itertools.product(*sets):
            options = {key: value for part in combined for key, value in part.items()}
            if set(inspect.signature(test).parameters) <= set(options) or hasattr(test, "hypothesis"):
                yield lambda test=test, options=options: test(**options)  # type: ignore[misc]


def _named(names: str | tuple[str, ...], values: Any) -> dict[str, Any]:
    split = [name.strip() for name in names.split(",")] if isinstance(names, str) else names
    return {split[0]: values} if len(split) == 1 else dict(zip(split, values, strict=True))


def survives(name: str, place: tuple[int, str] | None, tests: list[Callable[[], None]]) -> bool:
    """Whether all ``tests`` pass with the mutant in place of module ``name`` (None: as it is). Runs in the child."""
    source = (FORMULAS / f"{name}.py").read_text("utf-8")
    tree = mutated(source, place)[0] if place else ast.parse(source)
    try:
        exec(compile(tree, name, "exec"), sys.modules[f"archscope.formulas.{name}"].__dict__)  # noqa: S102 - the mutant
        for other in FORMULAS.glob("*.py"):  # what imported the changed functions by name gets them anew
            text = other.read_text("utf-8")
            if other.stem not in LEFT_OUT and f"archscope.formulas.{name} import" in text:
                namespace = sys.modules[f"archscope.formulas.{other.stem}"].__dict__
                exec(compile(text, other.stem, "exec"), namespace)  # noqa: S102 - our own
        default = sys.modules["archscope.formulas.default"]
        default.DEFAULT_FORMULAS._rules = default._default()._rules  # noqa: SLF001
        for test in tests:
            test()
    except BaseException:  # noqa: BLE001 - any failure is one
        return False
    return True


def verdicts(
    name: str, mutants: Sequence[tuple[int, str] | None], tests: list[Callable[[], None]], workers: int
) -> list[bool]:
    """For each mutant whether it lives; ``workers`` children at a time, forked from here with everything imported."""
    running: dict[int, int] = {}
    alive = [False] * len(mutants)
    waiting = list(enumerate(mutants))
    while waiting or running:
        while waiting and len(running) < workers:
            number, place = waiting.pop(0)
            pid = os.fork()
            if pid == 0:
                signal.alarm(PATIENCE)
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                os._exit(ALIVE if survives(name, place, tests) else 1)
            running[pid] = number
        pid, status = os.wait()
        alive[running.pop(pid)] = os.waitstatus_to_exitcode(status) == ALIVE
    return alive


def main() -> None:
    """Make every mutant, try it, print the survivors and the score."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], help="modules of archscope/formulas")
    parser.add_argument("--every", type=int, default=1, help="try every n-th mutant only")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    sys.path[:0] = [str(ROOT / "tests" / "formulas"), str(ROOT / "tests" / "helpers")]
    import torch

    torch.set_num_threads(1)
    suites = {name: list(cases(importlib.import_module(name))) for name in NEAREST}
    names = [path.stem for path in sorted(FORMULAS.glob("*.py")) if path.stem not in LEFT_OUT]
    names = [name for name in names if not options.only or name in options.only]
    whole = [test for calls in suites.values() for test in calls]
    for test in suites["test_formulas_elementwise"] + suites["test_formulas_products"] + suites["test_formulas_loops"]:
        test()  # what torch loads when it is first used is loaded once, here, and not in every child
    if not all(verdicts("cost", [None], whole, 1)):
        sys.exit("the tests fail without any mutant")
    killed = total = 0
    start = time.perf_counter()
    for name in names:
        nearest = next((suite for suite, modules in NEAREST.items() if name in modules), "test_formulas_loops")
        tests = suites[nearest] + [test for suite, calls in suites.items() if suite != nearest for test in calls]
        source = (FORMULAS / f"{name}.py").read_text("utf-8")
        mutants = list(places(ast.parse(source)))[:: options.every]
        alive = verdicts(name, mutants, tests, options.workers)
        total += len(mutants)
        killed += alive.count(False)
        print(f"{name:16} {alive.count(False):4} of {len(mutants):4} killed", flush=True)
        for place, lives in zip(mutants, alive, strict=True):
            if lives:
                print(f"    survived  {mutated(source, place)[1]}", flush=True)
    score = 100 * killed / max(total, 1)
    took = time.perf_counter() - start
    print(f"score {score:.1f} % ({killed} of {total} mutants killed), goal {GOAL:.0f} %, {took:.0f} s")
    sys.exit(score < GOAL)


if __name__ == "__main__":
    main()
