"""The folder that a report is kept in: its files, and whether those on disk still say the same."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import chain, count
from pathlib import Path

from archscope.documents import comparison as comparison_documents
from archscope.documents import plan as plan_documents
from archscope.documents.claims import CLAIMS
from archscope.documents.comparison import COMPARISON
from archscope.documents.document import Document
from archscope.documents.plan import PLAN
from archscope.documents.report import REPORT
from archscope.documents.report_in_full import full_document
from archscope.json_text import parse_json
from archscope.render import writers
from archscope.render.formats.markdown import render_markdown
from archscope.report import Report
from archscope.report_queries import changed_options
from archscope.results.claims import ClaimsResult
from archscope.results.comparison import Comparison
from archscope.results.plan import Plan

FIGURE = "parameters.png"
PAGE = "report.html"  # analyze adds it; no repository needs to keep it


def folder_name(model: str) -> str:
    """A safe file name made from the model's: letters, digits, ``.``, ``_`` and ``-``."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", model).strip(".-")[:80] or "model"


def free_folder(report: Report, base: Path) -> Path:
    """The folder below ``base`` for ``report``: of its name, its source, its options, whichever holds no other model's.

    Another model is one from another source, or with other options.
    """
    model, own = report.model, _identity(report)
    source = model.source or f"{model.name}-{report.totals.parameters}"
    set_ = "-".join(f"{option.name}-{option.value}" for option in changed_options(model))
    names = [model.name, *([f"{model.name}-{set_}"] if set_ else []), source, *([f"{source}-{set_}"] if set_ else [])]
    numbered = (f"{folder_name(source)[:70]}-{number}" for number in count(2))
    folders = (base / name for name in chain(map(folder_name, names), numbered))
    return next(folder for folder in folders if _identity_in(folder) in {None, own})


Identity = tuple[str, str]


def _identity(report: Report) -> Identity:
    """The source of a model, and its options that differ from their defaults."""
    changed = {option.name: str(option.value) for option in changed_options(report.model)}
    return report.model.source, json.dumps(changed, sort_keys=True)


def _identity_in(folder: Path) -> Identity | None:
    """That of the model whose report the folder holds; None where it holds none."""
    try:
        file = folder / "report.json"
        if not file.is_file():  # a pipe would never end
            return None
        model = parse_json(file.read_bytes())["model"]
        options = {one["name"]: str(one["value"]) for one in model["options"] if one["value"] != one["default"]}
        return str(model["source"]), json.dumps(options, sort_keys=True)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def report_files(report: Report) -> dict[str, bytes]:
    """What a repository keeps of ``report``, by file name."""
    formats = writers(REPORT)
    return {
        "report.md": _page(full_document(report, FIGURE)),
        "report.json": formats["json"].render(report),
        FIGURE: formats["png"].render(report),
    }


def published_files(claims: ClaimsResult | None, plan: Plan | None) -> dict[str, bytes]:
    """The files of what was published about a model, by file name; nothing for what is None."""
    files = {}
    if claims is not None:
        files["claims.md"] = writers(CLAIMS)["md"].render(claims)
    if plan is not None:
        files["plan.md"] = _page(plan_documents.full_document(plan, "plan.png"))
        files["plan.png"] = writers(PLAN)["png"].render(plan)
    return files


def comparison_folder(comparison: Comparison) -> str:
    """A safe name for the folder of ``comparison``."""
    return f"{folder_name(comparison.base.model.name)}-vs-{folder_name(comparison.head.model.name)}"


def comparison_files(comparison: Comparison) -> dict[str, bytes]:
    """What the folder of ``comparison`` holds, by file name."""
    formats = writers(COMPARISON)
    return {
        "comparison.md": _page(comparison_documents.full_document(comparison, "components.png")),
        "comparison.json": formats["json"].render(comparison),
        "comparison.csv": formats["csv"].render(comparison),
        "components.png": formats["png"].render(comparison),
    }


def _page(document: Document) -> bytes:
    return render_markdown(document).encode("utf-8", "backslashreplace")


def stale(folder: Path, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """What is wrong with ``folder`` if it should hold ``files`` and nothing else, a sentence for each file.

    Figures are compared by the data that they were drawn from: their pixels differ between versions of the libraries.
    """
    from archscope.render.formats.picture import drawn_from

    wrong = []
    for name, content in files.items():
        try:
            found = (folder / name).read_bytes()
        except FileNotFoundError:
            wrong.append(f"{folder / name} is missing")
            continue
        same = drawn_from(found) == drawn_from(content) if name.endswith(".png") else found == content
        if not same:
            wrong.append(f"{folder / name} is stale")
    known = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    wrong += [f"{folder / name} is left over" for name in sorted(known - files.keys() - {PAGE})]
    return tuple(wrong)
