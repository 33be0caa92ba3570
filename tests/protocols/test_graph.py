"""The component graph: where its nodes stand, and that its picture is sound."""

from __future__ import annotations

from defusedxml import ElementTree
from hypothesis import given
from hypothesis import strategies as st
from synthetic import report_of

from archscope.protocols.page.graph import component_graph
from archscope.protocols.page.layering import columns, lanes, rows

SVG = "{http://www.w3.org/2000/svg}"
TREE = {"": ("Net", 0, 0), "a": ("A", 10, 100), "b": ("B", 20, 200), "c": ("C", 30, 300)}


def texts(svg, kind):
    return [node.text for node in ElementTree.fromstring(svg).iter(f"{SVG}text") if node.get("class") == kind]


def test_a_chain_stands_in_one_line():
    chain = [("a", "b"), ("b", "c"), ("c", "d")]
    assert columns("abcd", chain) == {"a": 0, "b": 1, "c": 2, "d": 3}
    assert set(rows("abcd", chain, columns("abcd", chain)).values()) == {0}


def test_a_node_stands_after_everything_that_it_reads_from():
    edges = [("a", "b"), ("a", "d"), ("b", "c"), ("c", "d")]
    assert columns("abcd", edges) == {"a": 0, "b": 1, "c": 2, "d": 3}


def test_what_reads_from_a_cycle_stands_after_all_of_it():
    edges = [("in", "cbam"), ("cbam", "bifpn"), ("bifpn", "cbam"), ("cbam", "ssh")]
    assert columns(["in", "cbam", "bifpn", "ssh"], edges) == {"in": 0, "cbam": 1, "bifpn": 2, "ssh": 3}


def test_branches_stand_below_each_other():
    edges = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]
    column = columns("abcd", edges)
    assert column == {"a": 0, "b": 1, "c": 1, "d": 2}
    assert sorted(rows("abcd", edges, column)[node] for node in "bc") == [0, 1]


def test_arcs_nest_and_never_share_a_lane_over_the_same_columns():
    spans = {"outer": (1, 7), "inner": (3, 5), "middle": (2, 6), "aside": (7, 9), "back": (6, 4)}
    assert lanes(spans) == {"inner": 0, "aside": 0, "back": 1, "middle": 2, "outer": 3}


@given(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda edge: edge[0] < edge[1]), max_size=16))
def test_without_a_cycle_every_edge_leads_to_the_right(edges):
    nodes = [str(node) for node in range(8)]
    named = [(str(source), str(target)) for source, target in sorted(edges)]
    column = columns(nodes, named)
    assert all(column[source] < column[target] for source, target in named)
    row = rows(nodes, named, column)
    assert len({(column[node], row[node]) for node in nodes}) == len(nodes)  # no two in one place


@given(st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_any_graph_can_be_drawn(edges):
    tree = {"": ("Net", 0, 0)} | {f"m{node}": ("M", node, node) for node in range(6)}
    flows = [(f"C{source}", f"C{target}", (1, 2)) for source, target in sorted(edges)]
    svg = component_graph(report_of(tree, components={f"C{node}": f"m{node}" for node in range(6)}, flows=flows))
    ElementTree.fromstring(svg)


def test_the_picture_shows_costs_and_shapes():
    flows = [("[input]", "A", (1, 3, 8, 8)), ("A", "B", (1, 16, 4, 4)), ("A", "B", (1, 32, 2, 2)), ("B", "C", ())]
    svg = component_graph(report_of(TREE, components={"A": "a", "B": "b", "C": "c"}, flows=flows))
    assert texts(svg, "name") == ["[input]", "A", "B", "C"]
    assert texts(svg, "figure") == [
        "10 parameters",
        "100 MACs",
        "20 parameters",
        "200 MACs",
        "30 parameters",
        "300 MACs",
    ]
    times = "\N{MULTIPLICATION SIGN}"
    assert texts(svg, "shape") == [text.replace("x", times) for text in ("1x3x8x8", "1x16x4x4", "1x32x2x2")] + [
        "scalar"
    ]


def test_many_shapes_on_one_edge_are_counted():
    flows = [("A", "B", (1, size)) for size in range(1, 8)]
    assert (
        texts(component_graph(report_of(TREE, components={"A": "a", "B": "b"}, flows=flows)), "shape")[-1] == "+3 more"
    )


def test_boxes_keep_apart_and_inside_the_picture():
    flows = [("[input]", "A", (1,)), ("A", "B", (1,)), ("A", "C", (1,)), ("C", "A", (1,)), ("[input]", "C", (1,))]
    svg = ElementTree.fromstring(
        component_graph(report_of(TREE, components={"A": "a", "B": "b", "C": "c"}, flows=flows))
    )
    boxes = [
        tuple(float(node.get(key)) for key in ("x", "y", "width", "height"))
        for node in svg.iter(f"{SVG}rect")
        if node.get("class") == "box"
    ]
    assert len(boxes) == 4
    for x, y, width, height in boxes:
        assert x >= 0
        assert y >= 0
        assert x + width <= float(svg.get("width"))
        assert y + height <= float(svg.get("height"))
    for k, (x, y, width, height) in enumerate(boxes):
        for other in boxes[k + 1 :]:
            beside = x + width <= other[0] or other[0] + other[2] <= x
            above = y + height <= other[1] or other[1] + other[3] <= y
            assert beside or above


def test_no_shape_stands_above_the_picture():
    flows = [("A", "B", (1, size)) for size in range(1, 8)]
    svg = ElementTree.fromstring(component_graph(report_of(TREE, components={"A": "a", "B": "b"}, flows=flows)))
    heights = [float(node.get("y")) for node in svg.iter(f"{SVG}text")]
    assert min(heights) >= 11  # the size of the font


def test_names_stay_text():
    evil = '</text><script>alert("1")</script>&'
    tree, flows = {"": ("N", 1, 1), evil: ("E", 1, 1)}, [(evil, "[unassigned]", (1,))]
    svg = component_graph(report_of(tree, components={evil: evil}, flows=flows))
    assert "<script" not in svg
    assert texts(svg, "name")[0].startswith("</text>")


def test_a_report_without_flows_shows_its_components():
    assert texts(component_graph(report_of(TREE, components={"A": "a"}, ran=False)), "name")[0] == "A"
