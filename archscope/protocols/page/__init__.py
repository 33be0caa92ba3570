"""The page: one HTML file with everything inside, which asks the network for nothing.

Its styles and scripts lie in templates/html. They are put into the page as they are and named by their hashes in the
page's content security policy: a browser runs nothing else, whatever a name of the model holds.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from archscope.documents.document import words
from archscope.documents.pictures import COLORS, GREY, LESS, MORE, PALETTE, component_colors
from archscope.documents.scaling import SCALING
from archscope.formulas.default import DEFAULT_FORMULAS
from archscope.formulas.table import UNCOUNTED
from archscope.metrics import Rows
from archscope.policy import CheckResult
from archscope.protocols.page.overview import metrics_of, overview
from archscope.protocols.page.pack import pack
from archscope.protocols.page.pack_scaling import pack_scaling
from archscope.protocols.page.template import fill, read
from archscope.render.formats.html_fragment import render_blocks
from archscope.render.names import plain
from archscope.report import Report
from archscope.results.scaling import Scaling

SCRIPTS = (  # in this order; first what all views stand on
    *("embedded", "data", "format", "theme", "state", "tree", "color"),
    *("grid", "table", "canvas", "layouts", "inspector", "operators", "diff", "export", "main"),
)
LAW_SCRIPTS = ("law", "scale_picture", "scale")
VIEWS = ("overview", "table", "icicle", "treemap", "operators", "diff", "scale")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a page shows: a report; with ``base`` also what changed since; with ``check`` how budgets are used.

    With ``scaling`` it opens on what the model costs at other sizes.
    """

    report: Report
    base: Report | None = None
    check: CheckResult | None = None
    scaling: Scaling | None = None


def render_html(subject: Report | Shown) -> str:
    """The page of a report, or of more than that."""
    shown = Shown(report=subject) if isinstance(subject, Report) else subject
    report = shown.report
    reports = (report,) if shown.base is None else (shown.base, report)
    names = [row.name for one in reports for row in one.components]
    colors = component_colors(dict.fromkeys(names))
    law = shown.scaling
    left_out = {"" if shown.base else "diff", "" if law else "scale"}
    views = tuple(view for view in VIEWS if view not in left_out)
    data = {
        "reports": [pack(one, _formulas(one)) for one in reports],
        "views": views,
        "metrics": [
            {"key": name, "label": line.title, "one": line.label, "bound": line.lower_bound, "shown": line.prominent}
            for name, line in metrics_of(Rows.MODULES).items()
        ],
        "palette": PALETTE,
        "kinds": len(COLORS),
        "grey": GREY,
        "less": LESS,
        "more": MORE,
    } | ({"scaling": pack_scaling(law), "view": "scale"} if law else {})
    return fill(
        "page.html",
        title=plain(" → ".join(one.model.name for one in reports)) + " · archscope",
        tabs=views,
        rules=report.provenance.counting_rules,
        law=_law(law) if law else "",
        **_inside((*SCRIPTS[:-1], *(LAW_SCRIPTS if law else ()), SCRIPTS[-1]), data),
        **overview(reports, shown.check, colors),
    )


def render_scaling_html(subject: Scaling | Shown) -> str:
    """The page of a law of size: its formulas in words, and evaluated at the sizes that a reader chooses.

    Where there is a report too it is that one's page, opened there.
    """
    if isinstance(subject, Shown):
        return render_html(subject)
    law = subject
    document = SCALING.brief(law)
    scripts = ("embedded", "format", "theme", *LAW_SCRIPTS, "scale_page")
    return fill(
        "scaling.html",
        title=f"{plain(law.model)} as a function of size · archscope",
        model=plain(law.model),
        source=plain(law.source),
        beside=plain(words(document.beside)),
        law=_law(law),
        **_inside(scripts, {"scaling": pack_scaling(law), "grey": GREY}),
    )


def _law(law: Scaling) -> Markup:
    return Markup(render_blocks(SCALING.brief(law).blocks))  # noqa: S704 - its names are escaped


def _inside(scripts: Iterable[str], data: Any) -> dict[str, Any]:
    """Data, styles and scripts of a page, with the hashes by which its policy names them."""
    style, script = read("style.css"), "\n".join(read(f"js/{name}.js") for name in scripts)
    return {
        "data": _embed(data),
        "style": Markup(style),  # noqa: S704 - our own file
        "style_hash": _hash(style),
        "script": Markup(script),  # noqa: S704 - our own files
        "script_hash": _hash(script),
    }


def _embed(data: Any) -> Markup:
    """JSON that no HTML parser sees as anything but text: ``<``, ``>`` and ``&`` are spelled as escapes."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704


def _formulas(report: Report) -> dict[str, str]:
    """How each operator of ``report`` is counted; what only a table of the user's knows is left out."""
    rules = ((row.op, DEFAULT_FORMULAS.find(row.op)) for row in report.operators if row.kind != UNCOUNTED)
    return {op: rule.derivation for op, rule in rules if rule is not None}


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
