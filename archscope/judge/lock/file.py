"""Reading and writing archscope.lock, TOML in which the same lock is always the same bytes.

One line for each total and each module with an empty line around it, so that two branches that change neighbouring
modules merge without a conflict.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from archscope.config import Config, Table, read_document, repository_root
from archscope.config.document import shown
from archscope.config.writing import toml_key, toml_value
from archscope.errors import ConfigError
from archscope.files import write_files
from archscope.judge.lock.entries import LOCK_NAME, Increase, Lock, LockedModule, LockEntry
from archscope.metrics import limitable
from archscope.policy import Location
from archscope.records import InputRecord, Shape
from archscope.serial import to_plain
from archscope.spec import OptionValue

LOCK_VERSION = 1
_HEAD = "# What `archscope lock` measured. Not for editing: run `archscope lock` again.\n\n"
_HELP = "the file is written by `archscope lock`: take it from version control, or delete it and lock anew"


def render_lock(entries: Iterable[LockEntry]) -> str:
    """The text of a lock file: entries by name."""
    blocks = [f"version = {LOCK_VERSION}\n"]
    for entry in sorted(entries, key=lambda entry: entry.name):
        blocks += _entry_blocks(entry)
    return _HEAD + "\n".join(blocks)


def _entry_blocks(entry: LockEntry) -> Iterable[str]:
    name = f"models.{toml_key(entry.name)}"
    plain = {key: getattr(entry, key) for key in ("source", "mode", "counting_rules", "complete")}
    yield from _section(name, plain | {"inputs": to_plain(entry.inputs)})
    yield from _section(f"{name}.options", dict(sorted(entry.options.items())))
    yield from _section(f"{name}.components", entry.components)
    yield from _section(f"{name}.totals", dict(sorted(entry.totals.items())))
    yield from _section(f"{name}.modules", {module.path: _module(module) for module in entry.modules})
    for increase in entry.increases:
        pairs = to_plain(increase).items()
        yield f"[[{name}.increases]]\n" + "".join(f"{key} = {toml_value(value)}\n" for key, value in pairs)


def _section(title: str, pairs: Mapping[str, Any]) -> Iterable[str]:
    if pairs:
        yield f"[{title}]\n"
    for key, value in pairs.items():
        yield f"{toml_key(key)} = {toml_value(value)}\n"


def _module(module: LockedModule) -> dict[str, Any]:
    return {"type": module.type, "inputs": module.inputs, "outputs": module.outputs} | dict(module.figures)


def lock_path(config: Config | None, start: Path) -> tuple[Path, str]:
    """The lock file, beside the config or in ``start``, and what messages call it."""
    path = (config.root if config else start).resolve() / LOCK_NAME
    return path, path.relative_to(repository_root(path.parent)).as_posix()


def write_lock(path: Path, entries: Iterable[LockEntry]) -> bool:
    """Write the lock, whole or not at all; False when it says that already. Raises UsageError when it cannot."""
    text = render_lock(entries).encode()
    with contextlib.suppress(OSError):
        if path.read_bytes() == text:
            return False
    write_files({path: text})
    return True


def read_lock(path: Path, file: str) -> Lock | None:
    """The lock at ``path``, called ``file`` in messages; None when there is none, ConfigError when it is not one."""
    if not path.is_file():
        return None
    top = read_document(path, file=file)
    if top.values.get("version") != LOCK_VERSION:
        raise top.error(f"not a lock of version {LOCK_VERSION}", "version", help=_HELP)
    entries: dict[str, LockEntry] = {}
    locations: dict[tuple[str, str], Location] = {}
    for name, table in top.named("models"):
        try:
            entries[name] = _entry(name, table)
        except (KeyError, TypeError, ValueError) as error:
            raise table.error(f"{name} is not locked as it should be: {error}", help=_HELP) from error
        locations[name, ""] = table.location()
        totals = table.table("totals", "totals")
        locations |= {(name, metric): totals.location(metric) for metric in entries[name].totals}
    return Lock(file=file, entries=entries, locations=locations)


def _entry(name: str, table: Table) -> LockEntry:
    values = table.values
    return LockEntry(
        name=name,
        source=_text(values["source"]),
        mode=_text(values["mode"]),
        counting_rules=_count(values["counting_rules"]),
        complete=_truth(values["complete"]),
        inputs=tuple(
            InputRecord(name=_text(row["name"]), shape=_shape(row["shape"]), dtype=_text(row["dtype"]))
            for row in _list(values["inputs"])
        ),
        options={key: _option(value) for key, value in _table(values.get("options", {})).items()},
        components={
            key: tuple(map(_text, _list(patterns))) for key, patterns in _table(values.get("components", {})).items()
        },
        totals={
            key: _count(value) for key, value in _table(values.get("totals", {})).items() if _is_metric(table, key)
        },
        modules=tuple(_locked_module(path, _table(row)) for path, row in _table(values.get("modules", {})).items()),
        increases=tuple(
            Increase(
                metric=_text(row["metric"]),
                before=_count(row["before"]),
                after=_count(row["after"]),
                reason=_text(row["reason"]),
            )
            for row in _list(values.get("increases", []))
        ),
    )


def _is_metric(table: Table, key: str) -> bool:
    if key not in limitable():
        raise ConfigError(
            f"unknown metric {key!r}", where=str(table.table("totals", "totals").location(key)), help=_HELP
        )
    return True


def _locked_module(path: str, row: Mapping[str, Any]) -> LockedModule:
    return LockedModule(
        path=path,
        type=_text(row["type"]),
        inputs=tuple(map(_shape, _list(row["inputs"]))),
        outputs=tuple(map(_shape, _list(row["outputs"]))),
        figures={key: _count(value) for key, value in row.items() if key in limitable()},
    )


def _shape(sizes: Any) -> Shape:
    return tuple(map(_count, _list(sizes)))


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{shown(value)} is no count")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{shown(value)} is no text")
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{shown(value)} is neither true nor false")
    return value


def _option(value: Any) -> OptionValue:
    if not isinstance(value, (bool, int, float, str)):
        raise TypeError(f"{shown(value)} is no value of an option")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{shown(value)} is no list")
    return value


def _table(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{shown(value)} is no table")
    return value
