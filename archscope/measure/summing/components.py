"""Assigning modules to components by ordered path globs, of which the first match wins."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence

from archscope.errors import ComponentError
from archscope.measure.summing.path_patterns import PathPattern
from archscope.records import Path
from archscope.report import UNASSIGNED
from archscope.spec import Component

_LONGEST = 10_000  # characters of a pattern


def assign(paths: Sequence[Path], components: Sequence[Component]) -> dict[Path, str]:
    """The component of each module path, ``[unassigned]`` where no pattern matches.

    Raises ComponentError for a pattern that matches no path or only paths that earlier patterns claim, and for a glob
    of more than 10,000 characters.
    """
    claimed: dict[Path, str] = {}
    children = _children(paths)
    for component in components:
        for pattern in component.patterns:
            if _is_glob(pattern) and len(pattern) > _LONGEST:
                raise ComponentError(
                    f"a pattern of component {component.name!r} has {len(pattern):,} characters",
                    where=component.where,
                    help=f"at most {_LONGEST:,}: give the component several patterns",
                )
            fresh = [path for path in _matches(pattern, paths, children) if path not in claimed]
            if not fresh:
                _refuse(component, pattern, paths, children, claimed)
            claimed.update(dict.fromkeys(fresh, component.name))
    return {path: claimed.get(path, UNASSIGNED) for path in paths}


def _children(paths: Sequence[Path]) -> dict[Path, list[Path]]:
    children: dict[Path, list[Path]] = {path: [] for path in paths}
    for path in paths:
        if path:
            children[path.rpartition(".")[0]].append(path)
    return children


def _matches(pattern: str, paths: Sequence[Path], children: Mapping[Path, Sequence[Path]]) -> Iterator[Path]:
    """The paths that ``pattern`` matches; those of ``name.**`` are walked to, as there may be one for each module."""
    if _is_glob(pattern):
        glob = PathPattern(pattern)
        yield from (path for path in paths if glob.matches(path))
        return
    top = pattern.removesuffix(".**")
    waiting = [top] if top in children else []
    while waiting:
        path = waiting.pop()
        yield path
        waiting += children[path] if pattern != top else ()


def _is_glob(pattern: str) -> bool:
    top = pattern.removesuffix(".**")
    return not top or "*" in top or "?" in top


def default_components(paths: Sequence[Path]) -> tuple[Component, ...]:
    """One component for each child of the model, or of the first module below it that has several."""
    top = ""
    while True:
        children = [path for path in paths if path and path.rpartition(".")[0] == top]
        if len(children) != 1:
            break
        top = children[0]
    return tuple(Component(name=child, patterns=(f"{_literal(child)}.**",)) for child in children)


def _literal(path: Path) -> str:
    return path.replace("*", "?")


def _refuse(
    component: Component,
    pattern: str,
    paths: Sequence[Path],
    children: Mapping[Path, Sequence[Path]],
    claimed: dict[Path, str],
) -> None:
    owners = ", ".join(sorted({claimed[path] for path in _matches(pattern, paths, children)}))
    if owners:
        raise ComponentError(
            f"pattern {pattern!r} of component {component.name!r} is wholly shadowed by {owners}",
            where=component.where,
            help="the first match wins: put the narrower pattern first, or remove one of them",
        )
    raise ComponentError(
        f"pattern {pattern!r} of component {component.name!r} matches no module",
        where=component.where,
        help=_near(pattern, paths),
    )


def _near(pattern: str, paths: Sequence[Path]) -> str:
    stem = pattern.rstrip(".*")
    near = difflib.get_close_matches(stem, [path for path in paths if path], n=1)
    meant = f"did you mean {pattern.replace(stem, near[0])!r}? " if near and stem else ""
    return f"{meant}`archscope analyze MODEL --depth 0 -n 0` lists the paths; 'x.**' means x and all below it"
