"""Mutation testing of archscope/formulas: how many small faults the tests of the formulas notice.

    python benchmarks/mutate_formulas.py [--only attention recurrent] [--workers 2]

Each mutant changes one thing in one formula: a number, an operator, a comparison, a branch, an index. It runs in a
child of its own, where the table is built from the changed source and those tests of formulas run, the quickest first
and until one fails, that ran the changed function when nothing was changed.
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
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, FunctionType, ModuleType
from typing import Any

from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
FORMULAS = ROOT / "archscope" / "formulas"
TESTS = ROOT / "tests" / "formulas"
GOAL = 96.0
ALIVE = 7  # the exit code of a child whose mutant no test noticed
PATIENCE = 60  # seconds of the processor beyond what the tests take; a mutant that hangs is noticed
QUICK = settings(max_examples=10, derandomize=True, deadline=None, database=None)
# Lists of names (the tests of free operators and of coverage hold them), and what the table itself is made of.
LEFT_OUT = {"__init__", "default", "movement", "gaps", "table", "cost", "onnx_movement"}

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One test with its parameters: the call, the seconds it took, and the functions of formulas that it ran."""

    run: Callable[[], None]
    name: str
    seconds: float
    ran: frozenset[tuple[str, int]]  # name of the module and first line of the function


def cases(module: ModuleType) -> Iterator[Callable[[], None]]:
    """The tests of a test module as plain calls, one for each set of parameters."""
    for name, test in inspect.getmembers(module, inspect.isfunction):
        if not name.startswith("test_") or test.__module__ != module.__name__:
            continue
        if hasattr(test, "hypothesis"):
            test._hypothesis_internal_use_settings = QUICK  # noqa: SLF001 - its own settings are for the suite
        wanted = [mark.args for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
        sets: list[list[dict[str, Any]]] = [[_named(names, values) for values in rows] for names, rows, *_ in wanted]
        for combined in itertools.product(*sets):
            options = {key: value for part in combined for key, value in part.items()}
            missing = set(inspect.signature(test).parameters) - set(options)
            if missing <= {"tmp_path"} or hasattr(test, "hypothesis"):
                yield _call(test, options, in_folder="tmp_path" in missing)


def _named(names: str | tuple[str, ...], values: Any) -> dict[str, Any]:
    split = [name.strip() for name in names.split(",")] if isinstance(names, str) else names
    return {split[0]: values} if len(split) == 1 else dict(zip(split, values, strict=True))


def _call(test: Callable[..., None], options: dict[str, Any], *, in_folder: bool) -> Callable[[], None]:
    def call() -> None:
        if in_folder:
            with tempfile.TemporaryDirectory() as folder:
                test(**options, tmp_path=Path(folder))
        else:
            test(**options)

    return call


def tried(module: str) -> Iterator[Test]:
    """Each test of a test module, run once without a mutant while the functions of formulas that it calls are noted.

    What torch loads when it is first used is loaded then, and not in every child.
    """
    folder = str(FORMULAS)
    for run in cases(importlib.import_module(module)):
        ran = set()

        def note(frame: FrameType, event: str, _argument: Any, ran: set[tuple[str, int]] = ran) -> None:
            if event == "call" and frame.f_code.co_filename.startswith(folder):
                name = Path(frame.f_code.co_filename).stem
                if name not in LEFT_OUT:
                    ran.add((name, frame.f_code.co_firstlineno))

        start = time.process_time()
        sys.setprofile(note)
        try:
            run()
        finally:
            sys.setprofile(None)
        yield Test(run=run, name=module, seconds=time.process_time() - start, ran=frozenset(ran))


def relevant(name: str, tree: ast.Module, place: tuple[int, str], tests: Sequence[Test]) -> list[Test]:
    """The tests that may notice a mutant of module ``name``, the quickest first.

    Those that ran the function around it (where none did, or it stands outside of functions, any of the module's), and
    then those that ran no formula: they look at the table, where the derivations stand.
    """
    line = next(itertools.islice(ast.walk(tree), place[0], None)).lineno  # type: ignore[attr-defined]
    around = next(
        (
            range(node.lineno, node.end_lineno + 1)
            for node in tree.body
            if isinstance(node, ast.FunctionDef) and node.end_lineno and node.lineno <= line <= node.end_lineno
        ),
        range(0),
    )
    chosen = [test for test in tests if any(module == name and first in around for module, first in test.ran)]
    chosen = chosen or [test for test in tests if any(module == name for module, _ in test.ran)]
    return sorted([*chosen, *(test for test in tests if not test.ran)], key=lambda test: (not test.ran, test.seconds))


def survives(name: str, place: tuple[int, str] | None, tests: Sequence[Test]) -> bool:
    """Whether all ``tests`` pass with the mutant in place of module ``name`` (None: as it is). Runs in the child."""
    source = (FORMULAS / f"{name}.py").read_text("utf-8")
    tree = mutated(source, place)[0] if place else ast.parse(source)
    try:
        _run_anew(name, tree)
        for other in FORMULAS.glob("*.py"):  # what was made of the changed functions at import is made anew
            text = other.read_text("utf-8")
            if other.stem not in LEFT_OUT and f"archscope.formulas.{name} import" in text:
                _run_anew(other.stem, ast.parse(text))
        default = sys.modules["archscope.formulas.default"]
        default.DEFAULT_FORMULAS._rules = default._default()._rules  # noqa: SLF001
        for test in tests:
            test.run()
    except BaseException:  # noqa: BLE001 - any failure is one
        return False
    return True


def _run_anew(name: str, tree: ast.Module) -> None:
    """Run a module of formulas in its own place; whoever imported a function of it by name gets the new one."""
    space = sys.modules[f"archscope.formulas.{name}"].__dict__
    before = {id(value): key for key, value in space.items() if isinstance(value, FunctionType)}
    held = dict(space)  # keeps the old functions alive, so that their ids stay theirs
    exec(compile(tree, name, "exec"), space)  # noqa: S102 - the mutant, or our own
    holders = [module for path, module in sys.modules.items() if path.startswith(("archscope.", "test_"))]
    for module in holders:
        for key, value in list(vars(module).items()):
            if id(value) in before and value is held[before[id(value)]]:
                setattr(module, key, space[before[id(value)]])


def verdicts(name: str, mutants: Sequence[tuple[tuple[int, str] | None, list[Test]]], workers: int) -> list[bool]:
    """For each mutant whether it lives; ``workers`` children at a time, forked from here with everything imported."""
    running: dict[int, int] = {}
    alive = [False] * len(mutants)
    waiting = list(enumerate(mutants))
    while waiting or running:
        while waiting and len(running) < workers:
            number, (place, tests) = waiting.pop(0)
            pid = os.fork()
            if pid == 0:
                signal.setitimer(signal.ITIMER_PROF, PATIENCE + 2 * sum(test.seconds for test in tests))
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
    sys.path[:0] = [str(TESTS), str(ROOT / "tests" / "helpers")]
    import torch

    torch.set_num_threads(1)
    start = time.perf_counter()
    tests = [test for path in sorted(TESTS.glob("test_*.py")) for test in tried(path.stem)]
    if not all(verdicts("attention", [(None, tests)], 1)):
        sys.exit("the tests fail without any mutant")
    print(f"{len(tests)} tests, {time.perf_counter() - start:.0f} s", flush=True)
    killed = total = 0
    names = [path.stem for path in sorted(FORMULAS.glob("*.py")) if path.stem not in LEFT_OUT]
    for name in [name for name in names if not options.only or name in options.only]:
        source = (FORMULAS / f"{name}.py").read_text("utf-8")
        tree = ast.parse(source)
        mutants = list(places(tree))[:: options.every]
        alive = verdicts(name, [(place, relevant(name, tree, place, tests)) for place in mutants], options.workers)
        total += len(mutants)
        killed += alive.count(False)
        share = 100 * alive.count(False) / max(len(mutants), 1)
        print(f"{name:20} {alive.count(False):4} of {len(mutants):4} killed, {share:5.1f} %", flush=True)
        for place, lives in zip(mutants, alive, strict=True):
            if lives:
                print(f"    survived  {mutated(source, place)[1]}", flush=True)
    score = 100 * killed / max(total, 1)
    took = time.perf_counter() - start
    print(f"score {score:.1f} % ({killed} of {total} mutants killed), goal {GOAL:.0f} %, {took:.0f} s")
    sys.exit(score < GOAL)


if __name__ == "__main__":
    main()
