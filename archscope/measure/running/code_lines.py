"""Which line of the model's own code is running, and whether all that it does with a value is to check it."""

from __future__ import annotations

import ast
import contextlib
import functools
import linecache
import os
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import torch


class CodeLine(NamedTuple):
    """A line of code; ``only_checks`` when the statement there asserts, raises, warns, logs or prints."""

    where: str
    only_checks: bool


NOWHERE = CodeLine("", only_checks=False)

_TORCH = str(Path(torch.__file__).parent) + os.sep
_ARCHSCOPE = Path(__file__).parents[2]
_OURS = (  # the zoo's models are models
    *(f"{_ARCHSCOPE / room}{os.sep}" for room in ("measure", "sources")),
    str(_ARCHSCOPE / "memory.py"),
)
_NOT_THE_MODEL = (
    _TORCH,
    *_OURS,
    sysconfig.get_paths()["stdlib"] + os.sep,
)
_LIBRARIES = ("site-packages", "dist-packages")
_ONLY_TELLS = {"print", "warn", "warning", "info", "debug", "error", "critical", "exception", "log", "_assert"}
_ONLY_TELLS |= {"warning_once", "warn_once", "_check", "_check_value", "_check_index", "check"}


def running_line() -> CodeLine:
    """The innermost line of code that is neither torch's, Python's nor this package's."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - inspect's own way reads files
    while frame is not None:
        file = frame.f_code.co_filename
        if is_model_code(file):
            return _line(file, frame.f_lineno)
        frame = frame.f_back
    return NOWHERE


def asked_by_model(passing: tuple[str, ...] = ()) -> bool:
    """Whether our caller's caller is the model's code, not torch's own; ``passing`` files between do not matter."""
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001
    while frame is not None and frame.f_code.co_filename.endswith(("contextlib.py", *passing)):
        frame = frame.f_back
    return frame is not None and not frame.f_code.co_filename.startswith((_TORCH, *_OURS))


@functools.lru_cache(maxsize=4096)
def is_model_code(file: str) -> bool:
    """Whether ``file`` is neither torch's, Python's nor this package's."""
    if any(f"{os.sep}{name}{os.sep}" in file for name in _LIBRARIES):
        return not file.startswith((_TORCH, *_OURS)) and f"{os.sep}numpy{os.sep}" not in file
    return not file.startswith(_NOT_THE_MODEL) and not file.startswith("<frozen")


@functools.lru_cache(maxsize=4096)
def _line(file: str, number: int) -> CodeLine:
    return CodeLine(f"{_shown(file)}:{number}", only_checks=_only_checks(file, number))


def _shown(file: str) -> str:
    """The file from the current folder, or from the one that imports find it in: no path of this machine."""
    imported = sorted(filter(os.path.isabs, sys.path), key=len, reverse=True)
    libraries = [folder for folder in imported if folder.endswith(_LIBRARIES)]
    for folder in (*libraries, str(Path.cwd()), *imported):
        if file.startswith(folder.rstrip(os.sep) + os.sep):
            return file[len(folder.rstrip(os.sep)) + 1 :].replace(os.sep, "/")
    return os.path.basename(file)  # noqa: PTH119 - it may be no path at all ("<stdin>")


def _only_checks(file: str, number: int) -> bool:
    running = statements_at(file, number)
    return bool(running) and all(_checks(file, statement) for statement in running)


def _checks(file: str, statement: ast.stmt) -> bool:
    if _keeps(statement) or _has_company(file, statement):
        return False
    match statement:
        case ast.Assert() | ast.Raise():
            return True
        case ast.If(body=body, orelse=[]):
            return all(tells(inner) for inner in body)
    return tells(statement) or _names_the_classes(statement)


def _keeps(statement: ast.stmt) -> bool:
    """Whether ``statement`` gives what it computes a name (``:=``), for other lines to use."""
    return any(isinstance(node, ast.NamedExpr) for node in ast.walk(statement))


def _has_company(file: str, statement: ast.stmt) -> bool:
    """Whether another statement shares its line, or an ``except`` waits for what it raises."""
    for other in statements(file):
        if other is statement:
            continue
        if other.lineno == statement.lineno and (
            other.col_offset > statement.col_offset or not _is_around(other, statement)
        ):
            return True
        if isinstance(other, ast.Try) and other.handlers and any(_is_around(part, statement) for part in other.body):
            return True
    return False


def _is_around(outer: ast.stmt, inner: ast.stmt) -> bool:
    return outer.lineno <= inner.lineno and (inner.end_lineno or 0) <= (outer.end_lineno or 0)


def tells(statement: ast.stmt) -> bool:
    """Whether ``statement`` raises, or calls what prints, logs or checks, and does nothing else."""
    match statement:
        case ast.Raise() | ast.Pass() | ast.Assert():
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Expr(value=ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name))):
            return name in _ONLY_TELLS
    return False


def _names_the_classes(statement: ast.stmt) -> bool:
    """Whether only ``one_hot`` with a number of classes can read values here, to see that all are in range."""
    calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
    names = {_called(call) for call in calls}
    return not names & {"item", "tolist", "int", "float", "bool"} and any(
        _called(call) == "one_hot"
        and (len(call.args) > 1 or any(keyword.arg == "num_classes" for keyword in call.keywords))
        for call in calls
    )


def _innermost(found: tuple[ast.stmt, ...], number: int) -> ast.stmt | None:
    """The smallest statement over line ``number``; a block's own head (``if x:``) is the block."""
    around = [node for node in found if node.lineno <= number <= (node.end_lineno or node.lineno)]
    return min(around, key=lambda node: (node.end_lineno or node.lineno) - node.lineno, default=None)


def statements_at(file: str, number: int) -> list[ast.stmt]:
    """The statements that work something out on line ``number`` themselves, not by a block under them."""
    return [node for node in statements(file) if any(_is_on(part, number) for part in heads(node))]


def heads(statement: ast.stmt) -> list[ast.AST]:
    """What ``statement`` itself works out, without the block under it."""
    match statement:
        case ast.If(test=test) | ast.While(test=test):
            return [test]
        case ast.For(iter=over) | ast.AsyncFor(iter=over):
            return [over]
        case ast.Match(subject=subject, cases=cases):
            return [subject, *(case.pattern for case in cases)]
        case ast.With(items=items) | ast.AsyncWith(items=items):
            return [item.context_expr for item in items]
        case ast.Try() | ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return []
    return [statement]


def _is_on(node: Any, number: int) -> bool:
    return bool(node.lineno <= number <= (node.end_lineno or node.lineno))


@functools.lru_cache(maxsize=64)
def statements(file: str) -> tuple[ast.stmt, ...]:
    """Every statement of ``file``, those inside of others after them; none where it cannot be read."""
    found: list[ast.stmt] = []
    with contextlib.suppress(SyntaxError, ValueError, RecursionError):
        found = [node for node in ast.walk(ast.parse("".join(linecache.getlines(file)))) if isinstance(node, ast.stmt)]
    return tuple(found)


def constants_given(names: frozenset[str], *, worked_out: bool = True) -> bool | None:
    """Whether the calls of ``names`` on the running line take constants: numbers, globals, the model's own settings.

    Also what functions make of those, unless not ``worked_out``. None where that line calls none of them.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    while frame is not None and not is_model_code(frame.f_code.co_filename):
        frame = frame.f_back
    if frame is None:
        return None
    statement = _innermost(statements(frame.f_code.co_filename), frame.f_lineno)
    calls = [
        node
        for node in ast.walk(statement or ast.Pass())
        if isinstance(node, ast.Call)
        and _called(node) in names
        and node.lineno <= frame.f_lineno <= (node.end_lineno or node.lineno)
    ]
    if not calls:
        return None
    given = [argument for call in calls for argument in call.args[:1]]
    if not worked_out and any(isinstance(node, ast.Call) for argument in given for node in ast.walk(argument)):
        return False
    return all(_constant(argument, frame.f_locals) for argument in given)


def _called(call: ast.Call) -> str:
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def _constant(node: ast.expr, variables: Mapping[str, object]) -> bool:  # noqa: PLR0911 - one for each kind
    match node:
        case ast.Constant():
            return True
        case ast.Name(id=name):
            return name == "self" or name not in variables
        case ast.Attribute(value=value, attr=name):
            return name in {"dtype", "shape", "ndim"} or _constant(value, variables)
        case ast.Call(func=function, args=arguments):
            return all(_constant(part, variables) for part in (function, *arguments))
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return all(_constant(part, variables) for part in parts)
        case ast.UnaryOp(operand=part) | ast.Subscript(value=part):
            return _constant(part, variables)
        case ast.BinOp(left=left, right=right):
            return _constant(left, variables) and _constant(right, variables)
    return False
