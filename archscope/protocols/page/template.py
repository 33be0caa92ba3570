"""The files of templates/html, as they are and filled in: whatever a name holds is text there, never markup."""

from __future__ import annotations

import functools
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


@functools.cache
def read(name: str) -> str:
    """The file ``name``."""
    return (resources.files("archscope.templates") / "html" / name).read_text(encoding="utf-8")


def fill(name: str, **values: Any) -> str:
    """The template ``name`` with ``values``; all of them must be given."""
    return _environment().get_template(name).render(values)


@functools.cache
def _environment() -> Environment:
    import jinja2

    loader = jinja2.FunctionLoader(read)
    made = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["n"] = lambda value: f"{value:.1f}".removesuffix(".0")
    return made
