"""The formats of a check: what ``archscope check --<key> FILE`` writes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from archscope.render import Format

CHECK_FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "json": Format(title="JSON", renderer="archscope.render.check_json:render_check_json"),
        "md": Format(title="Markdown", renderer="archscope.render.check_markdown:render_check_markdown"),
        "junit": Format(title="JUnit XML", renderer="archscope.render.junit:render_junit"),
        "sarif": Format(title="SARIF 2.1.0", renderer="archscope.render.sarif:render_sarif"),
        "github": Format(title="GitHub annotations", renderer="archscope.render.annotations:render_annotations"),
    }
)
