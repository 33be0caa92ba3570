"""Which component a module belongs to: ordered globs over paths, first match wins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from patterns import matches

from archscope import Component
from archscope.errors import ComponentError
from archscope.measure.summing.components import assign

NAMES = st.sampled_from(["a", "b", "ab", "0", "a*b"])
PATHS = st.lists(st.lists(NAMES, max_size=3).map(tuple), max_size=12)
PARTS = st.sampled_from(["a", "b", "ab", "0", "a?b", "*", "a*", "?", "**"])
PATTERNS = st.lists(PARTS, min_size=1, max_size=3).map(".".join)


def tree(places):
    """The paths of modules, the root and every parent among them, parents first."""
    whole = {place[:k] for place in places for k in range(len(place) + 1)} | {()}
    return [".".join(place) for place in sorted(whole)]


@given(places=PATHS, patterns=st.lists(PATTERNS, min_size=1, max_size=3))
def test_each_path_goes_to_the_first_pattern_that_matches_it(places, patterns):
    paths = tree(places)
    expected = {
        path: next((str(k) for k, pattern in enumerate(patterns) if matches(pattern, path)), "[unassigned]")
        for path in paths
    }
    components = [Component(name=str(k), patterns=(pattern,)) for k, pattern in enumerate(patterns)]
    if {str(k) for k in range(len(patterns))} <= set(expected.values()):
        assert assign(paths, components) == expected
    else:
        with pytest.raises(ComponentError, match=r"matches no module|wholly shadowed"):
            assign(paths, components)
