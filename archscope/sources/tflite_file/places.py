"""Which module an operator of a TFLite file belongs to: by the names that its converter gave to what it makes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from archscope.records import Path
from archscope.sources.tflite_file.graph import Operator, Program, Subgraph

TORCH = "the module names that its converter took from PyTorch"
PREFIXES = "prefixes of tensor names"
NOWHERE = "nothing"
_DEEPEST = 100
_LONGEST = 2_000  # characters of a name that are looked at
#: One module of PyTorch as its converter names it: the class with the module it stands in, and the attribute.
_TORCH_PART = re.compile(r"(?:[\w<>]+\.)+(_*[^\W_][^\W_]*)_(\w+)")
_TORCH_ROOT = re.compile(r"(?:[\w<>]+\.)+\w+")
_WEIGHING = re.compile(r"(?:conv|depthwise|matmul|tensordot|einsum|dense|linear)\w*", re.IGNORECASE)
_LAYERS = frozenset(
    ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "CONV_3D", "CONV_3D_TRANSPOSE", "FULLY_CONNECTED")
)


class Places:
    """Finds the module of each operator; ``known_by`` says how, ``types`` which classes the names tell of."""

    def __init__(self, program: Program) -> None:
        self.types: dict[Path, str] = {}
        self.known_by, self._find = self._way(program)

    def path_of(self, operator: Operator, graph: Subgraph, outer: Path) -> Path:
        """The module of ``operator``; ``outer`` is that of the graph around it."""
        path = self._find(operator, graph)
        if not path or not outer or path == outer or path.startswith(f"{outer}."):
            return path or outer
        return f"{outer}.{path}"

    def _way(self, program: Program) -> tuple[str, Callable[[Operator, Subgraph], Path]]:
        names = [_name(operator, graph) for graph in program.subgraphs[:100] for operator in graph.operators]
        if any(name.startswith(("torch.", "__main__.")) or "/torch.nn." in name for name in names):
            return TORCH, self._of_torch
        deep = sum("/" in name.strip("/") for name in names)
        if deep * 2 > len(names):
            return PREFIXES, _by_prefix
        return NOWHERE, lambda *_: ""

    def _of_torch(self, operator: Operator, graph: Subgraph) -> Path:
        name = _name(operator, graph)
        parts = _chosen(operator, [part for part in name.split(";") if not part.isdigit()]).split("/")
        if not parts or not _TORCH_ROOT.fullmatch(parts[0]):
            return ""
        self.types.setdefault("", parts[0].rpartition(".")[2])
        path = ""
        for part in parts[1:_DEEPEST]:
            found = _TORCH_PART.fullmatch(part)
            if not found:
                break
            path = f"{path}.{found[2]}" if path else found[2]
            self.types.setdefault(path, found[1])
        return path


def _name(operator: Operator, graph: Subgraph) -> str:
    """The name of the first tensor that ``operator`` makes."""
    made = next((index for index in operator.outputs if index >= 0), None)
    return "" if made is None else graph.tensors[made].name[:_LONGEST]


def _by_prefix(operator: Operator, graph: Subgraph) -> Path:
    parts = _parts(_chosen(operator, _name(operator, graph).split(";")))
    return ".".join(parts[:-1][:_DEEPEST])


def _chosen(operator: Operator, segments: Iterable[str]) -> str:
    """Of the names of operators that were joined into this one, that of the layer, else that of the last step."""
    named = [segment for segment in segments if segment]
    if operator.op in _LAYERS:
        layers = [segment for segment in named if _WEIGHING.match(segment.rpartition("/")[2].rpartition(".")[2])]
        return (layers or named or [""])[-1]
    return (named or [""])[0]


def _parts(name: str) -> list[str]:
    return [cleaned for part in name.split("/") if (cleaned := part.replace(".", "_"))]
