"""How far a module looks, in words: its receptive field and its stride as cells, and why some are not known."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from archscope.documents.document import Inline, Name, Paragraph, joined, sentence
from archscope.receptive_field import AxisField
from archscope.report import ModuleRow, Report

#: What a column says of a module, by the column's key, with its title.
FIELD_COLUMNS = {"receptive_field": "receptive field", "stride": "stride"}
_NOTHING = "-"
_LISTED = 5  # modules that a note names


def field_cell(row: object, column: str) -> str:
    """The cell of ``row`` in that column of FIELD_COLUMNS: height x width where they differ; ``-`` where not known."""
    fields = row.receptive_field if isinstance(row, ModuleRow) else ()
    told = _extent if column == "receptive_field" else _stride
    texts = {field.input: _by_axis(field.axes, told) for field in fields}
    if len({*texts.values()}) > 1:
        return ", ".join(f"{name}: {text}" for name, text in texts.items())
    return next(iter(texts.values()), _NOTHING)


def has_fields(report: Report) -> bool:
    """Whether the receptive fields are part of ``report``."""
    return any(row.receptive_field for row in report.modules)


def known_columns(report: Report) -> tuple[str, ...]:
    """The columns that there is something to say in."""
    return tuple(FIELD_COLUMNS) if has_fields(report) else ()


def field_notes(report: Report) -> Iterator[Paragraph]:
    """Why receptive fields are not known, each reason with its modules."""
    if not has_fields(report):
        yield Paragraph("receptive field: no operator slides over an input, and none has the shape of an image")
        return
    reasons: dict[str, list[str]] = {}
    for row in report.modules:
        why = dict.fromkeys(axis.reason for field in row.receptive_field for axis in field.axes if axis.reason)
        for reason in why:
            reasons.setdefault(reason, []).append(row.path)
    for reason, paths in reasons.items():
        inner = [path for path in paths if path]
        names: list[Inline] = [Name(path) for path in inner[:_LISTED]]
        more = f" and {len(inner) - _LISTED} more" if len(inner) > _LISTED else ""
        where = sentence(" (", joined(names, ", "), more, ")") if inner else ""
        yield Paragraph(sentence("receptive field not known: ", reason, where))


def _by_axis(axes: tuple[AxisField, ...], told: Callable[[AxisField], str]) -> str:
    texts = [told(axis) for axis in axes]
    return texts[0] if len({*texts}) == 1 else " x ".join(texts)


def _extent(axis: AxisField) -> str:
    if axis.whole:
        return "all"
    return _NOTHING if axis.positions is None else f"{axis.positions:,}"


def _stride(axis: AxisField) -> str:
    return ", ".join(axis.strides) or _NOTHING
