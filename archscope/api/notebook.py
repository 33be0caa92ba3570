"""What a notebook shows of a result: HTML without scripts that needs no style sheet to be read, in light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

from archscope.documents import document as doc
from archscope.documents.columns import rounded, was_run
from archscope.documents.pictures import component_colors
from archscope.documents.report import identity, notes, warnings
from archscope.documents.report_tables import largest_table, total_facts
from archscope.metrics import METRICS
from archscope.render.formats.html_fragment import render_blocks, render_fragment
from archscope.render.names import plain
from archscope.render.text import Style
from archscope.report import ModuleRow, Report
from archscope.report_queries import children
from archscope.results.comparison import Comparison
from archscope.units import format_percent

_COMPONENTS = 20
_MODULES = 300  # in the tree: the outer and the larger ones
_OPEN = 1  # levels of the tree that are open at first
_FEW = ("parameters", "macs", "flops")
# Colours are those of the page around it; what a viewer strips leaves tables and lists that can be read.
_STYLE = """<style>
.archscope{font-size:.9em;line-height:1.45;max-width:72em;overflow-x:auto}
.archscope table{border-collapse:collapse;margin:.4em 0}
.archscope th,.archscope td{padding:.1em .7em .1em 0;text-align:left;background:none;border:0}
.archscope thead th{border-bottom:1px solid;opacity:.75}
.archscope th[scope=row]{white-space:nowrap}
.archscope tr.total>*{border-top:1px solid;font-weight:600}
.archscope .num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.archscope dl{margin:.4em 0}
.archscope dl div{display:flex;gap:.7em}
.archscope dt{width:13em;font-weight:400}
.archscope dd{margin:0;font-variant-numeric:tabular-nums}
.archscope small{opacity:.75}
.archscope details{margin-left:1.1em}
.archscope details.top{margin-left:0}
.archscope summary{cursor:pointer}
.archscope .leaf{margin-left:2.2em}
.archscope .bar{letter-spacing:-.02em;font-family:monospace}
.archscope .swatch{width:.8em;height:.8em;margin-right:.4em}
.archscope .meter{width:8em;height:.6em}
.archscope .meter rect{fill:currentColor;opacity:.25}
.archscope .meter rect.use,.archscope .meter rect.mark{opacity:.8}
.archscope .bad{color:#d55e00}.archscope .good{color:#009e73}.archscope .aside{opacity:.75}
</style>
"""
_BARS = Style()


def fragment(result: Any, document: doc.Document) -> str:
    """``result`` as one ``<section>``; ``document`` is what its text view shows."""
    if isinstance(result, Report):
        return f'{_STYLE}<section class="archscope">\n{"".join(_report(result))}</section>\n'
    components = (*result.base.components, *result.head.components) if isinstance(result, Comparison) else ()
    return _STYLE + render_fragment(document, component_colors(components))


@dataclass(frozen=True, slots=True)
class Page:
    """The whole page as the output of a cell: in a frame of its own, which nothing outside reaches."""

    html: str

    def __repr__(self) -> str:
        return "<the page of a report>"

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{escape(self.html)}" sandbox="allow-scripts allow-downloads" '
            'style="width:100%;height:720px;border:1px solid #9a9a9a" title="archscope report"></iframe>'
        )


def _report(report: Report) -> Iterator[str]:
    yield f"<p><strong>{_safe(report.model.name)}</strong> <small>{_safe(report.model.source)}</small></p>\n"
    yield render_blocks(doc.Paragraph(line, tone=doc.ASIDE) for line in identity(report))
    facts = total_facts(report)
    labels = {METRICS[name].label for name in _FEW}
    yield render_blocks([doc.Facts(tuple(fact for fact in facts if fact.label in labels))])
    yield _folded("all totals", render_blocks([doc.Facts(tuple(f for f in facts if f.label not in labels))]))
    yield render_blocks([*warnings(report)])
    colors = component_colors(row.name for row in report.components)
    if report.components:
        shown = _FEW[:2] if was_run(report) else _FEW[:1]
        yield render_blocks([largest_table(report, shown, _COMPONENTS, "")], colors)
        yield _bars(report, colors)
    inner = [row for row in report.modules if row.path]
    if inner:
        yield _folded(f"{len(inner):,} modules", _tree(report))
    yield render_blocks([*notes(report)])


def _bars(report: Report, colors: dict[str, str]) -> str:
    """Each total as a row of characters in the colours of the components."""
    lines = ""
    for metric in _FEW[:2]:
        whole = report.totals[metric]
        if not whole:
            continue
        parts = "".join(
            f'<span style="color:{colors[row.name]}" title="{_safe(row.name)} {_safe(share)}">{"█" * cells}</span>'
            for row in report.components
            if (cells := round(60 * (row[metric] or 0) / whole))
            and (share := format_percent(row[metric] or 0, whole, 1))
        )
        lines += f'<div class="bar">{parts} {_safe(METRICS[metric].label)}</div>\n'
    return lines


def _tree(report: Report) -> str:
    """Modules below modules, each foldable; the outer and larger ones where there are too many."""
    metric = "macs" if report.totals.macs else "parameters"
    ordered = sorted(
        (row for row in report.modules if row.path), key=lambda row: (row.depth, -(row[metric] or 0), -row.parameters)
    )
    kept = {row.path for row in ordered[:_MODULES]}
    below = children(report)
    parts: list[str] = []
    waiting: list[ModuleRow | str] = [*reversed(below.get("", []))]
    while waiting:  # no recursion: a model may be nested deeper than Python's stack
        row = waiting.pop()
        if isinstance(row, str):
            parts.append(row)
        elif row.path in kept:
            inner = [child for child in below.get(row.path, []) if child.path in kept]
            if inner:
                opened = " open" if row.depth < _OPEN else ""
                parts.append(f"<details{opened}><summary>{_module(report, row, metric)}</summary>\n")
                waiting += ["</details>\n", *reversed(inner)]
            else:
                parts.append(f'<div class="leaf">{_module(report, row, metric)}</div>\n')
    left = len(ordered) - len(kept)
    more = f"<p>+{left:,} smaller modules (report.to_frame() has all)</p>\n" if left else ""
    return "".join(parts) + more


def _module(report: Report, row: ModuleRow, metric: str) -> str:
    name = _safe(row.path.rpartition(".")[2])
    figures = ", ".join(f"{rounded(row, one)} {METRICS[one].label}" for one in _FEW[:2] if row[one] is not None)
    whole = report.totals[metric] or 0
    bar = _BARS.bar(row[metric] or 0, whole)
    shapes = _shapes(row)
    return (
        f"<code>{name}</code> {_safe(row.type)} <small>{_safe(figures)}{_safe(shapes)}</small>"
        f' <span class="bar">{bar}</span>'
    )


def _shapes(row: ModuleRow) -> str:
    if not row.output_shapes:
        return ", never called" if row.calls == 0 else ""
    return ", gives " + " ".join("x".join(map(str, sizes)) for sizes in row.output_shapes[:2])


def _folded(title: str, inner: str) -> str:
    return f'<details class="top"><summary>{_safe(title)}</summary>\n{inner}</details>\n' if inner else ""


def _safe(text: str) -> str:
    return escape(plain(text))
