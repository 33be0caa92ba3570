"""A plan as Markdown."""

from __future__ import annotations

from archscope.render.facts import describe_inputs
from archscope.render.markdown_table import markdown_table
from archscope.render.names import Safe, code, markdown
from archscope.render.plan_text import (
    STEP_TITLES,
    goal_sentence,
    options_of,
    refusals,
    step_rows,
    step_sentences,
    target_rows,
    target_sentences,
    target_titles,
)
from archscope.results.plan import Plan


def render_plan_markdown(plan: Plan, figure: str = "") -> str:
    """The targets and whether they add up, then the proposals and what they save.

    ``figure`` is the address of the waterfall, empty for none.
    """
    parts = [f"# Plan for {markdown(plan.model.name)}"]
    parts += [f"Source: {markdown(plan.document)}."] if plan.document else []
    parts += [f"Input: {markdown(describe_inputs(plan.inputs))}."] if plan.inputs else []
    parts += [_sentence(goal_sentence(plan)), "## Targets"]
    parts.append(_table(("component", *target_titles(plan)), target_rows(plan)))
    parts += [_list([sentence for sentence, _ in target_sentences(plan)])] if target_sentences(plan) else []
    if plan.steps:
        parts += ["## Proposals", _table(("proposal", *STEP_TITLES), step_rows(plan))]
        parts.append(_list([sentence for sentence, _ in step_sentences(plan)] + refusals(plan)))
        parts += [f"![What the proposals save]({figure})"] if figure else []
        options = [f"- {markdown(step.name)}: {code(options_of(step))}" for step in plan.steps]
        parts += ["Each proposal as a change of options:", "\n".join(options)]
    return "\n\n".join(parts) + "\n"


def _table(titles: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A name, then figures: those need no escaping."""
    return markdown_table(titles, [(row[0], *map(Safe, row[1:])) for row in rows])


def _sentence(text: str) -> str:
    return f"{markdown(text[:1].upper() + text[1:])}."


def _list(sentences: list[str]) -> str:
    return "\n".join(f"- {_sentence(sentence)}" for sentence in sentences)
