"""Results of checks, made by hypothesis, whose every name tries to break out of its format."""

from __future__ import annotations

from hypothesis import strategies as st

from archscope.policy import (
    FAILED,
    STATUSES,
    UNPROVEN,
    BudgetResult,
    CheckedModel,
    CheckResult,
    Fault,
    Growth,
    Location,
    Share,
)
from archscope.records import InputRecord

HOSTILE = (
    *("\n", "\r", "\r\n", "|", "`", "<script>", "</script>", "::error file=x::y", "\x1b[31m", "\x1b]0;t\x07", "]]>"),
    *("&", "&amp;", "%0A", "%25", "##[error]x", "-->", "<!-- end of archscope check", "[a](javascript:b)", "![i](u)"),
    *("\ud800", "\u2028", "\u202e", "\x00", "\ufffe", "{0}", "{{", "\\", "*b*", "<br>", "http://x.y", "a,b", "a=b"),
)
names = (
    st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=3)), min_size=1, max_size=3).map("".join).filter(bool)
)
locations = st.none() | st.builds(Location, file=names, line=st.integers(1, 10**6))
figures = st.integers(0, 10**12)


growths = st.builds(
    Growth,
    path=names,
    type=names,
    kind=st.sampled_from(["new", "wider", "changed", "removed"]),
    before=figures,
    after=figures,
    shapes_before=st.sampled_from(["", "1x2 -> 1x3"]),
    shapes_after=st.sampled_from(["", "1x2 -> 1x4"]),
)


@st.composite
def results(draw):
    status = draw(st.sampled_from(STATUSES))
    value, most = draw(figures), draw(figures)
    return BudgetResult(
        name=draw(names),
        model=draw(names),
        metric=draw(st.sampled_from(["parameters", "macs"])),
        component=draw(st.just("") | names),
        value=value if status != UNPROVEN else draw(st.none() | st.just(value)),
        lower_bound=status == UNPROVEN,
        max=most,
        status=status,
        excess=max(0, value - most),
        location=draw(locations),
        message=draw(st.just("") | names),
        largest=tuple(Share(name=draw(names), value=value) for _ in range(draw(st.integers(0, 2)))),
        growth=tuple(draw(st.lists(growths, max_size=1))),
        notes=tuple(draw(st.lists(names, max_size=2))),
    )


faults = st.builds(
    Fault,
    model=names,
    what=names,
    where=st.just("") | names,
    help=st.just("") | names,
    exit_code=st.sampled_from([2, 3]),
)
models = st.builds(CheckedModel, name=names, inputs=st.just((InputRecord(name="x", shape=(1, 3), dtype="float32"),)))
checks = st.builds(
    CheckResult,
    models=st.lists(models, max_size=2).map(tuple),
    results=st.lists(results(), max_size=3).map(tuple),
    faults=st.lists(faults, max_size=2).map(tuple),
)


def row(name="b", status=FAILED, line=12):
    return BudgetResult(
        name=name,
        model="v2",
        metric="parameters",
        component="",
        value=251_144,
        lower_bound=False,
        max=249_999,
        status=status,
        excess=1_145,
        location=Location(file="archscope.toml", line=line),
        message="Flash limit",
    )
