"""Whether a line of the model's code makes sizes of a number that chance picks, or calls what it picks."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator

from archscope.measure.running.code_lines import statements_at, tells
from archscope.measure.running.steering_lines import answer_does, function_around, given_names, head_parts

#: What picks a whole number, or one of several things.
PICKS = frozenset({"randint", "randrange", "randbelow", "choice", "integers"})
# What takes a number for a value, not for a size.
_NO_SIZES = frozenset(
    {"seed", "manual_seed", "default_rng", "roll", "tensor", "as_tensor", "full", "full_like", "fill_"}
)
_NO_SIZES |= {"int", "float", "str", "range", "append", "format", "Random", "RandomState", "Generator"}


def answer_sizes() -> bool:
    """Whether the running line of the model, or who takes the answer from it, makes sizes of it, or calls it.

    A line whose source nobody can read may.
    """
    return answer_does(_sizes)


@functools.lru_cache(maxsize=4096)
def _sizes(file: str, number: int) -> bool:
    """Whether a statement on the line makes sizes of what is picked there, or one of its function of a variable."""
    running = statements_at(file, number)
    names = set[str]().union(*map(given_names, running))
    return any(_makes_sizes(one, set()) for one in running) or any(
        _makes_sizes(other, names) for other in (function_around(file, number) if names else ())
    )


def _makes_sizes(statement: ast.stmt, names: set[str]) -> bool:
    """Whether ``statement`` slices or calls with what is picked in it, or with one of ``names``; or calls that."""

    def is_picked(node: ast.AST) -> bool:
        return _called(node) in PICKS or (isinstance(node, ast.Name) and node.id in names)

    for node in () if tells(statement) else head_parts(statement):
        parts: list[ast.expr] = []
        if isinstance(node, ast.Subscript):
            parts = [node.slice]
        elif isinstance(node, ast.Call) and _called(node) not in PICKS | _NO_SIZES:
            parts = [*node.args, *(keyword.value for keyword in node.keywords)]
            if is_picked(node.func):
                return True
        if any(is_picked(inner) for part in parts for inner in _without_calls(part)):
            return True
    return False


def _without_calls(part: ast.AST) -> Iterator[ast.AST]:
    """``part`` and what is in it, but not what other calls than of numbers are given."""
    yield part
    if not isinstance(part, ast.Call) or _called(part) in {"int", "min", "max", "abs", "round"}:
        for inner in ast.iter_child_nodes(part):
            yield from _without_calls(inner)


def _called(node: ast.AST) -> str:
    function = node.func if isinstance(node, ast.Call) else None
    return str(getattr(function, "attr", getattr(function, "id", "")))
