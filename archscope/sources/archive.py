"""Checking that a .pt2 file can be opened without running code that it brings along.

``torch.export.load`` unpickles whatever a file asks it to, and evaluates its symbolic expressions as Python. So a file
is opened only if it asks for neither.
"""

from __future__ import annotations

import builtins
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from archscope.errors import ImportModelError

_HELP = "export the model again with torch.export.save(), without custom objects and tensor subclasses"
# An expression as sympy writes it: names, numbers, arithmetic, comparisons, and names of symbols in quotes.
_EXPRESSION = re.compile(r"(?:[\w\s+\-*/%(),.<>=!&|~^]|'\w*')*")
_FUNCTIONS = {
    *("Symbol", "Dummy", "Integer", "Float", "Rational", "Add", "Mul", "Pow", "Mod", "Max", "Min", "Abs", "floor"),
    *("ceiling", "And", "Or", "Not", "Eq", "Ne", "Lt", "Le", "Gt", "Ge", "Equality", "Unequality", "LessThan"),
    *("GreaterThan", "StrictLessThan", "StrictGreaterThan", "Piecewise", "oo", "zoo", "nan", "pi", "E", "I"),
    *("true", "false", "True", "False", "None"),
}
_OBJECTS = re.compile(r"(custom_obj|opaque_obj)_\d+$")


def check_archive(file: Path) -> None:
    """Raise ImportModelError when opening ``file`` would run code of its own, or when it is no such archive."""
    if not zipfile.is_zipfile(file):
        raise ImportModelError(f"{file} is no torch.export archive", help="torch.export.save() writes one")
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            if _OBJECTS.search(name):
                raise _unsafe(file, "a pickled object")
            if name.endswith(".json"):
                _check_json(file, archive.read(name))
            elif name.endswith(".pt"):
                _check_tensors(file, archive.read(name))


def _check_json(file: Path, content: bytes) -> None:
    try:
        found = json.loads(content)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ImportModelError(f"{file} is damaged", help="export it again with torch.export.save()") from error
    for key, value in _entries(found):
        if key == "use_pickle" and value:
            raise _unsafe(file, "a pickled tensor")
        if key == "expr_str" and not _is_arithmetic(str(value)):
            raise _unsafe(file, f"the expression {str(value)[:40]!r}")


def _is_arithmetic(expression: str) -> bool:
    """Whether no name in ``expression`` means anything to Python or sympy but arithmetic (``eval(chr(...))`` would)."""
    import sympy

    names = re.findall(r"[^\W\d]\w*", re.sub(r"'\w*'", "", expression))
    known = [name for name in names if hasattr(builtins, name) or hasattr(sympy, name)]
    return "__" not in expression and _EXPRESSION.fullmatch(expression) is not None and _FUNCTIONS.issuperset(known)


def _entries(found: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, at any depth."""
    waiting = [found]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield from value.items()
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _check_tensors(file: Path, content: bytes) -> None:
    import torch

    if not content:
        return
    try:
        torch.load(io.BytesIO(content), weights_only=True)
    except Exception as error:
        raise _unsafe(file, "pickled objects besides tensors") from error


def _unsafe(file: Path, what: str) -> ImportModelError:
    return ImportModelError(f"{file} holds {what}; archscope runs no code that a file brings along", help=_HELP)
