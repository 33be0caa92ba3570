"""The figure of a plan: a waterfall from today's total over the measured savings to what remains, and the goal."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archscope.render.figures import png
from archscope.render.names import ascii_only, shorten
from archscope.render.palette import COLORS, GREY, LESS, MORE
from archscope.render.plan_text import WORDS
from archscope.results.plan import Plan
from archscope.serial import to_plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TOTAL = "#444444"
_GOAL = COLORS[2]
_INCHES = (11.0, 6.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """From ``start`` to ``end``; ``assumed`` is where it was thought to end, None without an assumption."""

    label: str
    start: int
    end: int
    note: str
    color: str
    assumed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
    """Bars from left to right and a line at the goal."""

    title: str
    subtitle: str
    word: str
    goal: int
    bars: tuple[Bar, ...]

    @property
    def digest(self) -> str:
        """What the figure was drawn from, in 64 characters."""
        return hashlib.sha256(json.dumps(to_plain(self)).encode()).hexdigest()


def waterfall(plan: Plan) -> Waterfall:
    """Today, each proposal in sequence, what they leave, and the other model if there is one."""
    bars = [_total("today", plan.total)]
    before = plan.total
    for step in plan.steps:
        after = before if step.sequence is None else step.sequence
        saved = before - after
        note = "refused" if step.sequence is None else f"{-saved:+,}" if saved else "0"
        if step.assumed is not None:
            note += f"\nassumed {-step.assumed:+,}"
        bars.append(
            Bar(
                label=_label(step.name),
                start=before,
                end=after,
                note=note,
                color=GREY if step.sequence is None else LESS if saved >= 0 else MORE,
                assumed=None if step.assumed is None else before - step.assumed,
            )
        )
        before = after
    bars.append(_total("left", plan.reached))
    if plan.against_total is not None:
        bars.append(_total(plan.against, plan.against_total))
    gap = plan.reached - plan.goal
    return Waterfall(
        title=f"{shorten(ascii_only(plan.model.name), 60)}: what the proposals save",
        subtitle=f"{plan.reached:,} {WORDS[plan.metric]} left, "
        + (f"{gap:,} above the goal of {plan.goal:,}" if gap > 0 else f"within the goal of {plan.goal:,}"),
        word=WORDS[plan.metric],
        goal=plan.goal,
        bars=tuple(bars),
    )


def _total(label: str, value: int) -> Bar:
    return Bar(label=_label(label), start=0, end=value, note=f"{value:,}", color=_TOTAL, assumed=None)


def _label(text: str) -> str:
    return shorten(ascii_only(text), 48)


def render_plan_png(plan: Plan) -> bytes:
    """The waterfall of ``plan`` as PNG, 1650 pixels across."""
    drawn = waterfall(plan)
    return png(lambda: _draw(drawn), drawn.digest)


def _draw(drawn: Waterfall) -> Figure:
    import textwrap

    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.add_subplot()
    figure.suptitle(f"{drawn.title}\n{drawn.subtitle}", fontsize=13, fontweight="bold")
    top = max(max(bar.start, bar.end) for bar in drawn.bars)
    for place, bar in enumerate(drawn.bars):
        low, high = sorted((bar.start, bar.end))
        axes.bar(place, high - low, 0.62, bottom=low, color=bar.color)
        axes.text(place, high + top * 0.012, bar.note, ha="center", va="bottom", fontsize=9)
        if place + 1 < len(drawn.bars) and drawn.bars[place + 1].start:
            axes.plot((place - 0.31, place + 1.31), (bar.end, bar.end), color="#888888", linewidth=0.8)
        if bar.assumed is not None:
            axes.plot((place - 0.38, place + 0.38), (bar.assumed, bar.assumed), color=MORE, linewidth=1.8)
    axes.axhline(drawn.goal, color=_GOAL, linewidth=1.6, linestyle="--", label=f"goal {drawn.goal:,}")
    if any(bar.assumed is not None for bar in drawn.bars):
        axes.plot([], [], color=MORE, linewidth=1.8, label="where the assumed saving would end")
    axes.legend(loc="upper right", frameon=False, fontsize=9.5)
    labels = [textwrap.fill(bar.label, 16) for bar in drawn.bars]
    axes.set_xticks(range(len(drawn.bars)), labels, fontsize=9)
    axes.set_xlim(-0.55, len(drawn.bars) - 0.45)
    axes.set_ylim(0, top * 1.14)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:,.0f}"))
    axes.set_ylabel(drawn.word)
    axes.tick_params(length=0)
    return figure
