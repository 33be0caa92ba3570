"""A law of size: its formulas, figures at some sizes, what overtakes what, and the sizes that limits admit."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from archscope.documents import document as doc
from archscope.documents.scaling_picture import bands
from archscope.documents.scaling_record import scaling_record
from archscope.judge.scaling.inverse import spread
from archscope.judge.scaling.parts import ATTENTION, Crossing, crossings, parts
from archscope.metrics import METRICS
from archscope.results.formula_text import say
from archscope.results.polynomial import Formula, Polynomial
from archscope.results.scaling import Answer, Dimension, Scaling
from archscope.results.scaling_region import Region

#: What a law is told of; those that no size changes are told as figures.
TOLD = (
    *("macs", "flops", "activations", "peak_activation_bytes", "bytes_read", "bytes_written"),
    *("training_flops", "training_memory_bytes", "parameters", "parameter_bytes"),
)
_TABLE = ("macs", "flops", "peak_activation_bytes", "training_flops", "training_memory_bytes", "parameters")
_DEGREES = ("constant", "linear", "quadratic", "cubic", "quartic")
_ROWS = 12
_LISTED = 4  # sizes that are told one by one


def _brief(law: Scaling) -> doc.Document:
    blocks: list[doc.Block] = [*_dimensions(law), *_formulas(law)]
    blocks += [table for table in (_parts(law),) if table.rows]
    blocks.append(_sizes(law))
    blocks += [doc.Paragraph(crossing_words(one), close=place > 0) for place, one in enumerate(crossings(law))]
    answers = tuple(_answer(one) for one in law.answers)
    blocks += [doc.Findings(answers)] if answers else []
    blocks += doc.together(doc.Paragraph(note, tone=doc.ASIDE) for note in _notes(law))
    return doc.Document(title=law.model, beside=_beside(law), blocks=tuple(blocks))


def _beside(law: Scaling) -> str:
    return (
        f"as a function of {', '.join(one.name for one in law.dimensions)}, from {law.runs:,} run{'s' * (law.runs > 1)}"
    )


def _dimensions(law: Scaling) -> Iterator[doc.Block]:
    facts = [
        doc.Fact(label=doc.Name(one.name), value=describe_values(one), note=", ".join(one.places))
        for one in law.dimensions
    ]
    yield doc.Facts(tuple(facts))


def describe_values(one: Dimension) -> str:
    """``320 to 1,280, multiples of 32``; few sizes are listed."""
    values = one.values
    if len(values) <= _LISTED:
        return doc.words(doc.joined([f"{value:,}" for value in values]))
    steps = {high - low for low, high in itertools.pairwise(values)}
    if len(steps) > 1:
        return f"{len(values):,} sizes from {values[0]:,} to {values[-1]:,}"
    step = steps.pop()
    if step == 1:
        return f"{values[0]:,} to {values[-1]:,}"
    kind = f"multiples of {step:,}" if one.multiple == step else f"in steps of {step:,}"
    return f"{values[0]:,} to {values[-1]:,}, {kind}"


def told_metrics(law: Scaling) -> list[str]:
    """What a law is told of: of a model that was not run what it holds."""
    known = {name for region in law.regions for name in region.totals}
    return [name for name in TOLD if name in known and (law.ran or METRICS[name].known_without_run)]


def _formulas(law: Scaling) -> Iterator[doc.Block]:
    """The formula of each figure, what its names stand for, and why some have none."""
    facts = []
    defined: dict[str, None] = {}
    for name in told_metrics(law) if law.laws else ():
        for formula, region, where in law.pieces(name):
            value, more = _said(law, formula, region, name)
            defined.update(dict.fromkeys(more))
            facts.append(doc.Fact(label=METRICS[name].label, value=value, note=f"for {where}" if where else ""))
    if not facts:
        yield doc.Paragraph(f"no formula: {law.reason('parameters')}", tone=doc.DOUBTFUL)
        return
    yield doc.Facts(tuple(facts))
    yield from doc.lines(*([f"with {', '.join(defined)}"] if defined else []))


def _said(law: Scaling, formula: Formula | None, region: Region, name: str) -> tuple[str, tuple[str, ...]]:
    if formula is None:
        return f"no formula: {region.reasons.get(name, 'it was not measured')}", ()
    text, defined = say(formula, law.naming, region.high)
    least = ">= " if METRICS[name].lower_bound and not region.complete else ""
    return least + text, defined


def _ends(law: Scaling, shown: Sequence[Region]) -> tuple[str, str]:
    """What the shares are at: the ends of the range, or of the largest piece where there are several."""
    if len(law.laws) < 2 or not shown:
        return "share at the smallest", "at the largest"
    low, high = (", ".join(f"{size:,}" for size in corner) for corner in (shown[0].low, shown[0].high))
    return f"share at {low}", f"at {high}"


def _parts(law: Scaling) -> doc.Table:
    """The MACs of each part, how they grow, and their share at the ends."""
    rows: list[Sequence[doc.Cell]] = []
    laws = sorted(law.laws, key=_extent)[-1:] if law.ran else []
    for region in laws:
        found = {name: formulas.get("macs") for name, formulas in parts(law, region).items()}
        ends = [
            dict(zip((d.name for d in law.dimensions), corner, strict=True)) for corner in (region.low, region.high)
        ]
        wholes = [_at(region.totals.get("macs"), end) for end in ends]
        for name, formula in sorted(found.items(), key=lambda item: -(_at(item[1], ends[1]) or 0)):
            if isinstance(formula, Polynomial) and not formula.terms:
                continue
            shares = [doc.Share(_at(formula, end), whole) for end, whole in zip(ends, wholes, strict=True)]
            rows.append((name, _said(law, formula, region, "macs")[0], growth(law, formula), *shares))
    columns = (
        *doc.names("component" if law.own_components else "part"),
        *doc.texts("MACs", "grows"),
        *doc.figures(*_ends(law, laws), optional=True),
    )
    return doc.table(columns, rows)


def _extent(region: Region) -> int:
    size = 1
    for low, high in zip(region.low, region.high, strict=True):
        size *= high - low + 1
    return size


def _at(formula: Formula | None, sizes: Mapping[str, int]) -> int | None:
    return None if formula is None else formula.at(sizes)


def growth(law: Scaling, formula: Formula | None) -> str:
    """``quadratic in sequence, linear in batch``; ``constant`` where no size changes it."""
    if formula is None:
        return ""
    degrees = {one.name: formula.degree(one.name) for one in law.dimensions}
    told = [
        f"{_DEGREES[degree] if degree < len(_DEGREES) else f'power {degree}'} in {name}"
        for name, degree in sorted(degrees.items(), key=lambda item: -item[1])
        if degree
    ]
    return ", ".join(told) or "constant"


def chosen(law: Scaling) -> list[dict[str, int]]:
    """Some of the sizes: ends and what lies between; of a law that lacks formulas some of those that were run."""
    varied = [one for one in law.dimensions if len(one.values) > 1]
    each = {1: _ROWS // 2, 2: 3, 3: 2}.get(len(varied), 2)
    first = 4 if len(varied) > 1 else each
    axes = [spread(one.values, first if one in varied[:1] else each) for one in law.dimensions]
    names = [one.name for one in law.dimensions]
    sizes = [*itertools.product(*axes)][: 2 * _ROWS]
    if any(law.reason(name) for name in told_metrics(law)):
        sizes = spread(run_points(law), 2 * _ROWS)
    return [dict(zip(names, point, strict=True)) for point in sizes]


def run_points(law: Scaling) -> list[tuple[int, ...]]:
    """The sizes that were run, in ascending order."""
    return sorted(region.low for region in law.regions if region.measured)


def _sizes(law: Scaling) -> doc.Table:
    metrics = [name for name in told_metrics(law) if name in _TABLE]
    return doc.table(
        doc.figures(*(doc.Name(one.name) for one in law.dimensions), *(METRICS[name].label for name in metrics)),
        (
            (*(doc.Count(size) for size in sizes.values()), *(_figure(law, name, sizes) for name in metrics))
            for sizes in chosen(law)
        ),
    )


def _figure(law: Scaling, name: str, sizes: Mapping[str, int]) -> doc.Count:
    found = law.at(**sizes)
    value = None if found is None else found.totals.figures.get(name)
    return doc.Count(value, least=METRICS[name].lower_bound and not law.complete)


def crossing_words(one: Crossing) -> str:
    """From which size on one part costs more than another."""
    others = " and ".join(f"{name} {size:,}" for name, size in one.fixed)
    at = f" (at {others})" if others else ""
    verb = "cost" if one.upper == ATTENTION else "costs"
    return f"{one.upper} {verb} more MACs than {one.lower} from {one.dimension} {one.size:,} on{at}"


def _answer(one: Answer) -> doc.Finding:
    """The largest size that a limit admits, in a line, and what proves it."""
    label = METRICS[one.metric].label
    at = "".join(f", {name} {size:,}" for name, size in one.fixed)
    title = f"{label} <= {one.max:,}{at}"
    if one.reason:
        return doc.Finding(mark="UNPROVEN", tone=doc.DOUBTFUL, title=title, text=one.reason)
    if one.size is None:
        return doc.Finding(
            mark="NONE",
            tone=doc.BAD,
            title=title,
            text=f"{one.dimension} {one.next_size:,} has {one.next_value:,} already",
        )
    more = (
        f"at {one.next_size:,} it is {one.next_value:,}; both were run"
        if one.next_size is not None
        else "it is the largest of the range; it was run"
    )
    return doc.Finding(
        mark="FITS", tone=doc.GOOD, title=title, text=f"{one.dimension} {one.size:,} has {one.value:,}", details=(more,)
    )


def _notes(law: Scaling) -> Iterator[str]:
    if law.laws:
        checked = max(region.checked for region in law.laws)
        yield (
            f"every formula meets all {checked:,} runs of its region, twice as many and more than it was made from; "
            "outside of the ranges it says nothing"
        )
    if not law.ran:
        yield "the model was not run: it has no inputs (--input), so that MACs, FLOPs and memory are not known"
    if not law.complete:
        yield "MACs and FLOPs with >= are lower bounds: operators without a formula ran (archscope analyze lists them)"
    if law.value_dependent:
        yield "values decide what runs: the formulas hold for those that the runs had (archscope analyze says where)"


def _data(law: Scaling) -> doc.Table:
    """A row for each of some sizes (of a law that lacks formulas all that were run) and component, figures raw."""
    metrics = told_metrics(law)
    rows: list[Sequence[doc.Cell]] = []
    names = tuple(one.name for one in law.dimensions)
    shown = chosen(law)
    if any(law.reason(name) for name in metrics):
        shown = [dict(zip(names, point, strict=True)) for point in run_points(law)]
    for sizes in shown:
        found = law.at(**sizes)
        parts_at = (
            [] if found is None else [("total", found.totals.figures), *((c.name, c.figures) for c in found.components)]
        )
        rows += [
            (
                *(doc.Count(size) for size in sizes.values()),
                name,
                *(doc.Count(figures.get(metric)) for metric in metrics),
            )
            for name, figures in parts_at
        ]
    return doc.table((*doc.figures(*names), *doc.texts("component"), *doc.figures(*metrics)), rows)


SCALING: doc.Telling[Scaling] = doc.Telling(
    brief=_brief,
    data=_data,
    record=scaling_record,
    picture=bands,
    protocols={
        "html": ("the page with sliders", "archscope.protocols.page:render_scaling_html"),
        "latex": ("LaTeX formulas", "archscope.protocols.formula_latex:render_formulas"),
    },
)
