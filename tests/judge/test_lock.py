from __future__ import annotations

import dataclasses
import itertools
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import made_report

from archscope.config import parse_document
from archscope.errors import ConfigError, NotComparableError
from archscope.judge.lock.check import check_lock
from archscope.judge.lock.entries import Increase, LockedModule, LockEntry, lock_entry
from archscope.judge.lock.file import read_lock, render_lock
from archscope.judge.lock.growth import growth
from archscope.judge.lock.update import Rise, relock
from archscope.policy import FAILED, PASSED, Growth, Limit, LockPolicy
from archscope.records import InputRecord
from archscope.spec import Option

# Own parameters 10 + 20 + 70 = 100, MACs 0 + 300 + 700 = 1000.
NET = {
    "": ("Rest", 10, 0, 5),
    "body": ("Body", 20, 300, 600),
    "neck": ("Neck", 30, 500, 1000),
    "neck.a": ("Neck", 40, 200, 400),
}
POLICY = LockPolicy()


def grown(**changes):
    return made_report(NET | changes)


def locked(report, tmp_path, policy=POLICY):
    path = tmp_path / "archscope.lock"
    path.write_text(render_lock([lock_entry("net", report, policy)]))
    lock = read_lock(path, "archscope.lock")
    assert lock is not None
    return lock


def statuses(result):
    return {row.metric: (row.status, row.value, row.max) for row in result.results}


def test_a_lock_says_what_it_locked_and_where_each_total_stands(tmp_path):
    lock = locked(made_report(NET), tmp_path)
    entry = lock.entries["net"]
    assert entry == lock_entry("net", made_report(NET), POLICY)
    assert entry.totals == {"parameters": 100, "macs": 1000}
    assert [(module.path, dict(module.figures)) for module in entry.modules] == [
        ("", {"parameters": 10}),
        ("body", {"parameters": 20, "macs": 300}),
        ("neck", {"parameters": 30, "macs": 500}),
        ("neck.a", {"parameters": 40, "macs": 200}),
    ]
    lines = (tmp_path / "archscope.lock").read_text().splitlines()
    assert lines[lock.location("net", "parameters").line - 1] == "parameters = 100"
    assert lines[lock.location("net").line - 1] == "[models.net]"


def test_empty_lines_stand_between_the_modules_so_that_branches_merge():
    text = render_lock([lock_entry("net", made_report(NET), POLICY)])
    lines = text.splitlines()
    rows = [index for index, line in enumerate(lines) if " = { type =" in line]
    assert [b - a for a, b in itertools.pairwise(rows)] == [2, 2, 2], lines


@pytest.mark.parametrize(
    ("depth", "paths"), [(0, [""]), (1, ["", "body", "neck"]), (None, ["", "body", "neck", "neck.a"])]
)
def test_what_lies_below_the_depth_counts_for_its_ancestor(depth, paths):
    entry = lock_entry("net", made_report(NET), LockPolicy(depth=depth))
    assert [module.path for module in entry.modules] == paths
    for metric, total in {"parameters": 100, "macs": 1000}.items():
        assert sum(module.figures.get(metric, 0) for module in entry.modules) == total


def test_the_same_model_holds_and_is_up_to_date(tmp_path):
    result = check_lock("net", made_report(NET), locked(made_report(NET), tmp_path), POLICY, exact=True)
    assert statuses(result) == {"macs": (PASSED, 1000, 1000), "parameters": (PASSED, 100, 100)}
    assert all(not row.notes for row in result.results)


def test_one_more_fails_and_names_the_module_that_grew(tmp_path):
    result = check_lock("net", grown(body=("Body", 21, 300, 600)), locked(made_report(NET), tmp_path), POLICY)
    assert statuses(result)["parameters"] == (FAILED, 101, 100)
    (failed,) = [row for row in result.results if row.status == FAILED]
    assert failed.growth == (
        Growth(path="body", type="Module", kind="changed", before=20, after=21, shapes_before="", shapes_after=""),
    )


@pytest.mark.parametrize(("tolerance", "most"), [("0", 100), ("5", 105), ("5%", 105), ("<5%", 104), ("0.9%", 100)])
def test_growth_within_the_tolerance_passes_and_beyond_it_fails(tmp_path, tolerance, most):
    policy = LockPolicy(tolerance=Limit.parse(tolerance))
    lock = locked(made_report(NET), tmp_path)
    for value, status in ((most, PASSED), (most + 1, FAILED)):
        report = grown(body=("Body", value - 80, 300, 600))
        assert statuses(check_lock("net", report, lock, policy))["parameters"] == (status, value, most)


def test_a_shrink_passes_with_a_note_and_fails_where_the_lock_must_be_exact(tmp_path):
    lock, smaller = locked(made_report(NET), tmp_path), grown(body=("Body", 19, 300, 600))
    row = check_lock("net", smaller, lock, POLICY).results[1]
    assert (row.status, row.notes) == (
        PASSED,
        ("the lock is stale: `archscope lock` brings it up to date (locked 100)",),
    )
    assert not check_lock("net", smaller, lock, POLICY, exact=True).passed


def test_modules_that_changed_places_make_the_lock_stale_too(tmp_path):
    lock = locked(made_report(NET), tmp_path)
    moved = grown(body=("Body", 10, 300, 600), neck=("Neck", 40, 500, 1000))
    assert check_lock("net", moved, lock, POLICY).passed
    assert not check_lock("net", moved, lock, POLICY, exact=True).passed


@pytest.mark.parametrize(
    ("report", "what"),
    [
        (made_report(NET, shape=(1, 3, 64, 64)), "inputs image 1x3x640x640 float32 then, image 1x3x64x64 float32 now"),
        (made_report(NET, mode="train"), "mode eval then, train now"),
        (made_report(NET, rules=2), "counting rules 1 then, 2 now"),
        (made_report(NET, name="other"), "source made:made then, made:other now"),
        (made_report(NET, options=(Option(name="width", value=2, default=1),)), "options none then, width=2 now"),
    ],
)
def test_figures_of_something_else_are_not_comparable(tmp_path, report, what):
    with pytest.raises(NotComparableError) as caught:
        check_lock("net", report, locked(made_report(NET), tmp_path), POLICY)
    assert what in caught.value.what
    assert caught.value.where == "archscope.lock:5"
    assert caught.value.exit_code == 2


def test_growth_tells_more_modules_from_wider_ones_and_adds_to_the_change():
    def entry(**modules):
        rows = tuple(
            LockedModule(
                path=path, type="Conv2d", inputs=((1, width),), outputs=((1, width),), figures={"parameters": n}
            )
            for path, (width, n) in modules.items()
        )
        totals = {"parameters": sum(n for _, n in modules.values())}
        return dataclasses.replace(lock_entry("net", made_report(NET), POLICY), modules=rows, totals=totals)

    before = entry(a=(8, 10), b=(8, 10), c=(8, 10), d=(8, 10))
    after = entry(a=(8, 10), b=(16, 40), c=(8, 12), e=(8, 7))
    rows = growth(before, after, "parameters")
    assert [(row.path, row.kind, row.delta) for row in rows] == [
        ("b", "wider", 30),
        ("e", "new", 7),
        ("c", "changed", 2),
        ("d", "removed", -10),
    ]
    assert (rows[0].shapes_before, rows[0].shapes_after) == ("1x8 -> 1x8", "1x16 -> 1x16")


figures = st.dictionaries(
    st.sampled_from(["a", "a.b", "a.c", "d", "d.e"]), st.tuples(st.integers(0, 9), st.integers(0, 9))
)


@settings(max_examples=50)
@given(figures, figures, st.none() | st.integers(0, 2))
def test_growth_adds_to_the_change_of_the_total_at_every_depth(before, after, depth):
    def entry(modules):
        own = {"": (0, 0), "a": (0, 0), "d": (0, 0)} | modules
        ordered = {path: ("C", *own[path], 2 * own[path][1]) for path in sorted(own)}
        return lock_entry("net", made_report(ordered), LockPolicy(depth=depth))

    old, new = entry(before), entry(after)
    for metric in ("parameters", "macs"):
        assert sum(row.delta for row in growth(old, new, metric)) == new.totals[metric] - old.totals[metric]


def test_a_rise_is_refused_and_with_a_reason_it_is_kept(tmp_path):
    lock = locked(made_report(NET), tmp_path)
    larger = {"net": grown(body=("Body", 25, 300, 600))}
    entries, refused = relock(larger, lock, POLICY)
    assert refused == (Rise(model="net", metric="parameters", before=100, after=105),)
    entries, refused = relock(larger, lock, POLICY, allowed=["net"], reason="a wider stem")
    assert refused == ()
    kept = Increase(metric="parameters", before=100, after=105, reason="a wider stem")
    assert entries[0].increases == (kept,)
    (tmp_path / "archscope.lock").write_text(render_lock(entries))
    again = read_lock(tmp_path / "archscope.lock", "archscope.lock")
    assert relock(larger, again, POLICY) == (entries, ())


def test_a_fall_needs_no_word(tmp_path):
    entries, refused = relock({"net": grown(body=("Body", 1, 3, 6))}, locked(made_report(NET), tmp_path), POLICY)
    assert (refused, entries[0].totals["parameters"]) == ((), 81)


def test_models_that_were_not_measured_stay_as_they_are(tmp_path):
    lock = locked(made_report(NET), tmp_path)
    entries, _ = relock({"another": made_report(NET)}, lock, POLICY)
    assert [entry.name for entry in entries] == ["another", "net"]
    assert entries[1] == lock.entries["net"]


texts = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(
    ["\n", '"', "\\", "\x7f", "\x1b[0m", "a b", "#", "]"]
)
shapes = st.lists(st.lists(st.integers(0, 2**40), max_size=3).map(tuple), max_size=2).map(tuple)
numbers = st.integers(0, 2**60)
modules = st.builds(
    LockedModule,
    path=texts,
    type=texts,
    inputs=shapes,
    outputs=shapes,
    figures=st.dictionaries(st.sampled_from(["macs", "parameters"]), numbers),
)
entries = st.builds(
    LockEntry,
    name=texts,
    source=texts,
    mode=texts,
    counting_rules=numbers,
    complete=st.booleans(),
    inputs=st.lists(st.builds(InputRecord, name=texts, shape=st.just((1, 2)), dtype=texts), max_size=2).map(tuple),
    options=st.dictionaries(texts, st.booleans() | numbers | texts | st.floats(allow_nan=False), max_size=2),
    components=st.dictionaries(texts, st.lists(texts, max_size=2).map(tuple), max_size=2),
    totals=st.dictionaries(st.sampled_from(["macs", "parameters"]), numbers),
    modules=st.lists(modules, max_size=3, unique_by=lambda module: module.path).map(
        lambda rows: tuple(sorted(rows, key=lambda module: module.path))
    ),
    increases=st.lists(st.builds(Increase, metric=texts, before=numbers, after=numbers, reason=texts), max_size=2).map(
        tuple
    ),
)


@settings(max_examples=60)
@given(st.lists(entries, max_size=2, unique_by=lambda entry: entry.name))
def test_what_is_written_is_read_back_whatever_the_names_are(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("lock") / "archscope.lock"
    text = render_lock(rows)
    path.write_text(text, encoding="utf-8", newline="")
    lock = read_lock(path, "archscope.lock")
    assert lock is not None
    assert lock.entries == {entry.name: entry for entry in rows}
    assert render_lock(lock.entries.values()) == text


def test_half_a_surrogate_pair_still_gives_a_lock_that_can_be_read():
    entry = dataclasses.replace(lock_entry("net", made_report(NET), POLICY), name="\ud800")
    assert "\\ud800" in tomllib.loads(render_lock([entry]).encode().decode())["models"]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("version = 2\n", "archscope.lock:1"),
        ("<<<<<<< ours\nversion = 1\n", "archscope.lock:1"),
        ("version = 1\n[models.a]\nsource = 'x'\n", "archscope.lock:2"),
    ],
)
def test_a_file_that_is_no_lock_is_refused_with_its_line(tmp_path, text, where):
    (tmp_path / "archscope.lock").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_lock(tmp_path / "archscope.lock", "archscope.lock")
    assert caught.value.where == where


def test_without_a_file_there_is_no_lock(tmp_path):
    assert read_lock(tmp_path / "archscope.lock", "archscope.lock") is None
    assert parse_document("", file="x").values == {}
