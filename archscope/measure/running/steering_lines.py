"""What a line of the model's code does with an answer: whether it steers what runs, read from its source."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Callable, Iterator
from types import FrameType

import torch

from archscope.measure.running.code_lines import heads, is_model_code, statements, statements_at, tells

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_LOOPS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_ACTS = (ast.Call, ast.Return, ast.Break, ast.Continue, ast.BinOp)
_CLOCKS = {"time", "perf_counter", "monotonic", "process_time", "thread_time", "time_ns", "perf_counter_ns", "now"}
_CARRIES = frozenset({"len", "tuple", "list", "print", "str", "repr", "isinstance", "getattr", "hasattr"})


def steers_by_size() -> bool:
    """Whether the running line of the model decides by a size what runs: a loop, a branch, a sum, another function.

    Not where the size only goes into shapes of other tensors.
    """
    frame = _asking(sys._getframe(2))  # noqa: SLF001
    return frame is not None and _size_steers(frame.f_code.co_filename, frame.f_lineno)


def answer_chooses() -> bool:
    """Whether the running line of the model, or who takes the answer from it, chooses by it between doing and not.

    A line whose source nobody can read may.
    """
    return answer_does(_chooses)


def answer_does(does: Callable[[str, int], bool]) -> bool:
    """Whether ``does`` holds for the running line (its file and number), or for one that takes what it returns."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    while frame is not None and not is_model_code(frame.f_code.co_filename):
        frame = frame.f_back
    while frame is not None and is_model_code(frame.f_code.co_filename):
        running = statements_at(frame.f_code.co_filename, frame.f_lineno)
        if not running or does(frame.f_code.co_filename, frame.f_lineno):
            return True
        if frame.f_code.co_name != "<lambda>" and not all(isinstance(one, ast.Return) for one in running):
            return False
        frame = frame.f_back
    return False


def asks_for_meta(frame: FrameType) -> str:
    """What ``frame``, or what called it for the answer, compares a device with: ``meta``, ``cpu``, or nothing."""
    asking = _asking(frame)
    return "" if asking is None else _compares(asking.f_code.co_filename, asking.f_lineno)


def _asking(frame: FrameType | None) -> FrameType | None:
    """The frame that takes the answer: those that only return it pass it on."""
    while frame is not None and is_model_code(frame.f_code.co_filename):
        if not _returns(frame.f_code.co_filename, frame.f_lineno):
            return frame
        frame = frame.f_back
    return None


@functools.lru_cache(maxsize=4096)
def _returns(file: str, number: int) -> bool:
    running = statements_at(file, number)
    return bool(running) and all(
        isinstance(one, ast.Return) and not any(_steering(n) or isinstance(n, ast.Compare) for n in ast.walk(one))
        for one in running
    )


@functools.lru_cache(maxsize=4096)
def _size_steers(file: str, number: int) -> bool:
    running = statements_at(file, number)
    if not running or any(_is_head_of_control(one) or any(map(_steering, head_parts(one))) for one in running):
        return True
    names = set[str]().union(*map(given_names, running))
    return any(
        isinstance(node, ast.Name) and node.id in names
        for other in function_around(file, number)
        for node in _steered(other)
    )


@functools.lru_cache(maxsize=4096)
def _chooses(file: str, number: int) -> bool:
    """Whether a statement on the line, or one of its function that takes a variable from there, may leave work out."""
    found = statements_at(file, number)  # on its first line it may be the statement itself that runs
    running = [one if one.lineno == number else _lambda_of(one, number) for one in found]
    if any(map(_may_leave_out, running)):
        return True
    names = set[str]().union(*map(given_names, running))
    return any(
        isinstance(node, ast.Name) and node.id in names and _may_leave_out(other)
        for other in function_around(file, number)
        for node in head_parts(other)
    )


def _may_leave_out(statement: ast.stmt) -> bool:
    if isinstance(statement, (ast.For, ast.AsyncFor)):
        return any(isinstance(node, _ACTS) for part in statement.body for node in ast.walk(part))
    later = [part for node in head_parts(statement) if isinstance(node, ast.BoolOp) for part in node.values[1:]]
    later += [
        node.elt for node in head_parts(statement) if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp))
    ]
    calls = [node for node in head_parts(statement) if isinstance(node, ast.Call)]
    picked = any(isinstance(call.func, ast.Subscript) for call in calls)
    done = any(isinstance(node, (ast.Call, ast.BinOp)) for one in later for node in ast.walk(one))
    return picked or done or _acts(statement)


def _is_head_of_control(statement: ast.stmt) -> bool:
    return isinstance(statement, (ast.For, ast.AsyncFor, ast.While, ast.If, ast.Match))


def _steering(node: ast.AST) -> bool:
    """Whether this part of a statement does more with a number than to shape a tensor by it."""
    match node:
        case ast.Call():
            name = str(getattr(node.func, "attr", getattr(node.func, "id", "")))
            return name not in _CARRIES and not hasattr(torch.Tensor, name) and not hasattr(torch, name)
        case ast.IfExp() | ast.BinOp() | ast.BoolOp():
            return True
    return isinstance(node, _LOOPS)


def _steered(statement: ast.stmt) -> Iterator[ast.AST]:
    """The parts of ``statement`` that decide what runs."""
    if _is_head_of_control(statement):
        for part in heads(statement):
            yield from ast.walk(part)
    for node in head_parts(statement):
        if _steering(node):
            yield from ast.walk(node)


def head_parts(statement: ast.stmt) -> Iterator[ast.AST]:
    """Every part of ``statement`` but the blocks in it."""
    for part in heads(statement):
        yield from ast.walk(part)


def given_names(statement: ast.stmt) -> set[str]:
    """The variables and attributes that take what ``statement`` works out."""
    targets: list[ast.expr] = []
    match statement:
        case ast.Assign(targets=several):
            targets = several
        case ast.AnnAssign(target=one) | ast.AugAssign(target=one):
            targets = [one]
    targets += [node.target for node in head_parts(statement) if isinstance(node, ast.NamedExpr)]
    return {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)} - {"self"}


def function_around(file: str, number: int) -> list[ast.stmt]:
    """The statements of the innermost function over line ``number``, or of the whole file."""
    around = [node for node in statements(file) if isinstance(node, _FUNCTIONS) and _covers(node, number)]
    function = min(around, key=lambda node: (node.end_lineno or 0) - node.lineno, default=None)
    return [node for node in statements(file) if function is None or _covers(function, node.lineno)]


def _covers(node: ast.stmt, number: int) -> bool:
    return node.lineno <= number <= (node.end_lineno or node.lineno)


@functools.lru_cache(maxsize=4096)
def _compares(file: str, number: int) -> str:
    running = statements_at(file, number)
    found = max((_compared(_lambda_of(one, number), None) for one in running), default="")
    names = set[str]().union(*map(given_names, running))
    if not found and names:
        found = max(_compared(other, names) for other in function_around(file, number))
    return found


def _lambda_of(statement: ast.stmt, number: int) -> ast.stmt:
    """The function without a name that line ``number`` of ``statement`` is in, as a statement; else all of it."""
    around = [
        node
        for part in heads(statement)
        for node in ast.walk(part)
        if isinstance(node, ast.Lambda) and node.body.lineno <= number <= (node.body.end_lineno or number)
    ]
    return ast.Return(value=around[-1].body) if around else statement


def _compared(statement: ast.stmt, names: set[str] | None) -> str:
    """Which device ``statement`` knows by name where it compares; ``names`` must be part of it if given."""
    words: set[str] = set()
    for node in head_parts(statement):
        match node:
            case ast.Compare() | ast.MatchValue():
                part = [*ast.walk(node)]
            case ast.Dict(keys=keys):
                part = [inner for key in keys if key is not None for inner in ast.walk(key)]
            case ast.Call(func=ast.Attribute(attr="startswith")):
                part = [*ast.walk(node)]
            case _:
                continue
        whole = ast.walk(statement) if isinstance(node, (ast.Dict, ast.MatchValue)) else part
        if names is None or any(isinstance(inner, ast.Name) and inner.id in names for inner in whole):
            words |= {inner.value for inner in part if isinstance(inner, ast.Constant) and isinstance(inner.value, str)}
    devices = {word.partition(":")[0] for word in words}
    if "meta" in devices and not _names_a_device(statement):
        return "meta"
    # who knows the CPU alone goes on meta as on a GPU; who knows both goes where no device does
    return "cpu" if {"cpu", "cuda"} <= devices and _acts(statement) else ""


def _names_a_device(statement: ast.stmt) -> bool:
    """Whether ``statement`` only chooses between names: ``None if x.device.type == "meta" else x.device``."""
    chooses = any(isinstance(node, ast.IfExp) for node in ast.walk(statement))
    return chooses and not _is_head_of_control(statement) and not _acts(statement)


def _only_in_training(statement: ast.If) -> bool:
    """Whether its condition cannot hold in eval mode: ``if self.training and p < rate:``."""
    test = statement.test
    parts = test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]
    return not statement.orelse and any(isinstance(one, ast.Attribute) and one.attr == "training" for one in parts)


def _keeps_time(statement: ast.stmt) -> bool:
    """Whether ``statement`` only writes down what a clock says."""
    value = statement.value if isinstance(statement, ast.Assign) else None
    return isinstance(value, ast.Call) and getattr(value.func, "attr", getattr(value.func, "id", "")) in _CLOCKS


def _acts(statement: ast.stmt) -> bool:
    """Whether what ``statement`` chooses between does anything, more than to raise or to name a number."""
    match statement:
        case ast.If(body=body, orelse=orelse):
            if _only_in_training(statement) or (not orelse and all(tells(one) or _keeps_time(one) for one in body)):
                return False
            return any(isinstance(node, _ACTS) for part in (*body, *orelse) for node in ast.walk(part))
        case ast.While() | ast.Match():
            return True
    chosen = [part for node in ast.walk(statement) if isinstance(node, ast.IfExp) for part in (node.body, node.orelse)]
    tables = [
        node.value
        for node in ast.walk(statement)
        if isinstance(node, ast.Subscript) or (isinstance(node, ast.Attribute) and node.attr == "get")
    ]
    chosen += [part for table in tables if isinstance(table, ast.Dict) for part in table.values]
    counts = sum(isinstance(part, ast.Constant) and type(part.value) is int for part in chosen)
    if counts > 1 and counts == len(chosen):  # how often, not how much
        return True
    return any(isinstance(node, (ast.Call, ast.BinOp)) for part in chosen for node in ast.walk(part)) or any(
        isinstance(node, ast.Subscript) and isinstance(node.value, ast.Dict) for node in ast.walk(statement)
    )
