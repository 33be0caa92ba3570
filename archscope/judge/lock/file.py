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
from archscope.config.writing import toml_key, toml_value
from archscope.errors import ConfigError
from archscope.files import write_files
from archscope.judge.lock.entries import LOCK_NAME, Increase, Lock, LockedModule, LockEntry
from archscope.metrics import limitable
from archscope.policy import Location
from archscope.records import InputRecord, Shape
from archscope.serial import to_plain

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
        source=str(values["source"]),
        mode=str(values["mode"]),
        counting_rules=int(values["counting_rules"]),
        complete=bool(values["complete"]),
        inputs=tuple(
            InputRecord(name=str(row["name"]), shape=_shape(row["shape"]), dtype=str(row["dtype"]))
            for row in values["inputs"]
        ),
        options=dict(values.get("options", {})),
        components={key: tuple(map(str, patterns)) for key, patterns in values.get("components", {}).items()},
        totals={key: int(value) for key, value in values.get("totals", {}).items() if _is_metric(table, key)},
        modules=tuple(_locked_module(path, row) for path, row in values.get("modules", {}).items()),
        increases=tuple(
            Increase(
                metric=str(row["metric"]), before=int(row["before"]), after=int(row["after"]), reason=str(row["reason"])
            )
            for row in values.get("increases", [])
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
        type=str(row["type"]),
        inputs=tuple(map(_shape, row["inputs"])),
        outputs=tuple(map(_shape, row["outputs"])),
        figures={key: int(value) for key, value in row.items() if key in limitable()},
    )


def _shape(sizes: Iterable[Any]) -> Shape:
    return tuple(int(size) for size in sizes)
