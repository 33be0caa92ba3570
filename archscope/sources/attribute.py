"""Models in the user's own code: ``package.module:attr`` and ``path/to/file.py:attr``."""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import importlib.util
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from archscope.causes import cause_of, shadowing
from archscope.errors import BuildError, ImportModelError, OptionError, did_you_mean, place_of, raised
from archscope.process_state import process_state_kept
from archscope.sources.construction import OptionValues, article, construct, described
from archscope.sources.project import Project, package_name, project, project_root
from archscope.spec import ModelSpec

if TYPE_CHECKING:
    from torch import nn


def from_code(source: str, left: str, attribute: str, base: Path, options: OptionValues) -> ModelSpec:
    """The model ``attribute`` of a Python file or an importable module, for which ``base`` comes first.

    Raises ImportModelError, BuildError, OptionError.
    """
    target, own = named(source, left, attribute, base)
    with process_state_kept(), own.active():
        return model_spec(source, target, name=attribute, own=own, options=options)


def named(source: str, left: str, attribute: str, base: Path) -> tuple[Any, Project]:
    """What ``attribute`` of a file or a module is, with the project that it belongs to. Raises ImportModelError."""
    import torch  # noqa: F401 - before the folder: a file of the user's may have the name of what torch imports

    if left.endswith(".py"):
        file = base / left
        if not file.is_file():
            near = did_you_mean(file.name, [entry.name for entry in file.parent.glob("*.py")])
            hint = near or "the path is taken from the current folder"
            raise ImportModelError(f"there is no file {str(file)!r}", help=hint)
        file = file.resolve()
        name, folder = package_name(file)
        own = project(file.parent, folder, project_root(file.parent), hide=True)
        with process_state_kept(), own.active():
            return _attribute(source, _run_import(source, lambda: _import_file(name, file), name), attribute), own
    own = project(base.resolve(), hide=False)
    with process_state_kept(), own.active():
        return _attribute(source, _run_import(source, lambda: importlib.import_module(left), left), attribute), own


def _import_file(name: str, file: Path) -> ModuleType:
    if "." in name or file.stem == "__init__":
        return importlib.import_module(name)
    known = sys.modules.get(name)
    if known is not None:
        if getattr(known, "__file__", None) == str(file):
            return known
        name = f"archscope_model_{name}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file.name} is not Python source")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _run_import(source: str, run: Callable[[], ModuleType], name: str) -> ModuleType:
    try:
        return run()
    except (Exception, SystemExit) as error:
        place = place_of(error)
        if (
            isinstance(error, ModuleNotFoundError)
            and error.name
            and f"{name}.".startswith(f"{error.name}.")
            and not place
        ):
            missing, near = f"there is no module {error.name!r}", _near_modules(error.name)
            raise ImportModelError(missing, where=source, help=near) from None  # its frames are Python's own
        what, remedy = _import_failure(error, name)
        raise ImportModelError(what, where=place or source, help=remedy) from error


def _import_failure(error: BaseException, name: str) -> tuple[str, str]:  # noqa: PLR0911 - one for each kind
    """Why importing ``name`` failed, and what to do about it."""
    known = cause_of(error)
    match error:
        case ModuleNotFoundError():
            shadow = shadowing(error.name or "")
            if shadow:
                return _shadowed(name, str(error), shadow)
            remedy = f"{known.help if known else 'install it'}, or run archscope from the project's root folder"
            return f"{name} was found, but one of its own imports failed: {error}", remedy
        case ImportError():
            shadow = shadowing(error.name or "")
            if shadow:
                return _shadowed(name, str(error), shadow)
            remedy = "the module it imports from is there, but lacks that name or cannot be loaded"
            return f"{name} was found, but one of its own imports failed: {error}", remedy
        case SyntaxError():
            return f"{Path(error.filename or name).name} is not valid Python: {error.msg}", "mend the line"
        case SystemExit():
            remedy = 'put what the script does below `if __name__ == "__main__":`'
            return f"{name} ends the program when it is imported (exit code {error.code})", remedy
    told = re.match(r"(?:partially initialized )?module '([\w.]+)' has no attribute", str(error))
    if isinstance(error, AttributeError) and told and (shadow := shadowing(told[1])):
        return _shadowed(name, str(error), shadow)
    remedy = "the module must be importable without arguments and without side effects"
    if known:
        return f"{name} {known.what or f'raised {raised(error)}'} when it is imported", known.help
    return f"importing {name} raised {raised(error)}", remedy


def _shadowed(name: str, said: str, file: str) -> tuple[str, str]:
    own = Path(file).name
    return (
        f"{name} was found, but one of its own imports failed: {said}",
        f"your {own} stands in the place of the installed package of that name: give it another name",
    )


def _near_modules(missing: str) -> str:
    parent, _, last = missing.rpartition(".")
    package = sys.modules.get(parent) if parent else None
    if parent and not hasattr(package, "__path__"):
        return f"{parent} is a module, not a package: write {parent}:ATTRIBUTE"
    search = list(package.__path__) if package else sys.path
    names = {module.name for module in pkgutil.iter_modules(search)} - sys.stdlib_module_names
    library = [] if parent else difflib.get_close_matches(last, _LIBRARIES, n=1)
    if library:
        return f"did you mean {library[0]}:NAME?"
    near = difflib.get_close_matches(last, sorted(names), n=3)
    if near:
        return f"did you mean {' or '.join(f'{parent}.{name}' if parent else name for name in near)}?"
    return "modules are looked for in the current folder and in the installed packages"


def _attribute(source: str, module: ModuleType, attribute: str) -> Any:
    target: Any = module
    for name in attribute.split("."):
        owner, target = target, getattr(target, name, _MISSING)
        if target is _MISSING:
            raise ImportModelError(
                f"{module.__name__} has no {attribute!r}", where=source, help=_near_attributes(owner, name)
            )
    return target


_MISSING = object()
_LIBRARIES = ("timm", "torchvision", "hf", "zoo")


def model_spec(source: str, target: Any, *, name: str, own: Project, options: OptionValues) -> ModelSpec:
    """``target`` (class, factory, instance or ModelSpec) as a ModelSpec that builds it inside the project ``own``."""
    from torch import nn

    if isinstance(target, ModelSpec):
        _refuse(options, source, "a ModelSpec")
        return dataclasses.replace(target, source=source, within=own.active)
    if isinstance(target, nn.Module):
        _refuse(options, source, f"an instance of {type(target).__name__}")
        return ModelSpec(name=name, source=source, build=lambda: target, within=own.active)
    if not callable(target):
        raise BuildError(
            f"{name!r} is {article(type(target).__name__)}, not a model",
            where=source,
            help="name a class, a function that returns a model, or an instance of torch.nn.Module",
        )

    def build() -> nn.Module:
        with own.active():
            return construct(target, name, options)

    return ModelSpec(name=name, source=source, build=build, options=described(target, options), within=own.active)


def _refuse(options: OptionValues, source: str, what: str) -> None:
    if options:
        raise OptionError(f"{source} is {what}: it takes no options", help=f"leave out {', '.join(options)}")


def _near_attributes(owner: Any, missing: str) -> str:
    public = {name: value for name, value in vars(owner).items() if not name.startswith("_")}
    near = did_you_mean(missing, public)
    if near:
        return near
    own = [name for name, value in public.items() if _is_model(value) and _defined_in(value, owner)]
    more = f" and {len(own) - 8} more" if len(own) > 8 else ""
    return f"it has {', '.join(own[:8])}{more}" if own else "it defines no class derived from torch.nn.Module"


def _is_model(value: Any) -> bool:
    from torch import nn

    return isinstance(value, nn.Module) or (inspect.isclass(value) and issubclass(value, nn.Module))


def _defined_in(value: Any, owner: Any) -> bool:
    return getattr(value, "__module__", None) == getattr(owner, "__name__", None) or not inspect.isclass(value)
