"""A sweep: the settings with their figures, those that meet the limits and the front marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archscope.documents import document as doc
from archscope.documents.pictures import Dot, Scatter
from archscope.metrics import METRICS, Rows, carried_by
from archscope.results.sweep import Axis, Point, Sweep
from archscope.serial import to_plain

FRONT, MEETS, OVER, REFUSED = "front", "meets", "over", "refused"
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
    """The front first, then what meets the limits, is over them, was refused."""
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
    count = dict.fromkeys((FRONT, MEETS, OVER, REFUSED), 0)
    for index in range(len(sweep.points)):
        count[_status(sweep, index)] += 1
    limits = ", ".join(f"{METRICS[limit.metric].label} <= {limit.max:,}" for limit in sweep.limits)
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
    return f"{'most' if axis.most else 'fewest'} {METRICS[axis.metric].label}"


def _status(sweep: Sweep, index: int) -> str:
    point = sweep.points[index]
    if point.reason:
        return REFUSED
    if not point.meets(sweep.limits):
        return OVER
    return FRONT if index in sweep.front else MEETS


def _verdict(sweep: Sweep, index: int) -> tuple[str, str]:
    """The mark of a row (without limits only the front has one) and the reason of a refusal."""
    word = _status(sweep, index)
    return ("" if word == MEETS and not sweep.limits else word), sweep.points[index].reason


def _settings(point: Point) -> tuple[str, ...]:
    return tuple(str(setting.value) for setting in point.settings)


def _figures(point: Point) -> Iterator[doc.Count]:
    for name, metric in carried_by(Rows.SWEEP).items():
        yield doc.Count(point[name], least=metric.lower_bound and not point.complete)


def _ranked(sweep: Sweep) -> list[int]:
    """Indices: the front first, then what meets the limits, is over, was refused; by parameters within each."""
    place = {word: number for number, word in enumerate((FRONT, MEETS, OVER, REFUSED))}
    return sorted(
        range(len(sweep.points)),
        key=lambda index: (place[_status(sweep, index)], sweep.points[index]["parameters"] or 0, index),
    )


def _data(sweep: Sweep) -> doc.Table:
    """A row per setting in the grid's order."""
    return doc.table(
        doc.texts(*(vary.name for vary in sweep.varied), *carried_by(Rows.SWEEP), "complete", "status", "reason"),
        (
            (*_settings(point), *_figures(point), str(point.complete), _status(sweep, index), point.reason)
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
