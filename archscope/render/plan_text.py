"""A plan in a terminal: the targets and whether they add up, the proposals and what they save, what remains."""

from __future__ import annotations

from archscope.render.facts import describe_inputs
from archscope.render.names import plain
from archscope.render.style import PLAIN, Column, Style, lay_out
from archscope.results.plan import Plan, Step, TargetRow
from archscope.units import format_integer, format_percent

WORDS = {"parameters": "parameters", "macs": "MACs", "flops": "FLOPs"}


def render_plan_text(plan: Plan, style: Style = PLAIN) -> str:
    """``plan`` as text for people."""
    lines = [f"{style.bold(plain(plan.document or 'targets'))}  for {plain(plan.model.name)}"]
    lines += [plain(f"input {describe_inputs(plan.inputs)}")] if plan.inputs else []
    lines += ["", style.bold(goal_sentence(plan)), ""]
    lines += _targets(plan, style)
    lines += ["", *(style.paint(sentence, "red" if bad else "green") for sentence, bad in target_sentences(plan))]
    if plan.steps:
        lines += ["", *_steps(plan, style)]
        lines += ["", *(style.paint(sentence, "red" if bad else "green") for sentence, bad in step_sentences(plan))]
        lines += [f"  refused: {plain(reason)}" for reason in refusals(plan)]
    return "\n".join(lines) + "\n"


def goal_sentence(plan: Plan) -> str:
    """Where the model is and where it is meant to go."""
    word, more = WORDS[plan.metric], plan.total - plan.goal
    least = "" if plan.complete else "at least "
    text = f"goal: at most {plan.goal:,} {word}; today {least}{plan.total:,}"
    return f"{text}, {more:,} ({format_percent(more, plan.total)}) too many" if more > 0 else f"{text}: it is met"


def target_titles(plan: Plan) -> tuple[str, ...]:
    """The columns of the target table after the component."""
    published = ("published",) if any(row.published is not None for row in plan.rows) else ()
    against = (plan.against,) if plan.against else ()
    reduction = "reduction of published" if published else "reduction"
    return (*published, "today", "target", reduction, "same share of today", *against)


def target_rows(plan: Plan) -> list[tuple[str, ...]]:
    """The cells of the target table, TOTAL last."""
    rows = [(row.component, *_cells(plan, row)) for row in plan.rows]
    published = [row.published if row.published is not None else row.current for row in plan.rows]
    total = TargetRow(
        component="TOTAL",
        published=sum(published),
        current=plan.total,
        target=plan.sum_targets,
        corrected=plan.sum_corrected,
        has_target=True,
        against=plan.against_total,
    )
    return [*rows, (total.component, *_cells(plan, total))]


def _cells(plan: Plan, row: TargetRow) -> tuple[str, ...]:
    published = (format_integer(row.published),) if "published" in target_titles(plan)[:1] else ()
    before = row.published if row.published is not None else row.current
    target = format_integer(row.target) if row.has_target else "-"
    reduction = format_percent(before - row.target, before) if row.has_target else ""
    against = (format_integer(row.against),) if plan.against else ()
    return (*published, format_integer(row.current), target, reduction, format_integer(row.corrected), *against)


def _targets(plan: Plan, style: Style) -> list[str]:
    columns = (Column(title="component", names=True), *(Column(title=name, right=True) for name in target_titles(plan)))
    return lay_out(columns, target_rows(plan), style, total=True)


def target_sentences(plan: Plan) -> list[tuple[str, bool]]:
    """What the targets come to, each with whether it is bad news."""
    if not any(row.has_target for row in plan.rows):
        return []
    sentences = [_adds_up("the targets leave", plan.sum_targets, plan.goal)]
    if plan.sum_corrected != plan.sum_targets:
        what = "as the same shares of what the components really hold, they leave"
        sentences.append(_adds_up(what, plan.sum_corrected, plan.goal))
    if plan.kept:
        rest, others = plan.goal - plan.kept, plan.total - plan.kept
        leaves = f"the goal leaves {rest:,} for all else, which holds {others:,}"
        sentences.append((f"what keeps its size holds {plan.kept:,}: {leaves}", rest < 0))
    if plan.against_total is not None:
        sentences.append(_adds_up(f"as it is, {plain(plan.against)} has", plan.against_total, plan.goal))
    return sentences


def _adds_up(what: str, value: int, goal: int) -> tuple[str, bool]:
    gap = value - goal
    return f"{what} {value:,}: " + (f"{gap:,} above the goal" if gap > 0 else f"within the goal by {-gap:,}"), gap > 0


STEP_TITLES = ("assumed saving", "saves alone", "MACs saved alone", "saves in sequence", "leaves", "MACs then")


def step_rows(plan: Plan) -> list[tuple[str, ...]]:
    """The cells of the proposal table, the sum last."""
    rows = []
    before, macs = plan.total, plan.macs
    for step in plan.steps:
        rows.append((step.name, *_step_cells(plan, step, before, macs)))
        before = before if step.sequence is None else step.sequence
        macs = macs if step.sequence is None else step.sequence_macs
    rows.append(
        (
            "TOGETHER",
            format_integer(plan.assumed) if any(step.assumed is not None for step in plan.steps) else "-",
            "",
            "",
            format_integer(plan.total - plan.reached),
            format_integer(plan.reached),
            format_integer(macs),
        )
    )
    return rows


def _step_cells(plan: Plan, step: Step, before: int, macs: int | None) -> tuple[str, ...]:
    alone = "refused" if step.alone is None else format_integer(plan.total - step.alone)
    saved = None if step.alone_macs is None or plan.macs is None else plan.macs - step.alone_macs
    in_sequence = "refused" if step.sequence is None else format_integer(before - step.sequence)
    leaves = before if step.sequence is None else step.sequence
    then = macs if step.sequence is None else step.sequence_macs
    return (
        format_integer(step.assumed),
        alone,
        format_integer(saved),
        in_sequence,
        format_integer(leaves),
        format_integer(then),
    )


def options_of(step: Step) -> str:
    """``bifpn_channels=32 bifpn_cells=2``."""
    return " ".join(f"{setting.name}={setting.value}" for setting in step.settings)


def _steps(plan: Plan, style: Style) -> list[str]:
    columns = (
        Column(title="proposal", names=True),
        *(Column(title=title, right=True) for title in STEP_TITLES),
        Column(title="options", names=True, optional=True),
    )
    options = [*map(options_of, plan.steps), ""]
    rows = [(*row, text) for row, text in zip(step_rows(plan), options, strict=True)]
    return lay_out(columns, rows, style, total=True)


def step_sentences(plan: Plan) -> list[tuple[str, bool]]:
    """What the proposals come to."""
    sentences = []
    if any(step.assumed is not None for step in plan.steps):
        what = f"the assumed savings add to {plan.assumed:,} and would leave"
        sentences.append(_adds_up(what, plan.total - plan.assumed, plan.goal))
    return [*sentences, _adds_up("measured, the proposals leave", plan.reached, plan.goal)]


def refusals(plan: Plan) -> list[str]:
    """Each proposal that the model refuses, with its reason."""
    found = []
    for step in plan.steps:
        for where, reason in (("alone", step.alone_reason), ("in sequence", step.sequence_reason)):
            if reason:
                found.append(f"{step.name}, {where}: {reason}")
    return found
