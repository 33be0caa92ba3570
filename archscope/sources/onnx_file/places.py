"""Which module a node of an ONNX graph belongs to: by the exporter's metadata, by names, else by its weights."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from archscope.records import Path

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

METADATA = "the exporter's metadata"
SCOPES = "scope-style node names of torch's exporter"
PREFIXES = "prefixes of node names"
WEIGHTS = "names of weights"
NOWHERE = "nothing"
_SCOPES_KEY = "pkg.torch.onnx.name_scopes"
_TYPES_KEY = "pkg.torch.onnx.class_hierarchy"
_MERGED_KEY = "pkg.onnxscript.rewriter.rule_name"
_LONGEST = 20_000  # characters of metadata of one node
_DEEPEST = 100
#: A weight called as a state_dict calls it.
STATE_NAME = re.compile(r"[^\W\d]\w*(?:\.\w+)+")


class Places:
    """Finds the module of each node; ``known_by`` says how, ``types`` which classes the exporter told of."""

    def __init__(self, model: ModelProto) -> None:
        self.types: dict[Path, str] = {}
        self._weights = frozenset(tensor.name for tensor in model.graph.initializer)
        self.known_by, self._find = self._way(model)

    def path_of(self, node: NodeProto, outer: Path) -> Path:
        """The module of ``node``; ``outer`` is that of the function or the graph around it."""
        path = self._find(node)
        if not path or not outer or path == outer or path.startswith(f"{outer}."):
            return path or outer
        return f"{outer}.{path}" if self.known_by == PREFIXES else path

    def _way(self, model: ModelProto) -> tuple[str, Callable[[NodeProto], Path | None]]:
        nodes = [*model.graph.node]
        nodes += [node for function in model.functions for node in function.node]
        if any(_scopes(node) is not None for node in nodes):
            return METADATA, self._by_metadata
        named = [node.name for node in nodes if node.name]
        if model.producer_name == "pytorch" and any(name.startswith("/") for name in named):
            return SCOPES, self._by_scope
        deep = [name for name in named if "/" in name.strip("/")]
        if len(deep) * 2 > len(named):
            return PREFIXES, _by_prefix
        if any(STATE_NAME.fullmatch(name) for name in self._weights):
            return WEIGHTS, self._by_weight
        return NOWHERE, lambda _node: ""

    def _by_metadata(self, node: NodeProto) -> Path | None:
        scopes = _scopes(node)
        if scopes is None:
            return None
        types = _listed(_metadata(node, _TYPES_KEY)) or ()
        path = ""
        for depth, scope in enumerate(scopes[:-1][:_DEEPEST]):
            path = scope
            if depth < len(types):
                self.types.setdefault(path, types[depth].rpartition(".")[2])
        if _metadata(node, _MERGED_KEY):
            return self._by_weight(node) or path
        return path

    def _by_scope(self, node: NodeProto) -> Path | None:
        path = _joined(node.name.split("/")[1:-1]) if node.name.startswith("/") else ""
        owner = self._by_weight(node)
        if owner and re.fullmatch(rf"{re.escape(owner)}_\d+", path):  # a module that is called again
            return owner
        return path

    def _by_weight(self, node: NodeProto) -> Path | None:
        """The module of the first weight that ``node`` reads."""
        for name in node.input:
            if name in self._weights and STATE_NAME.fullmatch(name):
                return str(name).rpartition(".")[0]
        return None


def _by_prefix(node: NodeProto) -> Path | None:
    parts = [part for part in re.split(r"[/]+", node.name) if part]
    return _clean(".".join(parts[:-1][:_DEEPEST]))


def _clean(path: str) -> Path:
    return ".".join(part for part in path.split(".") if part)


def _joined(parts: Sequence[str]) -> Path:
    """The path of scopes: a child of a container is called by the container's name and its own."""
    path: list[str] = []
    for part in parts[:_DEEPEST]:
        if path and part.startswith(f"{path[-1]}."):
            path[-1] = part
        else:
            path.append(part)
    return _clean(".".join(path))


def _metadata(node: NodeProto, key: str) -> str:
    return next((entry.value for entry in node.metadata_props if entry.key == key), "")


def _scopes(node: NodeProto) -> list[Path] | None:
    found = _listed(_metadata(node, _SCOPES_KEY))
    return [_clean(scope) for scope in found] if found else None


def _listed(text: str) -> list[str] | None:
    """A list of texts as Python writes it; None of anything else."""
    if not text.startswith("[") or len(text) > _LONGEST:
        return None
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return found if isinstance(found, list) and all(isinstance(item, str) for item in found) else None


def with_parents(paths: Iterable[Path]) -> list[Path]:
    """``paths`` and every module above them, each parent before its children, in order of first appearance."""
    children: dict[Path, dict[Path, None]] = {"": {}}
    for path in paths:
        parts = path.split(".") if path else []
        above = ""
        for depth in range(len(parts)):
            here = ".".join(parts[: depth + 1])
            children[above].setdefault(here)
            children.setdefault(here, {})
            above = here
    ordered: list[Path] = []
    waiting = [""]
    while waiting:
        here = waiting.pop()
        ordered.append(here)
        waiting += reversed(children[here])
    return ordered
