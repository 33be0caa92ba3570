"""A result as JSON: raw integers, base units, null for what was not measured."""

from __future__ import annotations

from archscope.json_text import write_json
from archscope.render import Format

FORMATS = (Format(key="json", title="JSON", part="record", render=write_json),)
