"""Symbolic sizes in a .pt2 file: what torch hands to sympy, which evaluates it as Python, is bounded here first."""

from __future__ import annotations

import ast
import builtins
import re

from archscope.json_text import MOST_DIGITS

_FUNCTIONS = {
    *("Symbol", "Dummy", "Integer", "Float", "Rational", "Add", "Mul", "Pow", "Mod", "Max", "Min", "Abs", "floor"),
    *("ceiling", "And", "Or", "Not", "Eq", "Ne", "Lt", "Le", "Gt", "Ge", "Equality", "Unequality", "LessThan"),
    *("GreaterThan", "StrictLessThan", "StrictGreaterThan", "Piecewise", "oo", "zoo", "nan", "pi", "E", "I"),
    *("true", "false", "True", "False", "None"),
}
_LONGEST = 10_000  # characters
_DEEPEST = 100
_EXPONENT = 16
_BITS = 10_000
_POWERS = frozenset({"Pow", "PowByNatural", "FloatPow", "LShift", "RShift"})
_DIVISIONS = (ast.FloorDiv, ast.Mod)
_DIVIDING = re.compile(r"\w*(?:Div|Mod|floor|ceiling|Int|Indexing)\w*")
_PLAIN = (
    *(ast.Expression, ast.operator, ast.unaryop, ast.cmpop, ast.expr_context, ast.keyword),
    *(ast.BinOp, ast.UnaryOp, ast.Compare, ast.Tuple),
)
_EXCLUDED = (ast.BitXor, ast.MatMult, ast.LShift, ast.RShift, ast.In, ast.NotIn, ast.Is, ast.IsNot)
_DEAR = 10**9  # a cost that no bound admits


def cost_of(expression: str) -> int | None:
    """About how long sympy takes to evaluate ``expression``, in half milliseconds; None when it is no arithmetic.

    Arithmetic are names, numbers, their sums, products, quotients and powers, comparisons, and the functions that torch
    writes. No name may mean anything else to Python or sympy (``eval(chr(...))`` would). Greatest common divisors,
    behind floors and remainders, take time with the number of terms when all products are multiplied out, ``Max`` and
    ``Min`` with the square of their arguments (both measured).
    """
    if len(expression) > _LONGEST or "__" in expression:
        return None
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names: set[int] = set()  # the texts that name symbols
    return _cost(tree.body, 0) if all(_is_arithmetic(node, names) for node in ast.walk(tree)) else None


def _is_arithmetic(node: ast.AST, names: set[int]) -> bool:
    """Whether ``node`` is; parents come before their children and put the names of symbols into ``names``."""
    import sympy

    if isinstance(node, ast.Name):
        return bool(node.id in _FUNCTIONS or not (hasattr(builtins, node.id) or hasattr(sympy, node.id)))
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id in {"Symbol", "Dummy"}:
            names |= {id(argument) for argument in node.args}
        return isinstance(node.func, ast.Name)
    if isinstance(node, ast.Constant):
        return _is_plain(node, names)
    return isinstance(node, _PLAIN) and not isinstance(node, _EXCLUDED)


def _is_plain(node: ast.Constant, names: set[int]) -> bool:
    value = node.value
    if isinstance(value, str):
        return id(node) in names and value.isidentifier()
    if isinstance(value, int):
        return bool(abs(value) < 10**MOST_DIGITS)
    return value is None or isinstance(value, float)


def _cost(node: ast.AST, depth: int) -> int:
    if depth > _DEEPEST:
        return _DEAR
    parts = [child for child in ast.iter_child_nodes(node) if not isinstance(child, (ast.operator, ast.expr_context))]
    inner = sum(_cost(part, depth + 1) for part in parts)
    name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        return inner + 1 if _is_small(node.right) and _bits(node) <= _BITS else _DEAR
    if name in _POWERS or name == "Float":
        sound = len(parts) == 3 and _is_small(parts[2]) and _bits(node) <= _BITS
        return inner + 1 if sound or (name == "Float" and len(parts) == 2) else _DEAR
    if (isinstance(node, ast.BinOp) and isinstance(node.op, _DIVISIONS)) or _DIVIDING.fullmatch(name):
        return min(inner + 10 * _terms(node), _DEAR)
    if name in {"Max", "Min"}:
        return min((inner + 1) * len(parts), _DEAR)
    return min(inner + 1, _DEAR)


def _is_small(exponent: ast.AST) -> bool:
    if isinstance(exponent, ast.UnaryOp) and isinstance(exponent.op, ast.USub):
        exponent = exponent.operand
    return isinstance(exponent, ast.Constant) and type(exponent.value) is int and abs(exponent.value) <= _EXPONENT


def _bits(node: ast.AST) -> int:
    """How many bits the value of a number like ``node`` has, at most."""
    if isinstance(node, ast.Constant):
        return node.value.bit_length() if isinstance(node.value, int) else 64
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        return min(_bits(node.left) * _EXPONENT, _DEAR)
    parts = sum(_bits(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))
    powers = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _POWERS
    return min((parts + 1) * (_EXPONENT if powers else 1), _DEAR)


def _terms(node: ast.AST) -> int:
    """How many terms there are when every product and power is multiplied out, at most."""
    if isinstance(node, (ast.Name, ast.Constant)):
        return 1
    parts = [_terms(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    whole = 1
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        return min(sum(parts), _DEAR)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        exponent = node.right.value if isinstance(node.right, ast.Constant) else _EXPONENT
        power: int = min(abs(exponent) if isinstance(exponent, int) else _EXPONENT, _EXPONENT)
        return min(int(parts[0] ** power), _DEAR)
    for part in parts:
        whole = min(whole * part, _DEAR)
    return whole
