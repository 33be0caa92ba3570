"""The formats of a check: what ``archscope check --<key> FILE`` writes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from archscope.render import Format

CHECK_FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "json": Format(title="JSON", renderer="archscope.render.check_json:render_check_json"),
    }
)
