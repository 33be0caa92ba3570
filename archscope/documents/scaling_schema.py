"""The JSON Schema of a law of size; `archscope scale --schema` prints it."""

from __future__ import annotations

from typing import Any

from archscope.metrics import METRICS
from archscope.results.scaling import SCALING_VERSION

_TEXT = {"type": "string"}
_BOOLEAN = {"type": "boolean"}
_INTEGER = {"type": "integer"}
_COUNT = {"type": "integer", "minimum": 0}
_SIZE = {"type": "integer", "minimum": 1}
_SIZES = {"type": "array", "items": _SIZE, "minItems": 1}
_NAMED_SIZES = {"type": "object", "additionalProperties": _SIZE}
_METRIC = {"enum": [*METRICS]}


def scaling_schema() -> dict[str, Any]:
    """The schema of what ``archscope scale --json`` writes (draft 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "archscope scale --json",
        "description": (
            "What a model costs as exact formulas of its sizes. The first of measured that has a size speaks for it, "
            "else the first of regions whose box holds it; outside of the values of its dimensions nothing is said."
        ),
        **_object(
            scaling_version={"const": SCALING_VERSION},
            model=_TEXT,
            source={**_TEXT, "description": "What rebuilds the model; empty where nothing does."},
            inputs=_list(
                _object(name=_TEXT, shape={"type": "array", "items": _COUNT}, dtype=_TEXT),
                "The inputs that were resized.",
            ),
            dimensions=_list(
                _object(name=_TEXT, values=_SIZES, places={**_list(_TEXT), "minItems": 1}),
                "What varies: its sizes in ascending order, and the axes and options that have them.",
                minItems=1,
            ),
            runs={**_SIZE, "description": "How many sizes were run."},
            complete={**_BOOLEAN, "description": "Whether every operator has a formula; else MACs are lower bounds."},
            value_dependent={**_BOOLEAN, "description": "Whether values decide what runs."},
            own_components={**_BOOLEAN, "description": "Whether somebody named the components."},
            regions=_list(_region(), "Boxes of sizes in which one set of formulas holds."),
            measured=_list(
                _object(
                    sizes=_NAMED_SIZES,
                    complete=_BOOLEAN,
                    totals=_by_metric(_figure()),
                    components=_list(_object(name=_TEXT, figures=_by_metric(_figure()))),
                ),
                "The sizes that were run, with what was measured there.",
            ),
            crossings=_list(
                _object(dimension=_TEXT, size=_SIZE, upper=_TEXT, lower=_TEXT, fixed=_NAMED_SIZES),
                "From size on, upper costs more MACs than lower; the other dimensions are fixed.",
            ),
            answers=_list(_answer(), "The largest sizes that limits admit."),
        ),
    }


def _region() -> dict[str, Any]:
    formulas = _by_metric({"oneOf": [{"type": "null"}, _formula()]})
    return _object(
        low={**_SIZES, "description": "The smallest size of each dimension, in their order."},
        high={**_SIZES, "description": "The largest ones; both belong to the box."},
        checked={**_SIZE, "description": "How many runs the formulas were held against."},
        complete=_BOOLEAN,
        reasons={**_by_metric(_TEXT), "description": "Why a figure has no formula."},
        totals=formulas,
        components=_list(_object(name=_TEXT, figures=formulas)),
    )


def _formula() -> dict[str, Any]:
    quantity = _object(
        dimensions={**_list(_TEXT), "minItems": 1},
        times=_SIZE,
        plus=_INTEGER,
        by=_SIZE,
        levels=_BOOLEAN,
        rest=_BOOLEAN,
        power=_SIZE,
    )
    quantity["description"] = (
        "floor((times x the product of the dimensions + plus) / by) to this power; with levels its binary logarithm, "
        "rounded up; with rest 0 where the division has no remainder, else 1."
    )
    polynomial = _object(denominator=_SIZE, terms=_list(_object(coefficient=_INTEGER, powers=_list(quantity))))
    polynomial["description"] = (
        "The sum of the terms, divided by the denominator; it is no figure where it is not whole."
    )
    return _object(text=_TEXT, largest_of=_list(polynomial, "The formula is the largest of these.", minItems=1))


def _answer() -> dict[str, Any]:
    maybe_size, maybe = {"type": ["integer", "null"], "minimum": 1}, _figure()
    return _object(
        metric=_METRIC,
        max=_COUNT,
        dimension=_TEXT,
        fixed=_NAMED_SIZES,
        size={**maybe_size, "description": "The largest size that holds the limit; null where none does, or unknown."},
        value=maybe,
        next_size=maybe_size,
        next_value=maybe,
        reason={**_TEXT, "description": "Why nobody knows; empty where the answer was verified by runs."},
    )


def _figure() -> dict[str, Any]:
    return {"type": ["integer", "null"], "minimum": 0}


def _by_metric(kind: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "propertyNames": _METRIC, "additionalProperties": kind}


def _list(items: dict[str, Any], description: str = "", **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **more} | ({"description": description} if description else {})


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    """An object with these keys, all of them, and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": [*properties],
        "additionalProperties": False,
    }
