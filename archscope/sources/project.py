"""Making the user's own code importable for a while, then taking it out of ``sys.path`` and ``sys.modules`` again."""

from __future__ import annotations

import contextlib
import functools
import importlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

_ROOT_MARKS = ("pyproject.toml", "setup.py", "setup.cfg", "archscope.toml", ".git")
_INSTALLED = {"site-packages", "dist-packages"}


class Project:
    """Folders whose modules a model is made of.

    Inside ``active`` they are importable, first; what was imported from them is taken out of ``sys.modules`` at the end
    and comes back at the next entry, unless a file has changed meanwhile. With ``hide``, a module of the caller's that
    has the name of one of theirs steps aside meanwhile, unless it is one of theirs, installed or Python's own.
    """

    def __init__(self, *folders: Path, hide: bool) -> None:
        self.folders = tuple(dict.fromkeys(folder.resolve() for folder in folders))
        self._hides = hide
        self._path: list[str] = [str(folder) for folder in self.folders]
        self._modules: dict[str, ModuleType] = {}
        self._ages: dict[str, int] = {}
        self._entered = False

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Make the project's modules importable; restore ``sys.path`` and ``sys.modules`` at the end. Reentrant."""
        if self._entered:
            yield
            return
        path_before = list(sys.path)
        hidden = self._hide() if self._hides else {}
        before = dict(sys.modules)
        if self._ages != {name: _age(module) for name, module in self._modules.items()}:
            self._modules = {}
        sys.modules.update(self._modules)
        sys.path[:] = [*self._path, *(entry for entry in path_before if entry not in self._path)]
        importlib.invalidate_caches()
        self._entered = True
        try:
            yield
        finally:
            self._entered = False
            self._path = [entry for entry in sys.path if entry not in path_before or entry in self._path]
            self._take_out(before)
            sys.modules.update(hidden)
            sys.path[:] = path_before

    def _take_out(self, before: dict[str, ModuleType]) -> None:
        """Remove the project's modules that ``before`` lacks and remember them."""
        self._modules = {
            name: module
            for name, module in sys.modules.items()
            if name.partition(".")[0] not in before and self._owns(module)
        }
        self._ages = {name: _age(module) for name, module in self._modules.items()}
        for name in self._modules:
            del sys.modules[name]

    def _hide(self) -> dict[str, ModuleType]:
        own = {name: folder for folder in reversed(self.folders) for name in _top_level(folder)}
        foreign = {
            name
            for name, folder in own.items()
            if name in sys.modules and not _installed(name) and not _lies_in(folder, name, sys.modules[name])
        }
        hidden = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in foreign}
        for name in hidden:
            del sys.modules[name]
        return hidden

    def _owns(self, module: ModuleType) -> bool:
        file = _file(module)
        if file is None or _INSTALLED & set(Path(file).parts):
            return False
        return any(Path(file).resolve().is_relative_to(folder) for folder in (*self.folders, *map(Path, self._path)))


@functools.cache
def project(*folders: Path, hide: bool) -> Project:
    """The one Project of these folders: two models of one file are made of the same modules."""
    return Project(*folders, hide=hide)


def project_root(folder: Path) -> Path:
    """The nearest folder above (or ``folder`` itself) that holds a pyproject.toml, a setup file or a repository."""
    for candidate in (folder, *folder.parents):
        if any((candidate / mark).exists() for mark in _ROOT_MARKS):
            return candidate
    here = Path.cwd()
    return here if folder.is_relative_to(here) else folder


def package_name(file: Path) -> tuple[str, Path]:
    """The dotted name of ``file`` and the folder from which it can be imported (its own, outside any package)."""
    parts = [] if file.stem == "__init__" else [file.stem]
    folder = file.parent
    while (folder / "__init__.py").exists() and folder.name.isidentifier() and folder != folder.parent:
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts), folder


def _top_level(folder: Path) -> Iterator[str]:
    try:
        entries = list(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.suffix == ".py":
            yield entry.stem
        elif entry.is_dir() and entry.name.isidentifier() and any(entry.glob("*.py")):
            yield entry.name


def _lies_in(folder: Path, name: str, module: ModuleType) -> bool:
    """Whether the loaded top-level ``module`` is the one that ``folder`` holds under its name."""
    return Path(_file(module) or "").resolve() in {folder / f"{name}.py", folder / name / "__init__.py", folder / name}


def _file(module: ModuleType) -> str | None:
    """The module's file, or the folder of a package without one. Modules that make up attributes are not asked."""
    known = getattr(module, "__dict__", {})
    path = known.get("__path__")
    places = [known.get("__file__"), *(list(path) if isinstance(path, Iterable) else ())]
    return next((place for place in places if isinstance(place, str)), None)


def _age(module: ModuleType) -> int:
    """When the module's file was last changed, in nanoseconds; 0 when it has none."""
    try:
        return Path(_file(module) or "").stat().st_mtime_ns
    except OSError:
        return 0


def _installed(name: str) -> bool:
    """Whether the loaded module ``name`` belongs to Python, to archscope or to an installed package."""
    module = sys.modules.get(name)
    if module is None or name in sys.stdlib_module_names or name in {"archscope", "__main__"}:
        return True
    file = _file(module) or ""
    return bool(_INSTALLED & set(Path(file).parts))
