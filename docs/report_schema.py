"""The JSON Schema of saved reports, from their records: `python docs/report_schema.py` writes it anew."""

from __future__ import annotations

import dataclasses
import inspect
import json
import types
import typing
from pathlib import Path
from typing import Any

from archscope.metrics import Rows, carried_by
from archscope.report import SCHEMA_VERSION, Report

FILE = Path(__file__).parent / "report.schema.json"
_SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean", types.NoneType: "null"}
_WHEN_ASKED = {"receptive_field"}  # written where somebody asked for it


def report_schema() -> dict[str, Any]:
    """The schema of what `archscope analyze MODEL --json FILE` writes (draft 2020-12)."""
    records: dict[str, Any] = {}
    root = _record(Report, records)
    root["properties"]["schema_version"] = {"type": "integer", "const": SCHEMA_VERSION}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A report of archscope",
        **root,
        "$defs": dict(sorted(records.items())),
    }


def _record(kind: Any, records: dict[str, Any]) -> dict[str, Any]:
    """A record as an object: its fields, with the figures of its row beside them and those of its own as own_*."""
    hints = typing.get_type_hints(kind)
    properties: dict[str, Any] = {}
    required = []
    for field in dataclasses.fields(kind):
        if field.name in {"figures", "own"}:
            rows, prefix = (kind.carries, "") if field.name == "figures" else (Rows.COMPONENTS, "own_")
            for name, metric in carried_by(rows).items():
                types_ = "integer" if metric.known_without_run else ["integer", "null"]
                properties[prefix + name] = {"type": types_, "description": metric.help}
                required += [prefix + name] if metric.known_without_run else []
            continue
        properties[field.name] = _kind(hints[field.name], records)
        missing = dataclasses.MISSING
        if field.name not in _WHEN_ASKED and field.default is missing and field.default_factory is missing:
            required.append(field.name)
    description = " ".join(inspect.cleandoc(kind.__doc__ or "").split())
    shown = {"type": "object", "description": description, "properties": properties, "required": required}
    return shown | {"additionalProperties": False}


def _kind(kind: Any, records: dict[str, Any]) -> dict[str, Any]:
    if dataclasses.is_dataclass(kind):
        name = typing.cast("type", kind).__name__
        if name not in records:
            records[name] = {}  # before its fields: a record may hold others of its kind
            records[name] = _record(kind, records)
        return {"$ref": f"#/$defs/{name}"}
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return {"type": "array", "items": _kind(arguments[0], records)}
    if origin in {types.UnionType, typing.Union}:
        kinds = [_kind(member, records) for member in arguments]
        if all(len(one) == 1 and "type" in one for one in kinds):
            return {"type": [one["type"] for one in kinds]}
        return {"anyOf": kinds}
    return {"type": _SCALARS[kind]}


def main() -> None:
    """Write the file."""
    FILE.write_text(json.dumps(report_schema(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
