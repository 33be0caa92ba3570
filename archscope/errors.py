"""The tree of exceptions that archscope raises on purpose.

ArchscopeError            what went wrong, where, and what to do next
├── UsageError            the words of the call or of a file are off      (exit 2)
│   ├── SpecError         a MODEL that names nothing
│   ├── InputError        an input that cannot be read
│   ├── OptionError       an option of a configurable model: unknown, out of range or contradictory
│   ├── ConfigError       a config, targets, claims or lock file
│   ├── ComponentError    a component pattern that claims nothing
│   └── NotComparableError  two reports that do not measure the same thing
├── OverBudgetError       a limit that does not hold where it must        (exit 1)
├── FormulaError          an operator registered twice, a formula that raises  (exit 2)
└── ModelError            the user's model                                (exit 3)
    ├── ImportModelError  its module, or something that module imports
    ├── BuildError        its constructor
    └── ForwardError      its forward pass
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from pathlib import PurePath
from typing import ClassVar


class ArchscopeError(Exception):
    """What went wrong, where (``file:line`` or module path and shapes) and what to do next."""

    exit_code: ClassVar[int] = 2

    def __init__(self, what: str, *, where: str = "", help: str = "") -> None:  # noqa: A002 - the word users see
        super().__init__(what)
        self.what = what
        self.where = where
        self.help = help.strip()

    def __str__(self) -> str:
        parts = [self.what]
        if self.where:
            parts.append(f"  at {self.where}")
        if self.help:
            parts.append(f"  help: {self.help}")
        return "\n".join(parts)


class UsageError(ArchscopeError):
    """The words of a call or of a file are off."""


class SpecError(UsageError):
    """A MODEL that names nothing that can be found."""


class InputError(UsageError):
    """An input description that cannot be read."""


class OptionError(UsageError):
    """An option of a configurable model that is unknown, out of range, or contradicts another."""


class ConfigError(UsageError):
    """A config, targets, claims or lock file that does not say what it must."""


class ComponentError(UsageError):
    """A component pattern that matches no module or is wholly shadowed by earlier ones."""


class NotComparableError(UsageError):
    """Two reports that do not measure the same thing."""


class OverBudgetError(ArchscopeError):
    """A limit that a model does not hold, where nothing may go on then."""

    exit_code: ClassVar[int] = 1


class FormulaError(ArchscopeError):
    """An operator that is registered twice in one table, or whose formula raised."""


class ModelError(ArchscopeError):
    """The user's model could not be imported, built or run."""

    exit_code: ClassVar[int] = 3


class ImportModelError(ModelError):
    """A module that could not be imported, or one of its own imports that failed."""


class BuildError(ModelError):
    """A constructor or factory that raised."""


class ForwardError(ModelError):
    """A forward pass that raised."""


def did_you_mean(word: str, known: Iterable[str], most: int = 3) -> str:
    """``did you mean analyze? `` with at most ``most`` of the words in ``known`` that resemble ``word``, or nothing.

    It ends with a space, for the sentence that may follow.
    """
    near = difflib.get_close_matches(word, list(known), n=most)
    return f"did you mean {' or '.join(near)}? " if near else ""


def raised(error: BaseException) -> str:
    """``ValueError: what it says``, also of an exception that cannot say it."""
    try:
        text = str(error)
    except Exception as broken:  # noqa: BLE001 - it is the user's own code
        text = f"(its __str__ raised {type(broken).__name__})"
    return f"{type(error).__name__}: {text}"


def place_of(error: BaseException) -> str:
    """``file:line`` of the innermost frame of ``error`` in the user's own code; empty when no frame is theirs.

    Frames of archscope, of Python and of installed packages are not; a path below the current folder is relative.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_relative(error.filename)}:{error.lineno or 1}"
    place, step = "", error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if not file.startswith("<") and not _FOREIGN & set(PurePath(file).parts) and not file.startswith(_HOMES):
            place = f"{_relative(file)}:{step.tb_lineno}"
        step = step.tb_next
    return place


_FOREIGN = {"site-packages", "dist-packages"}
_HOMES = (f"{PurePath(__file__).parent}{os.sep}", f"{PurePath(os.__file__).parent}{os.sep}")


def _relative(file: str) -> str:
    relative = os.path.relpath(file)
    return file if relative.startswith(os.pardir) else relative
