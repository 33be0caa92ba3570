"""A badge: one figure of a report as a small SVG, like those at the top of READMEs."""

from __future__ import annotations

from urllib.parse import quote

from archscope.documents.columns import rounded
from archscope.metrics import METRICS
from archscope.render.names import references
from archscope.report import Report

_LEFT, _RIGHT = "#555555", "#0072B2"
_CHARACTER = 7  # units that a character of 11 px takes at most
_PADDING = 10


def render_badge(report: Report, metric: str) -> str:
    """The figure ``metric`` of the whole as SVG; a lower bound says so, and so does what was not measured."""
    label, value = badge_words(report, metric)
    left, right = (len(text) * _CHARACTER + 2 * _PADDING for text in (label, value))
    title = references(f"{label}: {value}")
    halves = ((label, left / 2), (value, left + right / 2))
    texts = "".join(
        f'<text x="{place}" y="14" text-anchor="middle" textLength="{len(text) * _CHARACTER - 4}">'
        f"{references(text)}</text>"
        for text, place in halves
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" aria-label="{title}">\n'
        f"<title>{title}</title>\n"
        f'<clipPath id="r"><rect width="{left + right}" height="20" rx="3"/></clipPath>\n'
        f'<g clip-path="url(#r)"><rect width="{left}" height="20" fill="{_LEFT}"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{_RIGHT}"/></g>\n'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">{texts}</g>\n</svg>\n'
    )


def badge_words(report: Report, metric: str) -> tuple[str, str]:
    """What the two halves of a badge say."""
    least = metric in METRICS and METRICS[metric].lower_bound and not report.totals.complete
    value = rounded(report.totals, metric) if report.totals.figures.get(metric) is not None else "not measured"
    return METRICS[metric].label, f"\N{GREATER-THAN OR EQUAL TO} {value}" if least else value


def badge_link(report: Report, metric: str) -> str:
    """A badge as Markdown, drawn by shields.io from the words alone."""
    label, value = badge_words(report, metric)
    parts = (quote(text.replace("-", "--").replace("_", "__"), safe="") for text in (label, value))
    return f"![{label}: {value}](https://img.shields.io/badge/{'-'.join(parts)}-{_RIGHT.removeprefix('#')})"
