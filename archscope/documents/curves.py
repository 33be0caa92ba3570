"""What a picture of curves shows, as plain data: lines over two axes that both go from 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archscope.documents.pictures import Drawing


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One line: its label, its colour and its points from left to right."""

    label: str
    color: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves(Drawing):
    """Lines under a title and a subtitle; ``axes`` are the words beside x and y."""

    kind: ClassVar[str] = "curves"
    title: str
    subtitle: str
    axes: tuple[str, str]
    curves: tuple[Curve, ...]
