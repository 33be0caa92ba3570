"""Write docs/accuracy.md: measured figures beside those that papers, model cards and libraries publish.

``python benchmarks/accuracy.py --write`` measures everything anew but torchvision, whose rows ``libraries.py`` wrote to
``torchvision.json`` where that library was installed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path

import torch
from published import FEATHERFACE, MIXTURES, WITH_MACS, WITH_PARAMETERS, Published

import archscope
from archscope.documents.document import Column, Name, Row, Table
from archscope.judge.crosscheck import crosscheck
from archscope.render.formats.markdown import render_table
from archscope.results.crosscheck import Crosscheck

DOCUMENT = Path(__file__).parents[1] / "docs" / "accuracy.md"
TORCHVISION = Path(__file__).with_name("torchvision.json")
INTRODUCTION = """\
Written by `python benchmarks/accuracy.py --write`. A published figure has the digits that its source prints; the
column after each measured one is measured / published, `exact` where they are equal to the unit. Models are built on
meta from the configs of their authors; no weights are loaded. Where papers round (BERT's 110M and 340M, ALBERT's 12M)
the ratio is that of the rounding. MACs are multiply-accumulates of one image or sequence; what nanoGPT prints as FLOPs
is twice that."""
BASELINE = """\
Published: figures of the original model, with its deformable convolutions. What the public report says instead, and
why, is in [featherface.md](featherface.md)."""
_UNITS = {"K": 3, "M": 6, "G": 9, "B": 9}


def markdown_table(titles: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> str:
    """A pipe table; the first ``left`` columns hold words."""
    columns = tuple(Column(title=Name(title), figures=place >= left) for place, title in enumerate(titles))
    return render_table(Table(columns=columns, rows=tuple(Row(cells=tuple(row)) for row in rows)))


def measure(row: Published) -> archscope.Report:
    """The report of ``row``, built on meta; without inputs, of its parameters alone."""
    import transformers

    cls = getattr(transformers, row.cls)
    with torch.device("meta"):
        model = cls(cls.config_class(**row.settings)).eval()
    model = model.bfloat16() if row.active else model
    if not row.inputs:
        return archscope.analyze(model)
    dtypes = {name: torch.int64 if name == "input_ids" else torch.float32 for name in row.inputs}
    tensors = {name: torch.empty(shape, dtype=dtypes[name], device="meta") for name, shape in row.inputs.items()}
    return archscope.analyze(model, archscope.Inputs(kwargs=tensors))


def number(published: str) -> Decimal:
    """``published`` as a number: 1,243,802,176 or 4.089G or 110M."""
    digits = published.replace(",", "")
    return Decimal(digits[:-1]).scaleb(_UNITS[digits[-1]]) if digits[-1] in _UNITS else Decimal(digits)


def ratio(measured: int, published: str) -> str:
    """Measured / published; ``exact`` where they are equal to the unit."""
    known = number(published)
    return "exact" if measured == known else f"{measured / known:.4f}"


def row_of(row: Published) -> tuple[str, ...]:
    """The cells of ``row``, measured now."""
    totals = measure(row).totals
    cells = (row.name, row.parameters, f"{totals.parameters:,}", ratio(totals.parameters, row.parameters))
    if not row.inputs:
        return (*cells, row.source)
    return (*cells, row.macs, f"{totals.macs:,}", ratio(totals.macs or 0, row.macs), row.source)


def mixture_row(row: Published) -> tuple[str, ...]:
    """The cells of a mixture of experts: all its parameters, and those that a token uses."""
    report = measure(row)
    parameters, active = report.totals.parameters, report.totals.active_parameters or 0
    picks = ", ".join(dict.fromkeys(f"{mixture.picked} of {mixture.experts}" for mixture in report.mixtures))
    if "without the embedding" in row.source:
        active -= next(record.numel for record in report.parameters if "embed_tokens" in record.path)
    cells = (row.name, picks, row.parameters, f"{parameters:,}", ratio(parameters, row.parameters))
    return (*cells, row.active, f"{active:,}", ratio(active, row.active), row.source)


def baseline_rows() -> list[tuple[str, ...]]:
    """The parts of the FeatherFace baseline, measured now: its components and the whole."""
    report = archscope.analyze(archscope.load("featherface-baseline"))
    figures = {row.name: (row.parameters, row.macs or 0) for row in report.components}
    figures["total"] = (report.totals.parameters, report.totals.macs or 0)
    return [
        (
            name,
            f"{parameters:,}",
            f"{figures[name][0]:,}",
            ratio(figures[name][0], str(parameters)),
            f"{macs:,}",
            f"{figures[name][1]:,}",
            ratio(figures[name][1], str(macs)),
        )
        for name, (parameters, macs) in FEATHERFACE.items()
    ]


def torchvision_section() -> str:
    """What ``libraries.py`` found where torchvision was installed."""
    held = [row for row in json.loads(TORCHVISION.read_text(encoding="utf-8")) if "published_gmacs" in row]
    right = sum(row["parameters"] == row["published_parameters"] for row in held)
    close = sum(abs(row["macs"] / 1e9 - row["published_gmacs"]) <= 0.0005000001 for row in held)
    rows = [
        (
            row["source"].partition(":")[2],
            f"{row['published_parameters']:,}",
            ratio(row["parameters"], str(row["published_parameters"])),
            f"{row['published_gmacs']:.3f}G",
            f"{row['macs']:,}",
            ratio(row["macs"], f"{row['published_gmacs']:.3f}G"),
        )
        for row in held
    ]
    told = (
        f"{len(held)} classification models of torchvision against the `num_params` and `_ops` in the metadata of "
        f"their weights (those with the smallest crop): {right} of {len(held)} have the published parameters to the "
        f"unit, {close} of {len(held)} round to the published GMACs. Measured with the real library by "
        "`python benchmarks/libraries.py --timm 0 --torchvision 80 --json benchmarks/torchvision.json`; this table is "
        "made from that file. GoogLeNet differs because it is built with the auxiliary heads that its weights left out."
    )
    titles = ("model", "published parameters", "measured / published", "published MACs", "measured", "/ published")
    return f"## torchvision\n\n{told}\n\n{markdown_table(titles, rows)}"


def peers_section(result: Crosscheck) -> str:
    """Other counters on the baseline, without what another machine or version would change."""
    rows = [("archscope", f"{result.parameters:,}", f"{result.macs:,}", "")]
    details = []
    for peer in result.results:
        if peer.macs is None:
            rows.append((peer.peer, "-", "-", peer.status))
            continue
        known = "-" if peer.parameters is None else f"{peer.parameters:,}"
        rows.append((peer.peer, known, f"{peer.macs:,}", f"{Decimal(peer.macs) / result.macs:.4f}"))
        found = [("MACs", "calls", d) for d in peer.macs_differences]
        found += [("parameters", "tensors", d) for d in peer.parameter_differences]
        details += [
            (peer.peer, figure, d.what, f"{d.calls} {things}" if d.calls else "", f"{d.amount:,}")
            for figure, things, d in found
        ]
    return "\n\n".join(
        (
            "## Other counters on the baseline",
            f"`archscope crosscheck featherface-baseline`, at 1x3x640x640: {result.verdict}.",
            markdown_table(("counter", "parameters", "MACs", "/ archscope"), rows),
            "Every difference, by what causes it:",
            markdown_table(("counter", "figure", "operator or module type", "where", "difference"), details, left=4),
        )
    )


def quick_rows() -> list[tuple[str, ...]]:
    """The rows that take little time: what the test measures anew."""
    rows = [row_of(row) for row in (*WITH_MACS[:2], *WITH_MACS[6:7], *WITH_PARAMETERS[::4])]
    return rows + [mixture_row(row) for row in MIXTURES]


def document(result: Crosscheck) -> str:
    """The whole page."""
    both = ("published parameters", "measured", "/ published", "published MACs", "measured", "/ published")
    parts = (
        "# Measured figures beside published ones",
        INTRODUCTION,
        "## FeatherFace baseline, 1x3x640x640",
        BASELINE,
        markdown_table(("part", *both), baseline_rows()),
        "## Parameters and MACs",
        markdown_table(("model", *both, "source"), [row_of(row) for row in WITH_MACS]),
        "## Parameters",
        "Model card: the number of parameters on the model's page or in the metadata of its safetensors files.",
        markdown_table(("model", *both[:3], "source"), [row_of(row) for row in WITH_PARAMETERS]),
        "## Mixtures of experts",
        "Active parameters: those that one token uses, with the experts that its router picks.",
        markdown_table(
            ("model", "experts", *both[:3], "published active", "measured", "/ published", "source"),
            [mixture_row(row) for row in MIXTURES],
        ),
        torchvision_section(),
        peers_section(result),
    )
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Measure, and print or write the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/accuracy.md instead of printing")
    write = parser.parse_args().write
    text = document(crosscheck(archscope.load("featherface-baseline")))
    if write:
        DOCUMENT.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
