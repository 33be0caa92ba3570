"""A result as JSON: raw integers, base units, null for what was not measured."""

from __future__ import annotations

import json
from typing import Any

from archscope.render import Format


def render_json(record: Any) -> str:
    """Plain dicts, lists and scalars as JSON text, one line at the end."""
    return json.dumps(record, indent=1, ensure_ascii=False) + "\n"


FORMATS = (Format(key="json", title="JSON", part="record", render=render_json),)
