"""Laws of size made by hand: every kind of formula, figures beyond 2^53, pieces, a gap, runs, and hostile names."""

from __future__ import annotations

import random

from archscope.records import InputRecord
from archscope.results.polynomial import Largest, Polynomial, Quantity
from archscope.results.scaling import Answer, Dimension, Scaling
from archscope.results.scaling_region import Group, ModuleName, Region

HOSTILE = '</script><script>alert(1)</script><img src=x onerror="alert(2)">'
SIZES = (*range(1, 51), *range(52, 200, 2), 1000)
LARGE = (1, 2, 10**12, 2**53 + 1, 10**18)


def polynomial(*terms, over=1):
    """``(coefficient, (quantity, power), ...)`` over a denominator."""
    return Polynomial(tuple(sorted((tuple(sorted(powers)), value) for value, *powers in terms)), over)


def odd_law(name=HOSTILE):
    """Two dimensions, one of them with sizes beyond 2^53; pieces up to 50 and from 100 on; between them one run."""
    size, large = Quantity(("size",)), Quantity((name,))
    half = Quantity(("size",), by=2, plus=1)  # rounded up
    third = Quantity(("size",), times=2, plus=-7, by=3)  # below 0 where sizes are small
    log, rest = Quantity(("size",), levels=True), Quantity(("size",), by=7, rest=True)
    both = Quantity(("size", name), by=4, plus=3)
    low = {
        ("a", "one", "x::a"): {
            "macs": polynomial((1, (size, 2)), (1, (size, 1)), over=2),  # always whole: n (n + 1) / 2
            "flops": polynomial((3, (half, 2)), (-5, (third, 3)), (2, (log, 1), (size, 1)), (11, (rest, 1)), (7,)),
            "parameters": polynomial((13,)),
        },
        ("b", "two", "x::b"): {
            "macs": polynomial((1, (size, 1)), over=3),  # no figure where it is not whole
            "flops": polynomial((2**60 + 1, (large, 2), (size, 3)), (-1, (both, 1))),
        },
    }
    high = {
        ("a", "one", "x::a"): {"macs": polynomial((5, (size, 2), (large, 1))), "parameters": polynomial((13,))},
        ("b", "two", "x::b"): {"macs": polynomial((1, (both, 2))), "flops": None},
    }
    run = {("a", "one", "x::a"): {"macs": polynomial((2**70 + 3,)), "flops": polynomial((9,))}}
    peaks = (polynomial((40, (size, 1), (large, 1))), polynomial((1000, (size, 1)), (3, (large, 1))))
    regions = (
        _region((60, 2), (60, 2), run, {"peak_activation_bytes": polynomial((77,))}, measured=True),
        _region((1, 1), (50, 10**18), low, {"peak_activation_bytes": Largest(peaks)}),
        _region((100, 1), (1000, 10**18), high, {"peak_activation_bytes": None}, complete=False),
    )
    return Scaling(
        model=name,
        source=name,
        inputs=(InputRecord(name="x", shape=(8, 3), dtype="float32"),),
        dimensions=(
            Dimension(name="size", values=SIZES, places=("x[0]",)),
            Dimension(name=name, values=LARGE, places=(f"{name}[1]",)),
        ),
        regions=regions,
        runs=1,
        complete=False,
        value_dependent=False,
        own_components=True,
        answers=(
            Answer(
                metric="macs",
                max=100,
                dimension="size",
                fixed=((name, 1),),
                size=9,
                value=48,
                next_size=10,
                next_value=155,
            ),
        ),
    )


def wide_law(count):
    """One dimension n from 1 to 50 and so many components: the k-th, from 0, has k n MACs."""
    size = Quantity(("n",))
    groups = tuple(
        Group(path=f"p{k}", component=f"c{k}", op="x::a", family="", figures={"macs": polynomial((k, (size, 1)))})
        for k in range(1, count)
    )
    region = Region(
        low=(1,),
        high=(50,),
        names=tuple(f"c{k}" for k in range(count)),
        modules=tuple(ModuleName(path=f"p{k}", type="Net", component=f"c{k}") for k in range(count)),
        groups=groups,
        whole={},
        reasons={},
        checked=8,
    )
    return Scaling(
        model="wide",
        source="",
        inputs=(),
        dimensions=(Dimension(name="n", values=tuple(range(1, 51)), places=("n",)),),
        regions=(region,),
        runs=8,
        complete=True,
        value_dependent=False,
        own_components=True,
    )


def _region(low, high, groups, whole, *, measured=False, complete=True):
    reasons = {"flops": "x::b follows nothing", "peak_activation_bytes": "it is the most of several moments"}
    paths = {"": "[unassigned]", "a": "one", "b": "two"}
    return Region(
        low=low,
        high=high,
        names=("one", "two"),
        modules=tuple(ModuleName(path=path, type="Net", component=part) for path, part in paths.items()),
        groups=tuple(
            Group(path=path, component=part, op=op, family="", figures=figures)
            for (path, part, op), figures in groups.items()
        ),
        whole=whole,
        reasons={} if complete else reasons,
        checked=8,
        measured=measured,
        complete=complete,
    )


def some_sizes(law, count, seed=0):
    """Sizes of ``law`` by chance, its corners first."""
    chosen = random.Random(seed)  # noqa: S311 - no secret
    corners = [{one.name: one.values[end] for one in law.dimensions} for end in (0, -1)]
    return corners + [{one.name: chosen.choice(one.values) for one in law.dimensions} for _ in range(count)]
