"""A sweep: the settings with their figures, those that meet the limits and the front marked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

from archscope.documents import document as doc
from archscope.documents.pictures import Dot, Scatter
from archscope.metrics import METRICS, Rows, carried_by
from archscope.results.sweep import Axis, Point, Sweep
from archscope.serial import to_plain

FRONT, MEETS, UNPROVEN, OVER, REFUSED = "front", "meets", "unproven", "over", "refused"
_WIDE, _HIGH = 0.14, 0.035  # room of a label, as shares of what is drawn


def brief_document(sweep: Sweep, limit: int = 30) -> doc.Document:
    """The settings, ``limit`` of them at most (0: all), then what was asked for and how many meet it."""
    order = _ranked(sweep)
    kept = order[:limit] if limit else order
    blocks: list[doc.Block] = [_table(sweep, kept)]
    if len(kept) < len(order):
        blocks += doc.lines(f"+{len(order) - len(kept)} more settings (-n 0 shows them)", tone=doc.ASIDE)
    blocks += doc.together(map(doc.Paragraph, _notes(sweep)))
    return doc.Document(title=sweep.model, beside=_describe(sweep), blocks=tuple(blocks))


def _full_document(sweep: Sweep) -> doc.Document:
    blocks = (doc.Items(tuple(_notes(sweep))), _table(sweep, _ranked(sweep)))
    return doc.Document(title=sweep.model, beside=_describe(sweep), blocks=blocks)


def _table(sweep: Sweep, indices: Sequence[int]) -> doc.Table:
    """The front first, then what meets the limits, is unproven, is over them, was refused."""
    columns = [*doc.figures(*(doc.Name(vary.name) for vary in sweep.varied))]
    for name, metric in carried_by(Rows.SWEEP).items():
        columns += doc.figures(metric.label, optional=name == "flops")
    return doc.table(
        (*columns, *doc.texts("status"), *doc.names("reason")),
        (
            (*_settings(sweep.points[index]), *_figures(sweep.points[index]), *_verdict(sweep, index))
            for index in indices
        ),
    )


def _describe(sweep: Sweep) -> str:
    """What was varied and how far it came: ``42 settings of bifpn_channels x head``."""
    what = " x ".join(vary.name for vary in sweep.varied)
    size = f"{len(sweep.points):,} of {sweep.planned:,}" if sweep.interrupted else f"{sweep.planned:,}"
    return f"{size} settings of {what}"


def _notes(sweep: Sweep) -> list[str]:
    """The limits, the front in words, the tally and whether the sweep was cut short."""
    count = dict.fromkeys((FRONT, MEETS, UNPROVEN, OVER, REFUSED), 0)
    for index in range(len(sweep.points)):
        count[_status(sweep, index)] += 1
    limits = ", ".join(f"{METRICS[limit.metric].label} <= {limit.max:,}" for limit in sweep.limits)
    lines = [f"limits: {limits}"] if limits else []
    lines.append(f"front: {' and '.join(map(_axis, sweep.axes))}, {count[FRONT]} settings")
    unproven = f"{count[UNPROVEN]} are unproven, " if count[UNPROVEN] else ""
    tally = f"{count[FRONT] + count[MEETS]} meet the limits, {unproven}{count[OVER]} are over, {count[REFUSED]} refused"
    lines.append(tally if limits else f"{count[FRONT] + count[MEETS]} measured, {count[REFUSED]} refused")
    if any(not point.complete for point in sweep.points):
        lines.append("MACs and FLOPs with >= are lower bounds: operators without a formula ran")
    lines += _marked(sweep.points)
    if sweep.interrupted:
        lines.append(f"interrupted: {sweep.planned - len(sweep.points):,} settings are missing")
    return lines


def _marked(points: Sequence[Point]) -> Iterator[str]:
    """What the figures of several settings do not hold, or hold for these values alone."""
    if hidden := sum(bool(point.unregistered) for point in points):
        weights = f"{hidden} setting{'s' if hidden != 1 else ''} with weights that are registered nowhere"
        yield f"{weights}: no parameter count holds them; use nn.ModuleList, nn.Parameter or register_buffer"
    places = ({(row.where or "a line unknown", row.op) for row in point.value_dependent} for point in points)
    for (where, op), times in sorted(Counter(chain.from_iterable(places)).items()):
        of = f"{times} setting{'s' if times != 1 else ''}"
        yield f"{where} ({op}) decides by values: MACs and FLOPs of {of} hold for the values of this run alone"


def _marks(point: Point) -> str:
    """Why a setting has no figures, or what stands behind them."""
    hidden = sum(row.numel for row in point.unregistered)
    told = [point.reason, f"{hidden:,} more parameters registered nowhere" if hidden else ""]
    return ", ".join(filter(None, [*told, "for these values" if point.value_dependent else ""]))


def _axis(axis: Axis) -> str:
    return f"{'most' if axis.most else 'fewest'} {METRICS[axis.metric].label}"


def _status(sweep: Sweep, index: int) -> str:
    point = sweep.points[index]
    if point.reason:
        return REFUSED
    if not point.meets(sweep.limits):
        return OVER if point.exceeds(sweep.limits) else UNPROVEN
    return FRONT if index in sweep.front else MEETS


def _verdict(sweep: Sweep, index: int) -> tuple[str, str]:
    """The mark of a row (without limits only the front has one), with the reason of a refusal or what must be known."""
    word = _status(sweep, index)
    return ("" if word == MEETS and not sweep.limits else word), _marks(sweep.points[index])


def _settings(point: Point) -> tuple[str, ...]:
    return tuple(str(setting.value) for setting in point.settings)


def _figures(point: Point) -> Iterator[doc.Count]:
    for name, metric in carried_by(Rows.SWEEP).items():
        yield doc.Count(point[name], least=metric.lower_bound and not point.complete)


def _ranked(sweep: Sweep) -> list[int]:
    """Indices: the front first, what meets the limits, is unproven, over, refused; by parameters within each."""
    place = {word: number for number, word in enumerate((FRONT, MEETS, UNPROVEN, OVER, REFUSED))}
    return sorted(
        range(len(sweep.points)),
        key=lambda index: (place[_status(sweep, index)], sweep.points[index]["parameters"] or 0, index),
    )


def _data(sweep: Sweep) -> doc.Table:
    """A row per setting in the grid's order."""
    told = ("complete", "status", "reason", "value_dependent", "unregistered")
    return doc.table(
        doc.texts(*(vary.name for vary in sweep.varied), *carried_by(Rows.SWEEP), *told),
        (
            (
                *_settings(point),
                *_figures(point),
                str(point.complete),
                _status(sweep, index),
                point.reason,
                str(bool(point.value_dependent)),
                doc.Count(sum(row.numel for row in point.unregistered)),
            )
            for index, point in enumerate(sweep.points)
        ),
    )


def _picture(sweep: Sweep) -> Scatter:
    """The settings over the first two axes of ``sweep`` (with one axis, parameters or MACs is the other)."""
    across, up = list(dict.fromkeys([*(axis.metric for axis in sweep.axes), *carried_by(Rows.SWEEP)]))[:2]
    limits = {limit.metric: limit.max for limit in sweep.limits}
    places = {
        index: (x, y)
        for index, point in enumerate(sweep.points)
        if (x := point[across]) is not None and (y := point[up]) is not None
    }
    labelled = _apart(places, [index for index in reversed(sweep.front) if index in places])
    labels = {index: ", ".join(_settings(sweep.points[index])) for index in labelled}
    return Scatter(
        title=sweep.model,
        subtitle=_describe(sweep),
        axes=(across, up),
        limits=(limits.get(across), limits.get(up)),
        dots=tuple(
            Dot(x=x, y=y, status=_status(sweep, index), label=labels.get(index, "")) for index, (x, y) in places.items()
        ),
    )


def _apart(places: dict[int, tuple[int, int]], wanted: list[int]) -> set[int]:
    """Those of ``wanted``, the first ones first, that are far enough from each other to carry a label."""
    spans = [max(1, max(values) - min(values)) for values in zip(*places.values(), strict=True)]
    labelled: list[int] = []
    for index in wanted:
        near = (
            abs(places[index][0] - places[other][0]) < _WIDE * spans[0]
            and abs(places[index][1] - places[other][1]) < _HIGH * spans[1]
            for other in labelled
        )
        if not any(near):
            labelled.append(index)
    return set(labelled)


SWEEP: doc.Telling[Sweep] = doc.Telling(
    brief=brief_document, full=_full_document, data=_data, record=to_plain, picture=_picture
)
