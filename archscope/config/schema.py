"""The JSON Schema of the config file, for editors; `archscope config --schema` prints it."""

from __future__ import annotations

from typing import Any

from archscope.config.loader import BUDGET_KEYS, COMPONENT_KEYS, LOCK_KEYS, LOCKABLE, MODEL_KEYS, ROLES, TOP_KEYS
from archscope.metrics import limitable

_TEXT = {"type": "string", "pattern": r"\S"}
_TEXTS = {"oneOf": [_TEXT, {"type": "array", "items": _TEXT}]}
_NUMBER = r"(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9][0-9_]*)(?:\.[0-9]+)?"
_LIMIT = {
    "description": 'The most that is allowed, inclusive: 249_999, "<0.25M", "1.2G", or a share such as "60%".',
    "oneOf": [
        {"type": "integer", "minimum": 0},
        {"type": "string", "maxLength": 100, "pattern": rf"^\s*<?\s*=?\s*{_NUMBER}\s*(?:[kKMGT]?|%)\s*$"},
    ],
}
_INPUTS = {
    "description": "What it takes, as for --input: 1x3x640x640; or a function that makes it: file.py:make_batch.",
    **_TEXTS,
}
_CALL = {"description": "Another method than forward: training_step, generate.", **_TEXT}
_SIZES = {
    "description": "Sizes that it holds at: 320:1280:32 is height and width, others by name, such as batch=1:8.",
    **_TEXTS,
}
_ROLE = {"enum": list(ROLES), "description": "What it is to the network; figures use it."}
_DEPTH = {
    "description": "Modules below this many levels count for their ancestor there.",
    "type": "integer",
    "minimum": 0,
}


def config_schema() -> dict[str, Any]:
    """The schema of archscope.toml, and of [tool.archscope] in pyproject.toml (draft 2020-12)."""
    metric = {"enum": list(limitable()), "description": "; ".join(f"{m.name}: {m.help}" for m in limitable().values())}
    component = _table(
        dict(zip(COMPONENT_KEYS, (_TEXT, _TEXTS, _TEXT, _ROLE), strict=True)),
        ["name", "match"],
        "A named part of the network; ordered, the first match wins.",
    )
    model = _table(
        dict(
            zip(
                MODEL_KEYS,
                (_TEXT, {"type": "object", "additionalProperties": _option()}, _INPUTS, _CALL, _list(component)),
                strict=True,
            )
        ),
        ["source"],
        "A model: any MODEL that the command line takes, with its options, inputs and components.",
    )
    budget = _table(
        dict(zip(BUDGET_KEYS, (_TEXT, _TEXT, metric, _LIMIT, _TEXT, _TEXT, _LIMIT, _TEXT, _SIZES), strict=True)),
        ["name", "model", "metric", "max"],
        "A limit on one metric of a model, or of one of its components.",
    )
    lockable = {"enum": list(LOCKABLE)}
    metrics = {"oneOf": [lockable, {"type": "array", "items": lockable}]}
    lock = _table(dict(zip(LOCK_KEYS, (metrics, _LIMIT, _DEPTH), strict=True)), [], "What archscope.lock holds.")
    sections = ({"type": "object", "additionalProperties": model}, _list(budget), lock)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "archscope.toml",
    } | _table(dict(zip(TOP_KEYS, sections, strict=True)), [], "Models, their budgets and their lock.")


def _table(properties: dict[str, Any], required: list[str], description: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _option() -> dict[str, Any]:
    return {"type": ["string", "number", "boolean", "array", "object"]}
