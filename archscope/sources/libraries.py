"""Importing optional libraries when a source asks for them, with an error that names what to install."""

from __future__ import annotations

import importlib
from types import ModuleType

from archscope.causes import distribution
from archscope.errors import ImportModelError, raised


def require(name: str, *, wanted_by: str) -> ModuleType:
    """The library ``name``; raises ImportModelError saying how to install it, or which of its own imports failed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name.partition(".")[0]:
            raise ImportModelError(
                f"{wanted_by} needs {name}, which is not installed", help=f"pip install {distribution(name)}"
            ) from None  # its frames are Python's own
        raise _broken(name, error) from error
    except Exception as error:
        raise _broken(name, error) from error


def _broken(name: str, error: Exception) -> ImportModelError:
    return ImportModelError(
        f"{name} is installed but cannot be imported: {raised(error)}",
        help=f'see what `python -c "import {name}"` says',
    )
