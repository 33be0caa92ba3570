"""Reading a claims file: TOML that lists what a document says of a model."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from pathlib import Path as FilePath

from archscope.config import Table, nearest, read_document
from archscope.errors import UsageError
from archscope.metrics import Rows, carried_by
from archscope.results.claims import INSTANCES, MEASURED, RANK, REDUCTION, REMAINDER, SUM, Claim, ClaimSheet, Part
from archscope.results.printed_figure import Published

TOP_KEYS = ("document", "model", "inputs", "claims")
ARITHMETIC = (SUM, REMAINDER, REDUCTION)
KEYS = ("what", "where", "value", "tolerance", "metric", "component", "module", RANK, *ARITHMETIC)


def read_claims(path: FilePath, *, file: str = "") -> ClaimSheet:
    """The claims file at ``path``, called ``file`` in messages; raises ConfigError with file, line and nearest word."""
    top = read_document(path, file=file or path.name)
    top.only(*TOP_KEYS)
    rows = top.tables("claims", "[[claims]]")
    if not rows:
        raise top.error("there are no claims", help="write [[claims]] with the keys what, metric and value")
    claims: dict[str, Claim] = {}
    names = {row.text("what") for row in rows}
    for row in rows:
        claim = _claim(row, claims, names)
        claims[claim.what] = claim
    return ClaimSheet(
        document=top.text("document", ""),
        model=top.text("model", ""),
        inputs=top.texts("inputs", ()),
        claims=tuple(claims.values()),
        file=top.file,
    )


def _claim(row: Table, earlier: dict[str, Claim], names: AbstractSet[str]) -> Claim:
    row.only(*KEYS)
    what = row.text("what")
    if what in earlier:
        raise row.error(f"two claims are called {what!r}", "what", help=f"the other one is at {earlier[what].location}")
    kinds = [key for key in (RANK, *ARITHMETIC) if key in row.values]
    if len(kinds) > 1:
        raise row.error(f"{kinds[0]} and {kinds[1]} in one claim", kinds[1], help="write two claims")
    kind = kinds[0] if kinds else MEASURED
    value = published(row, "value")
    claim = Claim(
        what=what,
        where=row.text("where", ""),
        kind=INSTANCES if kind == MEASURED and row.values.get("metric") == INSTANCES else kind,
        metric=_metric(row, kind),
        component=row.text("component", ""),
        module=row.text("module") if "module" in row.values else None,
        value=value,
        tolerance=published(row, "tolerance") if "tolerance" in row.values else None,
        parts=_parts(row, kind, value, earlier, names) if kind in ARITHMETIC else (),
        location=row.location("value"),
    )
    _require_sense(row, claim)
    return claim


def _metric(row: Table, kind: str) -> str:
    if kind == RANK:
        return row.choice(RANK, carried_by(Rows.COMPONENTS))
    if kind in ARITHMETIC:
        return ""
    return row.choice("metric", (*carried_by(Rows.TOTALS), INSTANCES))


def _require_sense(row: Table, claim: Claim) -> None:
    if claim.component and claim.module is not None:
        raise row.error("a claim is about a component or about a module", "module", help="remove one of the two")
    if claim.kind == REDUCTION and not claim.value.quantity.percent:
        raise row.error("a reduction is in percent", "value", help=f'write value = "{claim.value.text} %"')
    if claim.kind in ARITHMETIC:
        for key in ("metric", "component", "module"):
            if key in row.values:
                raise row.error(f"{key} has no meaning beside {claim.kind}", key, help="remove the line")
    elif claim.kind in {INSTANCES, RANK}:
        if not claim.component:
            raise row.error(f"{claim.kind} is of a component", help="add a line: component = ...")
        if claim.value.quantity.percent or claim.value.quantity.denominator != 1:
            raise row.error(f"{claim.kind} is a whole number, not {claim.value.text}", "value")
    else:
        _require_measurable(row, claim)


def _require_measurable(row: Table, claim: Claim) -> None:
    part = bool(claim.component) or claim.module is not None
    known = carried_by(Rows.COMPONENTS)
    if part and claim.metric not in known:
        raise row.error(
            f"{claim.metric} has no value per component or module",
            "metric",
            help=f"those with one: {', '.join(known)}",
        )
    if claim.value.quantity.percent and not part:
        raise row.error("a share of the whole is that of a part", "value", help="name a component or a module")


def _parts(
    row: Table, kind: str, value: Published, earlier: dict[str, Claim], names: AbstractSet[str]
) -> tuple[Part, ...]:
    texts = row.texts(kind)
    if len(texts) < 2 or (kind == REDUCTION and len(texts) != 2):
        raise row.error(f"{kind} takes {'two' if kind == REDUCTION else 'two or more'} figures", kind)
    parts = tuple(_part(row, kind, index, text, earlier, names) for index, text in enumerate(texts))
    percent = value.quantity.percent and kind != REDUCTION
    for index, part in enumerate(parts):
        if part.published.quantity.percent != percent:
            raise row.error(
                f"{part.published.text} is {'no share' if percent else 'a share'}, and the value is"
                f" {'one' if percent else 'none'}",
                kind,
                index=index,
                help="write all of them as counts, or all as percentages",
            )
    return parts


def _part(  # noqa: PLR0913, PLR0917 - what a message about it needs
    row: Table, kind: str, index: int, text: str, earlier: dict[str, Claim], names: AbstractSet[str]
) -> Part:
    if text in earlier:
        return Part(published=earlier[text].value, claim=text)
    if text in names:
        raise row.error(f"the claim {text!r} stands further down", kind, index=index, help="move it up")
    try:
        return Part(published=Published.parse(text))
    except UsageError:
        raise row.error(
            f"{text!r} is neither a figure nor a claim of this file", kind, index=index, help=nearest(text, earlier)
        ) from None


def published(row: Table, key: str) -> Published:
    """A figure as printed; raises ConfigError when it is none."""
    value = row.values.get(key)
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else row.text(key)
    try:
        return Published.parse(text)
    except UsageError as error:
        raise row.error(f"{key}: {error.what}", key, help=error.help) from error
