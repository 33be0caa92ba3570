"""A plan: the targets and whether they add up, the proposals and what they save, what remains."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from archscope.documents import document as doc
from archscope.documents.pictures import GREY, TOTAL, Part, Waterfall, component_colors
from archscope.documents.pictures import Step as Bar
from archscope.metrics import METRICS
from archscope.report_queries import describe_inputs
from archscope.results.plan import Plan, Step, TargetRow
from archscope.units import format_percent

_STEPS = ("assumed saving", "saves alone", "MACs saved alone", "saves in sequence", "leaves", "MACs then")
_DATA = ("assumed", "alone", "alone_macs", "alone_reason", "sequence", "sequence_macs", "sequence_reason")


def brief_document(plan: Plan) -> doc.Document:
    """What a terminal shows of ``plan``."""
    return doc.Document(title=plan.document or "targets", beside=f"for {plan.model.name}", blocks=tuple(_brief(plan)))


def _brief(plan: Plan) -> Iterator[doc.Block]:
    if plan.inputs:
        yield from doc.lines(f"input {describe_inputs(plan.inputs)}")
    yield doc.Paragraph(_goal(plan), strong=True)
    yield _targets(plan)
    yield from _news(_target_sentences(plan))
    if plan.steps:
        yield _proposals(plan, options=True)
        yield from _news(_step_sentences(plan))
        yield from doc.lines(*(f"  refused: {reason}" for reason in _refusals(plan)))


def _news(told: Iterable[tuple[str, bool]]) -> Iterator[doc.Block]:
    return doc.together(doc.Paragraph(text, tone=doc.BAD if bad else doc.GOOD) for text, bad in told)


def full_document(plan: Plan, figure: str = "") -> doc.Document:
    """What a page says of ``plan``; ``figure`` is the address of the waterfall, empty for none."""
    return doc.Document(title=f"Plan for {plan.model.name}", blocks=tuple(_full(plan, figure)))


def _full(plan: Plan, figure: str) -> Iterator[doc.Block]:
    if plan.document:
        yield doc.Paragraph(f"Source: {plan.document}.")
    if plan.inputs:
        yield doc.Paragraph(f"Input: {describe_inputs(plan.inputs)}.")
    yield doc.Paragraph(_sentence(_goal(plan)))
    yield doc.Heading("Targets")
    yield _targets(plan)
    targets = tuple(_sentence(text) for text, _ in _target_sentences(plan))
    if targets:
        yield doc.Items(targets)
    if plan.steps:
        yield doc.Heading("Proposals")
        yield _proposals(plan, options=False)
        yield doc.Items(tuple(map(_sentence, [*(text for text, _ in _step_sentences(plan)), *_refusals(plan)])))
        if figure:
            yield doc.Picture(address=figure, words="What the proposals save")
        yield doc.Paragraph("Each proposal as a change of options:")
        yield doc.Items(tuple(doc.sentence(f"{step.name}: ", doc.Name(_options(step))) for step in plan.steps))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _goal(plan: Plan) -> str:
    """Where the model is and where it is meant to go."""
    word, more = METRICS[plan.metric].label, plan.total - plan.goal
    least = "" if plan.complete else "at least "
    text = f"goal: at most {plan.goal:,} {word}; today {least}{plan.total:,}"
    return f"{text}, {more:,} ({format_percent(more, plan.total)}) too many" if more > 0 else f"{text}: it is met"


def _targets(plan: Plan) -> doc.Table:
    published = any(row.published is not None for row in plan.rows)
    titles: list[str | doc.Name] = ["published"] if published else []
    titles += ["today", "target", "reduction of published" if published else "reduction", "same share of today"]
    titles += [doc.Name(plan.against)] if plan.against else []
    total = TargetRow(
        component="TOTAL",
        published=sum(row.current if row.published is None else row.published for row in plan.rows),
        current=plan.total,
        target=plan.sum_targets,
        corrected=plan.sum_corrected,
        has_target=True,
        against=plan.against_total,
    )
    return doc.table(
        doc.names("component") + doc.figures(*titles),
        (_target_cells(plan, row, published=published) for row in plan.rows),
        _target_cells(plan, total, published=published),
    )


def _target_cells(plan: Plan, row: TargetRow, *, published: bool) -> Iterator[doc.Cell]:
    before = row.current if row.published is None else row.published
    yield row.component
    if published:
        yield doc.Count(row.published)
    yield doc.Count(row.current)
    yield doc.Count(row.target if row.has_target else None)
    yield doc.Share(before - row.target, before) if row.has_target else ""
    yield doc.Count(row.corrected)
    if plan.against:
        yield doc.Count(row.against)


def _target_sentences(plan: Plan) -> Iterator[tuple[str, bool]]:
    """What the targets come to, each with whether it is bad news."""
    if not any(row.has_target for row in plan.rows):
        return
    yield _adds_up("the targets leave", plan.sum_targets, plan.goal)
    if plan.sum_corrected != plan.sum_targets:
        what = "as the same shares of what the components really hold, they leave"
        yield _adds_up(what, plan.sum_corrected, plan.goal)
    if plan.kept:
        rest, others = plan.goal - plan.kept, plan.total - plan.kept
        leaves = f"the goal leaves {rest:,} for all else, which holds {others:,}"
        yield f"what keeps its size holds {plan.kept:,}: {leaves}", rest < 0
    if plan.against_total is not None:
        yield _adds_up(f"as it is, {plan.against} has", plan.against_total, plan.goal)


def _adds_up(what: str, value: int, goal: int) -> tuple[str, bool]:
    gap = value - goal
    return f"{what} {value:,}: " + (f"{gap:,} above the goal" if gap > 0 else f"within the goal by {-gap:,}"), gap > 0


def _walk(plan: Plan) -> Iterator[tuple[Step, int, int, int | None]]:
    """Each proposal with the total before and after it and the MACs after it; a refused one changes nothing."""
    before, macs = plan.total, plan.macs
    for step in plan.steps:
        after = before if step.sequence is None else step.sequence
        macs = macs if step.sequence is None else step.sequence_macs
        yield step, before, after, macs
        before = after


def _proposals(plan: Plan, *, options: bool) -> doc.Table:
    walked = [*_walk(plan)]
    rows = [
        (
            step.name,
            doc.Count(step.assumed),
            "refused" if step.alone is None else doc.Count(plan.total - step.alone),
            doc.Count(None if step.alone_macs is None or plan.macs is None else plan.macs - step.alone_macs),
            "refused" if step.sequence is None else doc.Count(before - after),
            doc.Count(after),
            doc.Count(macs),
            *([_options(step)] if options else []),
        )
        for step, before, after, macs in walked
    ]
    assumed = plan.assumed if any(step.assumed is not None for step in plan.steps) else None
    sums = (assumed, "", "", plan.total - plan.reached, plan.reached, walked[-1][3])
    columns = doc.names("proposal") + doc.figures(*_STEPS) + (doc.names("options", optional=True) if options else ())
    return doc.table(columns, rows, ("TOGETHER", *map(_cell, sums), *([""] if options else [])))


def _options(step: Step) -> str:
    """``bifpn_channels=32 bifpn_cells=2``."""
    return " ".join(f"{setting.name}={setting.value}" for setting in step.settings)


def _step_sentences(plan: Plan) -> Iterator[tuple[str, bool]]:
    """What the proposals come to."""
    if any(step.assumed is not None for step in plan.steps):
        what = f"the assumed savings add to {plan.assumed:,} and would leave"
        yield _adds_up(what, plan.total - plan.assumed, plan.goal)
    yield _adds_up("measured, the proposals leave", plan.reached, plan.goal)


def _refusals(plan: Plan) -> Iterator[str]:
    """Each proposal that the model refuses, with its reason."""
    for step in plan.steps:
        for where, reason in (("alone", step.alone_reason), ("in sequence", step.sequence_reason)):
            if reason:
                yield f"{step.name}, {where}: {reason}"


def _data(plan: Plan) -> doc.Table:
    """A row per proposal; an empty cell is unknown or refused."""
    values = ([getattr(step, name) for name in _DATA] for step in plan.steps)
    return doc.table(
        doc.texts("proposal", "options", *_DATA),
        ((step.name, _options(step), *map(_cell, row)) for step, row in zip(plan.steps, values, strict=True)),
    )


def _picture(plan: Plan) -> Waterfall:
    """Today, each proposal in sequence, what they leave, and the other model if there is one.

    What is known component by component is stacked in their colours, which mean nothing else here.
    """
    colors = component_colors(row.component for row in plan.rows)
    bars = [_total_bar("today", plan.total, _parts((row.component, row.current) for row in plan.rows), colors)]
    for step, before, after, _ in _walk(plan):
        saved = before - after
        note = "refused" if step.sequence is None else f"{-saved:+,}" if saved else "0"
        bars.append(
            Bar(
                label=step.name,
                start=before,
                end=after,
                note=note if step.assumed is None else f"{note}\nassumed {-step.assumed:+,}",
                color=GREY,
                assumed=None if step.assumed is None else before - step.assumed,
            )
        )
    bars.append(_total_bar("left", plan.reached, (), colors))
    if plan.against_total is not None:
        parts = _parts((row.component, row.against or 0) for row in plan.rows)
        bars.append(_total_bar(plan.against, plan.against_total, parts, colors))
    gap, word = plan.reached - plan.goal, METRICS[plan.metric].label
    return Waterfall(
        title=f"{plan.model.name}: what the proposals save",
        subtitle=f"{plan.reached:,} {word} left, "
        + (f"{gap:,} above the goal of {plan.goal:,}" if gap > 0 else f"within the goal of {plan.goal:,}"),
        word=word,
        goal=plan.goal,
        bars=tuple(bars),
    )


def _parts(found: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    return tuple((name, value) for name, value in found if value)


def _total_bar(label: str, value: int, parts: Sequence[tuple[str, int]], colors: Mapping[str, str]) -> Bar:
    """A whole, in its components where they add to it."""
    known = parts if sum(part for _, part in parts) == value else ()
    stack = tuple(Part(label=name, color=colors[name], value=part) for name, part in known)
    return Bar(label=label, start=0, end=value, note=f"{value:,}", color=TOTAL, assumed=None, parts=stack)


def _cell(value: str | int | None) -> doc.Cell:
    return value if isinstance(value, str) else doc.Count(value)


PLAN: doc.Telling[Plan] = doc.Telling(
    brief=brief_document, full=full_document, data=_data, record=Plan.record, picture=_picture
)
