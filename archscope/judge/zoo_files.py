"""The files that stand beside a model of the zoo: published claims and reduction targets, as data."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from archscope.config import read_document

CLAIMS = "claims.toml"
TARGETS = "targets.toml"


def file_beside(model: str, kind: str) -> Path | None:
    """The file of that ``kind`` in the zoo whose key ``model`` names ``model``; None when there is none."""
    for folder in sorted(Path(str(resources.files("archscope.models"))).iterdir()):
        path = folder / kind
        if path.is_file() and read_document(path).values.get("model") == model:
            return path
    return None
