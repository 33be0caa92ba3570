"""From the words of a user to a model: one file for each kind of source."""

from __future__ import annotations

from archscope.models import zoo_spec
from archscope.spec import ModelSpec, OptionValue


def load(spec: str, **options: OptionValue) -> ModelSpec:
    """The model that ``spec`` names, with ``options`` for its builder; raises SpecError when it names none."""
    return zoo_spec(spec.removeprefix("zoo:"), **options)
