"""The report as JSON and back: ``from_json(to_json(report)) == report``."""

from __future__ import annotations

import dataclasses
import functools
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from archscope.errors import UsageError
from archscope.json_text import as_float, parse_json, write_json
from archscope.metrics import METRICS, Figures, Metric, Rows, carried_by
from archscope.report import SCHEMA_VERSION, Report
from archscope.report_laws import require_laws

T = TypeVar("T")


def to_json(report: Report) -> str:
    """The report as JSON text: raw integers, base units, None as null, one line at the end."""
    return write_json(to_plain(report))


def from_json(text: str, *, where: str = "report") -> Report:
    """The report that ``text`` holds; raises UsageError naming the place when it holds none or breaks a law."""
    try:
        plain = parse_json(text, unique=True)
    except json.JSONDecodeError as error:
        raise UsageError(f"not JSON: {error.msg}", where=f"{where}:{error.lineno}", help=_HELP) from error
    except ValueError as error:
        raise UsageError(f"not a report: {error}", where=where, help=_HELP) from error
    version = plain.get("schema_version") if isinstance(plain, dict) else None
    if version != SCHEMA_VERSION:
        raise UsageError(
            f"not a report of schema version {SCHEMA_VERSION} (found {_shown(version)})", where=where, help=_HELP
        )
    report = from_plain(Report, plain, where)
    require_laws(report, where)
    return report


_HELP = (
    "a saved report is what `archscope analyze MODEL --json FILE` writes; one by another version of archscope may have "
    "other fields: run that command again with this one"
)
_WHEN_ASKED = {"receptive_field"}  # fields that are written where somebody asked for them
_LONGEST = 200  # characters of a file that a message repeats


def _shown(plain: Any) -> str:
    text = repr(plain)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def to_plain(value: Any) -> Any:
    """A record as dicts, lists and scalars; the figures of a row stand beside its fields, those of its own as own_*."""
    if isinstance(value, Figures):
        return {name: value[name] for name in METRICS if name in value} | dict(value)
    if dataclasses.is_dataclass(value):
        told = (
            name for name in _fields(typing.cast("Any", type(value))) if name not in _WHEN_ASKED or getattr(value, name)
        )
        plain = {name: to_plain(getattr(value, name)) for name in told}
        if "figures" in plain:
            own = {f"own_{name}": figure for name, figure in plain.pop("own", {}).items()}
            plain |= plain.pop("figures") | own
        return plain
    if isinstance(value, tuple):
        return [to_plain(item) for item in value]
    return value


@functools.cache
def _fields(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _figures(carried: Mapping[str, Metric[Any]], plain: dict[str, Any], where: str, prefix: str = "") -> Figures:
    """The figures of a row, read from ``plain``; one of a run may be null, or lack in a file older than the metric."""
    kinds = {name: (int,) if line.known_without_run else (int, types.NoneType) for name, line in carried.items()}
    return Figures(
        {name: _scalar(kind, plain.get(prefix + name), f"{where}.{prefix}{name}") for name, kind in kinds.items()}
    )


@functools.cache
def _required(kind: Any) -> frozenset[str]:
    """The fields without a default: those with one came later, and older files lack them."""
    missing = dataclasses.MISSING
    return frozenset(f.name for f in dataclasses.fields(kind) if f.default is missing and f.default_factory is missing)


def from_plain(kind: type[T], plain: Any, where: str) -> T:
    """A record of ``kind`` from dicts, lists and scalars; raises UsageError naming the place that does not fit."""
    return typing.cast("T", _read(kind, plain, where))


def _read(kind: Any, plain: Any, where: str) -> Any:
    if dataclasses.is_dataclass(kind):
        fields = dict(_fields(typing.cast("Any", kind)))
        carries: Any = getattr(kind, "carries", None)
        carried = {"figures": carried_by(carries)} if "figures" in fields else {}
        carried |= {"own": carried_by(Rows.COMPONENTS)} if "own" in fields else {}
        keys = [name for name in fields if name not in carried]
        figures = {
            ("own_" if name == "own" else "") + metric: line.known_without_run
            for name in carried
            for metric, line in carried[name].items()
        }
        keys += figures
        later = {*fields} - _required(typing.cast("Any", kind)) - {*carried}
        later |= {key for key, needed in figures.items() if not needed}
        if not isinstance(plain, dict) or not {*keys} - later <= plain.keys() <= {*keys}:
            found = sorted(plain) if isinstance(plain, dict) else type(plain).__name__
            raise UsageError(f"expected the keys {', '.join(keys)}; found {_shown(found)}", where=where, help=_HELP)
        values = {
            name: _figures(metrics, plain, where, "own_" if name == "own" else "") for name, metrics in carried.items()
        }
        given = [name for name in fields if name not in carried and name in plain]
        values |= {name: _read(fields[name], plain[name], f"{where}.{name}") for name in given}
        return typing.cast("Any", kind)(**values)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        if not isinstance(plain, list):
            raise UsageError(f"expected a list; found {_shown(plain)}", where=where, help=_HELP)
        return tuple(_read(arguments[0], item, f"{where}[{index}]") for index, item in enumerate(plain))
    if origin in {types.UnionType, typing.Union}:
        if plain is None and types.NoneType in arguments:
            return None
        members = [member for member in arguments if member is not types.NoneType]
        records = [member for member in members if typing.get_origin(member) or dataclasses.is_dataclass(member)]
        return _read(records[0], plain, where) if records else _scalar(tuple(members), plain, where)
    return _scalar((kind,), plain, where)


def _scalar(kinds: tuple[Any, ...], plain: Any, where: str) -> Any:
    plain = as_float(plain) if float in kinds else plain
    if type(plain) not in kinds:
        names = " or ".join(kind.__name__ for kind in kinds)
        raise UsageError(f"expected {names}; found {_shown(plain)}", where=where, help=_HELP)
    return plain
