"""A sweep in a terminal: the settings with their figures, those that meet the limits and the front marked."""

from __future__ import annotations

from archscope.render.names import plain
from archscope.render.style import PLAIN, Column, Style, lay_out
from archscope.results.sweep import Axis, Point, Sweep
from archscope.units import format_integer

FRONT, MEETS, OVER, REFUSED = "front", "meets", "over", "refused"
_WORDS = {"parameters": "parameters", "macs": "MACs", "flops": "FLOPs"}


def render_sweep_text(sweep: Sweep, style: Style = PLAIN, *, limit: int = 30) -> str:
    """``sweep`` as text for people: the front first, then what meets the limits, is over them, was refused.

    ``limit`` rows at most, 0 for all.
    """
    order = ranked(sweep)
    kept = order[:limit] if limit else order
    names = [vary.name for vary in sweep.varied]
    columns = (
        *(Column(title=name, right=True) for name in names),
        Column(title="parameters", right=True),
        Column(title="MACs", right=True),
        Column(title="FLOPs", right=True, optional=True),
        Column(title=""),
        Column(title="reason", names=True),
    )
    rows = [(*settings(sweep.points[index]), *figures(sweep.points[index]), *verdict(sweep, index)) for index in kept]
    lines = [f"{style.bold(plain(sweep.model))}  {plain(describe(sweep))}", "", *lay_out(columns, rows, style)]
    if len(kept) < len(order):
        lines.append(style.paint(f"+{len(order) - len(kept)} more settings (-n 0 shows them)", "dim"))
    return "\n".join([*lines, "", *notes(sweep)]) + "\n"


def describe(sweep: Sweep) -> str:
    """What was varied and how far it came: ``42 settings of bifpn_channels x head``."""
    what = " x ".join(vary.name for vary in sweep.varied)
    size = f"{sweep.planned:,}" if not sweep.interrupted else f"{len(sweep.points):,} of {sweep.planned:,}"
    return f"{size} settings of {what}"


def notes(sweep: Sweep) -> list[str]:
    """The limits, the front in words, the tally and whether the sweep was cut short."""
    count = dict.fromkeys((FRONT, MEETS, OVER, REFUSED), 0)
    for index in range(len(sweep.points)):
        count[status(sweep, index)] += 1
    limits = ", ".join(f"{_WORDS[limit.metric]} <= {limit.max:,}" for limit in sweep.limits)
    lines = [f"limits: {limits}"] if limits else []
    lines.append(f"front: {' and '.join(map(_axis, sweep.axes))}, {count[FRONT]} settings")
    tally = f"{count[FRONT] + count[MEETS]} meet the limits, {count[OVER]} are over, {count[REFUSED]} refused"
    lines.append(tally if limits else f"{count[FRONT] + count[MEETS]} measured, {count[REFUSED]} refused")
    if any(not point.complete for point in sweep.points):
        lines.append("MACs and FLOPs with >= are lower bounds: operators without a formula ran")
    if sweep.interrupted:
        lines.append(f"interrupted: {sweep.planned - len(sweep.points):,} settings are missing")
    return lines


def _axis(axis: Axis) -> str:
    return f"{'most' if axis.most else 'fewest'} {_WORDS[axis.metric]}"


def status(sweep: Sweep, index: int) -> str:
    """``front``, ``meets``, ``over`` or ``refused``."""
    point = sweep.points[index]
    if point.reason:
        return REFUSED
    if not point.meets(sweep.limits):
        return OVER
    return FRONT if index in sweep.front else MEETS


def verdict(sweep: Sweep, index: int) -> tuple[str, str]:
    """The mark of a row (without limits only the front has one) and the reason of a refusal."""
    word = status(sweep, index)
    return ("" if word == MEETS and not sweep.limits else word), sweep.points[index].reason


def settings(point: Point) -> tuple[str, ...]:
    """The values, in the order of the options."""
    return tuple(str(setting.value) for setting in point.settings)


def figures(point: Point) -> tuple[str, str, str]:
    """Parameters, MACs and FLOPs."""
    least = "" if point.complete else ">= "
    run = [format_integer(value) if value is None else f"{least}{value:,}" for value in (point.macs, point.flops)]
    return format_integer(point.parameters), run[0], run[1]


def ranked(sweep: Sweep) -> list[int]:
    """Indices: the front first, then what meets the limits, is over, was refused; by parameters within each."""
    place = {word: number for number, word in enumerate((FRONT, MEETS, OVER, REFUSED))}
    return sorted(
        range(len(sweep.points)),
        key=lambda index: (place[status(sweep, index)], sweep.points[index].parameters or 0, index),
    )
