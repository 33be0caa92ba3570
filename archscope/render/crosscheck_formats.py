"""A cross-check as text, Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from archscope.render import Format
from archscope.render.facts import describe_inputs
from archscope.render.markdown_table import markdown_table
from archscope.render.names import markdown, plain
from archscope.render.style import Column, Style, lay_out
from archscope.results.crosscheck import COUNTED, Crosscheck, Difference, PeerResult
from archscope.serial import to_plain
from archscope.units import format_integer

CROSSCHECK_FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "json": Format(title="JSON", renderer="archscope.render.crosscheck_formats:render_crosscheck_json"),
        "md": Format(title="Markdown", renderer="archscope.render.crosscheck_formats:render_crosscheck_markdown"),
    }
)
_TITLES = ("counter", "version", "parameters", "MACs", "ratio", "ms")
_SHOWN = 6


def render_crosscheck_json(result: Crosscheck) -> str:
    """``result`` as JSON: raw integers, null where a peer gave nothing."""
    return json.dumps(to_plain(result), indent=1, ensure_ascii=False) + "\n"


def render_crosscheck_text(result: Crosscheck, style: Style) -> str:
    """The counters side by side, what makes each differ, and the verdict."""
    columns = tuple(Column(title=title, right=title not in {"counter", "version"}) for title in _TITLES)
    lines = [f"{style.bold(plain(result.model))}  input {plain(describe_inputs(result.inputs))}", ""]
    lines += lay_out(columns, _rows(result), style)
    for peer in result.results:
        lines += ["", *_explained(peer)]
    return "\n".join([*lines, "", result.verdict, ""])


def render_crosscheck_markdown(result: Crosscheck) -> str:
    """The same as a page."""
    parts = [
        f"# {markdown(result.model)}: other counters on the same model",
        f"Input: {markdown(describe_inputs(result.inputs))}. Verdict: {markdown(result.verdict)}.",
        markdown_table(_TITLES, _rows(result), left=2),
    ]
    for peer in result.results:
        rows = [(kind, d.what, _times(kind, d), f"{d.amount:+,}") for kind, d in _differences(peer)]
        if rows:
            table = markdown_table(("figure", "operator or module type", "where", "difference"), rows, left=3)
            parts += [f"## {markdown(peer.peer)}", table]
    return "\n\n".join(parts) + "\n"


def _rows(result: Crosscheck) -> list[tuple[str, ...]]:
    least = "" if result.complete else ">= "
    own = ("archscope", "", format_integer(result.parameters), f"{least}{format_integer(result.macs)}", "1.0000")
    rows: list[tuple[str, ...]] = [(*own, format_integer(result.milliseconds))]
    for peer in result.results:
        if peer.status == COUNTED:
            figures = (format_integer(peer.parameters), format_integer(peer.macs), _ratio(peer.macs, result.macs))
            rows.append((peer.peer, peer.version, *figures, format_integer(peer.milliseconds)))
        else:
            rows.append((peer.peer, f"{peer.status}: {peer.detail}", "-", "-", "-", "-"))
    return rows


def _ratio(theirs: int | None, ours: int) -> str:
    return "-" if theirs is None or not ours else f"{round(Decimal(theirs) / ours, 4):.4f}"


def _differences(peer: PeerResult) -> list[tuple[str, Difference]]:
    return [
        *(("MACs", difference) for difference in peer.macs_differences),
        *(("parameters", difference) for difference in peer.parameter_differences),
    ]


def _explained(peer: PeerResult) -> list[str]:
    if peer.status != COUNTED:
        return [f"{peer.peer}: {peer.status}: {plain(peer.detail)}"]
    found = _differences(peer)
    if not found:
        return [f"{peer.peer} agrees to the unit"]
    rows = [(f"{d.amount:+,}", kind, plain(d.what), _times(kind, d)) for kind, d in found[:_SHOWN]]
    columns = (Column(title="difference", right=True), Column(title="of"), Column(title="by"), Column(title="calls"))
    left_out = [f"  and {len(found) - _SHOWN} smaller ones (--json - shows them)"] if len(found) > _SHOWN else []
    return [f"{peer.peer} differs by", *(f"  {line}" for line in lay_out(columns, rows)[1:]), *left_out]


def _times(kind: str, difference: Difference) -> str:
    word = "calls" if kind == "MACs" else "tensors"
    return f"{difference.calls} {word}" if difference.calls else ""
