"""Reading a targets file: TOML that says what a model is meant to shrink to, and by which changes."""

from __future__ import annotations

from pathlib import Path

from archscope.config import Table, read_document
from archscope.metrics import Rows, carried_by
from archscope.results.plan import Proposal, Target, TargetSheet
from archscope.results.sweep import Setting
from archscope.spec import option_value

TOP_KEYS = ("document", "model", "inputs", "goal", "targets", "proposals")


def read_targets(path: Path, *, file: str = "") -> TargetSheet:
    """The targets file at ``path``, called ``file`` in messages; raises ConfigError with file, line, nearest word."""
    top = read_document(path, file=file or path.name)
    top.only(*TOP_KEYS)
    if "goal" not in top.values:
        raise top.error("there is no goal", help='write [goal] with metric = "parameters" and max = "0.25M"')
    goal = top.table("goal", "[goal]")
    goal.only("metric", "max")
    limit = goal.limit("max").count
    if limit is None:
        raise goal.error("max is a share of nothing", "max", help="write a count such as 249_999 or <0.25M")
    return TargetSheet(
        document=top.text("document", ""),
        model=top.text("model", ""),
        inputs=top.texts("inputs", ()),
        metric=goal.choice("metric", carried_by(Rows.SWEEP)),
        goal=limit,
        targets=_targets(top.tables("targets", "[[targets]]")),
        proposals=_proposals(top.tables("proposals", "[[proposals]]")),
        file=top.file,
    )


def _targets(rows: tuple[Table, ...]) -> tuple[Target, ...]:
    targets: dict[str, Target] = {}
    for row in rows:
        row.only("component", "current", "target")
        name = row.text("component")
        if name in targets:
            raise row.error(
                f"component {name!r} has two targets", "component", help=f"the other is at {targets[name].location}"
            )
        targets[name] = Target(
            component=name,
            current=row.count("current") if "current" in row.values else None,
            target=row.count("target"),
            location=row.location("component"),
        )
    return tuple(targets.values())


def _proposals(rows: tuple[Table, ...]) -> tuple[Proposal, ...]:
    proposals = []
    for row in rows:
        row.only("name", "saves", "options")
        options = row.table("options", "options = { ... }")
        settings = tuple(Setting(name=key, value=option_value(value)) for key, value in options.option_values().items())
        if not settings:
            raise row.error("the proposal changes no option", "name", help="add a line: options = { NAME = ... }")
        proposals.append(
            Proposal(
                name=row.text("name"),
                settings=settings,
                saves=row.count("saves") if "saves" in row.values else None,
                location=options.location(),
            )
        )
    return tuple(proposals)
