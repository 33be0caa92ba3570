"""The public names and their signatures: what docs promise, held by tests/golden/public_api.txt. All else may move."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys

from repository import ROOT

import archscope
from archscope.pytest_plugin import Checker

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
HEAD = """\
# The public names of archscope: those of `import archscope`, those that the documentation imports, the pytest fixture,
# and every class that they take or give. A module is named where its path is part of the promise. A change here is one
# that users must be told of (CHANGELOG.md).
"""


def documented():
    """What the pages import by its full name."""
    for page in PAGES:
        for module, names in re.findall(
            r"^ *from (archscope[\w.]*) import (.+)$", page.read_text("utf-8"), re.MULTILINE
        ):
            for name in names.split(","):
                yield getattr(importlib.import_module(module), name.strip())


def reached(things):
    """``things`` and the classes of archscope that their annotations name, in turn; in the order of discovery."""
    found = dict.fromkeys(things)
    waiting = [*found]
    while waiting:
        thing = waiting.pop(0)
        names = re.findall(r"\w+", "\n".join(lines(thing)))
        known = vars(sys.modules[thing.__module__])
        new = [known[name] for name in names if inspect.isclass(known.get(name)) and known[name] not in found]
        own = [kind for kind in new if kind.__module__.startswith("archscope.")]
        found |= dict.fromkeys(own)
        waiting += own
    return [*found]


def lines(thing):
    """A function's signature, or a class with its public fields, properties and methods, as they are written."""
    (node,) = ast.parse(inspect.getsource(thing)).body
    if isinstance(node, ast.FunctionDef):
        return [signature(node)]
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    members = [member(child) for child in node.body]
    return [f"class {node.name}({bases})" if bases else f"class {node.name}", *filter(None, members)]


def member(node):
    if isinstance(node, ast.FunctionDef):
        kinds = [f"@{ast.unparse(decorator)} " for decorator in node.decorator_list]
        name, text = node.name, f"{''.join(kinds)}{signature(node)}"
    elif isinstance(node, ast.AnnAssign):
        name, text = ast.unparse(node.target), ast.unparse(node)
    elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):  # a descriptor, or a member of an enum
        name = ast.unparse(node.targets[0])
        text = f"{name}: {ast.unparse(node.value.func)}"
    else:
        return ""
    return "" if name.startswith("_") and not name.endswith("__") else f"    {text}"


def signature(node):
    return f"{node.name}({ast.unparse(node.args)}) -> {ast.unparse(node.returns)}"


def test_public_names_and_signatures_are_those_that_were_promised(golden):
    values = {name: getattr(archscope, name) for name in sorted(archscope.__all__)}
    constants = [f"{name}: {type(value).__name__}" for name, value in values.items() if not callable(value)]
    by_full_name = [*documented(), Checker]
    blocks = []
    for thing in reached([*(value for value in values.values() if callable(value)), *by_full_name]):
        home = [f"# {thing.__module__}"] if thing in by_full_name else []
        blocks.append("\n".join([*home, *lines(thing)]))
    golden("public_api.txt", "\n".join([HEAD, *constants, "", "\n\n".join(blocks)]) + "\n")


def test_type_checkers_see_the_names_that_are_there():
    tree = ast.parse(inspect.getsource(archscope))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname: f"{node.module}.{alias.name}"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == {name: f"archscope.{home}.{name}" for name, home in archscope._HOMES.items()}
    assert sorted(seen) == dir(archscope)
