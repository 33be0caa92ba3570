"""A plan: the targets and whether they add up, the proposals and what they save, what remains."""

from __future__ import annotations

from collections.abc import Iterator

from archscope.documents.document import (
    BAD,
    GOOD,
    Block,
    Cell,
    Column,
    Count,
    Document,
    Heading,
    Items,
    Name,
    Paragraph,
    Picture,
    Row,
    Share,
    Table,
    Telling,
    sentence,
)
from archscope.documents.pictures import COLORS, GREY, LESS, MORE, TOTAL, Waterfall
from archscope.documents.pictures import Step as Bar
from archscope.metrics import METRICS
from archscope.report_queries import describe_inputs
from archscope.results.plan import Plan, Step, TargetRow
from archscope.units import format_percent

_STEPS = ("assumed saving", "saves alone", "MACs saved alone", "saves in sequence", "leaves", "MACs then")
_DATA = ("assumed", "alone", "alone_macs", "alone_reason", "sequence", "sequence_macs", "sequence_reason")


def brief_document(plan: Plan) -> Document:
    """What a terminal shows of ``plan``."""
    return Document(title=plan.document or "targets", beside=f"for {plan.model.name}", blocks=tuple(_brief(plan)))


def _brief(plan: Plan) -> Iterator[Block]:
    if plan.inputs:
        yield Paragraph(text=f"input {describe_inputs(plan.inputs)}", close=True)
    yield Paragraph(text=_goal(plan), strong=True)
    yield _targets(plan)
    for place, (text, bad) in enumerate(_target_sentences(plan)):
        yield Paragraph(text=text, tone=BAD if bad else GOOD, close=place > 0)
    if plan.steps:
        yield _proposals(plan, options=True)
        for place, (text, bad) in enumerate(_step_sentences(plan)):
            yield Paragraph(text=text, tone=BAD if bad else GOOD, close=place > 0)
        for reason in _refusals(plan):
            yield Paragraph(text=f"  refused: {reason}", close=True)


def full_document(plan: Plan, figure: str = "") -> Document:
    """What a page says of ``plan``; ``figure`` is the address of the waterfall, empty for none."""
    return Document(title=f"Plan for {plan.model.name}", blocks=tuple(_full(plan, figure)))


def _full(plan: Plan, figure: str) -> Iterator[Block]:
    if plan.document:
        yield Paragraph(text=f"Source: {plan.document}.")
    if plan.inputs:
        yield Paragraph(text=f"Input: {describe_inputs(plan.inputs)}.")
    yield Paragraph(text=_sentence(_goal(plan)))
    yield Heading(text="Targets")
    yield _targets(plan)
    targets = [_sentence(text) for text, _ in _target_sentences(plan)]
    if targets:
        yield Items(items=tuple(targets))
    if plan.steps:
        yield Heading(text="Proposals")
        yield _proposals(plan, options=False)
        steps = [*(text for text, _ in _step_sentences(plan)), *_refusals(plan)]
        yield Items(items=tuple(map(_sentence, steps)))
        if figure:
            yield Picture(address=figure, words="What the proposals save")
        yield Paragraph(text="Each proposal as a change of options:")
        yield Items(items=tuple(sentence(f"{step.name}: ", Name(_options(step))) for step in plan.steps))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _goal(plan: Plan) -> str:
    """Where the model is and where it is meant to go."""
    word, more = METRICS[plan.metric].label, plan.total - plan.goal
    least = "" if plan.complete else "at least "
    text = f"goal: at most {plan.goal:,} {word}; today {least}{plan.total:,}"
    return f"{text}, {more:,} ({format_percent(more, plan.total)}) too many" if more > 0 else f"{text}: it is met"


def _targets(plan: Plan) -> Table:
    published = any(row.published is not None for row in plan.rows)
    titles: list[str | Name] = ["published"] if published else []
    titles += ["today", "target", "reduction of published" if published else "reduction", "same share of today"]
    titles += [Name(plan.against)] if plan.against else []
    total = TargetRow(
        component="TOTAL",
        published=sum(row.current if row.published is None else row.published for row in plan.rows),
        current=plan.total,
        target=plan.sum_targets,
        corrected=plan.sum_corrected,
        has_target=True,
        against=plan.against_total,
    )
    return Table(
        columns=(Column(title="component", names=True), *(Column(title=title, figures=True) for title in titles)),
        rows=tuple(Row(cells=_target_cells(plan, row, published=published)) for row in plan.rows),
        total=Row(cells=_target_cells(plan, total, published=published)),
    )


def _target_cells(plan: Plan, row: TargetRow, *, published: bool) -> tuple[Cell, ...]:
    before = row.current if row.published is None else row.published
    return (
        row.component,
        *((Count(row.published),) if published else ()),
        Count(row.current),
        Count(row.target if row.has_target else None),
        Share(before - row.target, before) if row.has_target else "",
        Count(row.corrected),
        *((Count(row.against),) if plan.against else ()),
    )


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


def _proposals(plan: Plan, *, options: bool) -> Table:
    columns = (Column(title="proposal", names=True), *(Column(title=title, figures=True) for title in _STEPS))
    further = (Column(title="options", names=True, optional=True),) if options else ()
    walked = [*_walk(plan)]
    rows = [
        Row(
            cells=(
                step.name,
                Count(step.assumed),
                "refused" if step.alone is None else Count(plan.total - step.alone),
                Count(None if step.alone_macs is None or plan.macs is None else plan.macs - step.alone_macs),
                "refused" if step.sequence is None else Count(before - after),
                Count(after),
                Count(macs),
                *((_options(step),) if options else ()),
            )
        )
        for step, before, after, macs in walked
    ]
    assumed = plan.assumed if any(step.assumed is not None for step in plan.steps) else None
    sums = (Count(assumed), "", "", Count(plan.total - plan.reached), Count(plan.reached), Count(walked[-1][3]))
    total = Row(cells=("TOGETHER", *sums, *(("",) if options else ())))
    return Table(columns=(*columns, *further), rows=tuple(rows), total=total)


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


def _data(plan: Plan) -> Table:
    """A row per proposal; an empty cell is unknown or refused."""
    return Table(
        columns=tuple(Column(title=key) for key in ("proposal", "options", *_DATA)),
        rows=tuple(
            Row(
                cells=(
                    step.name,
                    _options(step),
                    *(
                        value if isinstance(value, str) else Count(value)
                        for value in (getattr(step, name) for name in _DATA)
                    ),
                )
            )
            for step in plan.steps
        ),
    )


def _picture(plan: Plan) -> Waterfall:
    """Today, each proposal in sequence, what they leave, and the other model if there is one."""
    bars = [_total_bar("today", plan.total)]
    for step, before, after, _ in _walk(plan):
        saved = before - after
        note = "refused" if step.sequence is None else f"{-saved:+,}" if saved else "0"
        color = GREY if step.sequence is None else LESS if saved >= 0 else MORE
        bars.append(
            Bar(
                label=step.name,
                start=before,
                end=after,
                note=note if step.assumed is None else f"{note}\nassumed {-step.assumed:+,}",
                color=color,
                assumed=None if step.assumed is None else before - step.assumed,
            )
        )
    bars.append(_total_bar("left", plan.reached))
    if plan.against_total is not None:
        bars.append(_total_bar(plan.against, plan.against_total))
    gap, word = plan.reached - plan.goal, METRICS[plan.metric].label
    return Waterfall(
        title=f"{plan.model.name}: what the proposals save",
        subtitle=f"{plan.reached:,} {word} left, "
        + (f"{gap:,} above the goal of {plan.goal:,}" if gap > 0 else f"within the goal of {plan.goal:,}"),
        word=word,
        goal=plan.goal,
        goal_color=COLORS[2],
        bars=tuple(bars),
    )


def _total_bar(label: str, value: int) -> Bar:
    return Bar(label=label, start=0, end=value, note=f"{value:,}", color=TOTAL, assumed=None)


PLAN: Telling[Plan] = Telling(
    brief=brief_document, full=full_document, data=_data, record=Plan.record, picture=_picture
)
