"""Reading the claims and reduction targets that lie as TOML files beside models of the zoo."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import TypeVar

from archscope.config import read_document
from archscope.judge.claims_file import read_claims
from archscope.judge.plan_file import read_targets
from archscope.results.claims import ClaimSheet
from archscope.results.plan import TargetSheet

Sheet = TypeVar("Sheet", ClaimSheet, TargetSheet)


def claims_beside(source: str) -> ClaimSheet | None:
    """The claims about the model of the zoo that is the source (``zoo:NAME``); None when there are none."""
    return _beside(source, "claims.toml", read_claims)


def targets_beside(source: str) -> TargetSheet | None:
    """The reduction targets of the model of the zoo that is the source (``zoo:NAME``); None when there are none."""
    return _beside(source, "targets.toml", read_targets)


def _beside(source: str, name: str, read: Callable[..., Sheet]) -> Sheet | None:
    for folder in sorted(Path(str(resources.files("archscope.models"))).iterdir()):
        path = folder / name
        if path.is_file() and read_document(path).values.get("model") == source.removeprefix("zoo:"):
            return read(path, file=f"{folder.name}/{name}")
    return None
