"""Which way a graph that is followed, not run, is called: its signatures by name, and what they are given."""

from __future__ import annotations

import dataclasses
from typing import Any

from archscope.errors import InputError
from archscope.measure.running.call_forms import graph_inputs
from archscope.records import Trace
from archscope.spec import Given, Inputs, ModelSpec


def followed(spec: ModelSpec, inputs: Any) -> Trace | None:
    """The trace of the entry of ``spec`` that ``inputs`` (else its own) name as their method; None where none is named.

    Raises InputError for an entry that is not there.
    """
    own = spec.inputs
    given = own if inputs is None or (isinstance(inputs, Given) and not _told(inputs)) else inputs
    method = next((part.method for part in (inputs, own) if isinstance(part, (Given, Inputs)) and part.method), "")
    if not method or not spec.entries:
        return None
    if method not in spec.entries:
        raise InputError(
            f"{spec.source} has no signature {method!r}", help=f"its signatures are {', '.join(spec.entries)}"
        )
    if isinstance(given, tuple) and given is own:
        given = None  # the sizes of another signature
    if isinstance(given, Given):
        given = dataclasses.replace(given, method="", usual=None)
        given = given if _told(given) else None
    elif isinstance(given, Inputs):
        given = dataclasses.replace(given, method="")
        given = given if given.args or given.kwargs else None
    return spec.entries[method](None if given is None else graph_inputs(given))


def _told(given: Given) -> bool:
    return given.value is not None or bool(given.named)
