"""Pictures of graphs: everything is there, rows follow the edges, nothing overlaps, no edge runs through a box."""

from __future__ import annotations

import random
import re
from xml.etree import ElementTree

import pytest

from autograder import drawing
from autograder.drawing import Node
from autograder.errors import UserError
from autograder.messages import message

SVG = "{http://www.w3.org/2000/svg}"
DOT = r"""digraph autograd {
  rankdir=BT;
  node [fontname=Helvetica, fontsize=10];
  t1 [label="x\n(4, 3)", shape=ellipse, style=filled, fillcolor="#cfe8cf"];
  n2 [label="a \"b\" & c\n()", shape=box];
  t1 -> n2;
}"""


def boxes(picture: str) -> dict[str, tuple[float, float, float, float]]:
    """First line of text -> left, top, right, bottom."""
    found = {}
    for group in ElementTree.fromstring(picture).iter(f"{SVG}g"):
        rect = group.find(f"{SVG}rect")
        x, y, w, h = (float(rect.get(name)) for name in ("x", "y", "width", "height"))
        found[next(group.iter(f"{SVG}tspan")).text] = (x, y, x + w, y + h)
    return found


def points(picture: str) -> list[list[tuple[float, float]]]:
    """Points along each edge's path, straight stretches and curves alike."""
    paths = []
    for path in ElementTree.fromstring(picture).iter(f"{SVG}path"):
        if path.get("marker-end"):
            paths.append(_along(path.get("d")))
    return paths


def _along(drawn: str) -> list[tuple[float, float]]:
    x, y = map(float, re.match(r"M(\S+) (\S+)", drawn).groups())
    found = [(x, y)]
    for curve, line in re.findall(r" C((?:\S+ ){5}\S+)| V(\S+)", drawn):
        if line:
            found += [(x, y + (float(line) - y) * t / 20) for t in range(1, 21)]
            y = float(line)
            continue
        a, b, c, d, ex, ey = map(float, curve.split())
        for t in (i / 40 for i in range(1, 41)):
            u = 1 - t
            found.append((u**3 * x + 3 * u * u * t * a + 3 * u * t * t * c + t**3 * ex,
                          u**3 * y + 3 * u * u * t * b + 3 * u * t * t * d + t**3 * ey))  # fmt: skip
        x, y = ex, ey
    return found


@pytest.mark.parametrize("seed", range(5))
def test_boxes_keep_apart_stand_below_what_they_depend_on_and_are_not_crossed(seed):
    draw = random.Random(seed)
    names = [f"n{i}" for i in range(14)]
    edges = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :] if draw.random() < 0.2]
    picture = drawing.svg([Node(n, (n, "x" * draw.randrange(3, 20))) for n in names], edges)
    found = boxes(picture)
    assert set(found) == set(names)
    for a, b in edges:
        assert found[a][3] < found[b][1]
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            (l1, t1, r1, b1), (l2, t2, r2, b2) = found[a], found[b]
            assert r1 < l2 or r2 < l1 or b1 < t2 or b2 < t1
    assert len(points(picture)) == len(edges)
    for path in points(picture):
        for x, y in path:
            inside = [n for n, (left, top, right, low) in found.items() if left < x < right and top + 1 < y < low - 1]
            assert inside == []


def test_a_graph_in_dot_keeps_its_labels_shapes_and_colours():
    picture = drawing.dot(DOT, "graph.dot")
    assert set(boxes(picture)) == {"x", 'a "b" & c'}
    assert "(4, 3)" in picture
    assert "#cfe8cf" in picture


def test_what_cannot_be_drawn_is_told(tito, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def told(text: str) -> str:
        (tmp_path / "g.dot").write_text(text)
        status, _, err = tito("draw", "g.dot")
        assert status == 2
        return err.removeprefix("error: ").strip()

    assert told("digraph {\n  rubbish here\n}") == message("draw.not_dot", file="g.dot", line=2, text="rubbish here")
    assert told("digraph {\n}") == message("draw.empty", file="g.dot")
    assert told("digraph {\na -> b;\nb -> a;\n}") == message("draw.circle", names="a, b")
    reason = "No such file or directory"
    assert tito("draw", "none.dot")[2] == f"error: {message('draw.unreadable', file='none.dot', reason=reason)}\n"
    assert (
        tito("map", "--out", "no/map.svg")[2]
        == f"error: {message('draw.unwritable', file='no/map.svg', reason=reason)}\n"
    )


def test_the_map_shows_every_assignment_and_milestone_in_the_colour_of_its_state(tito, mini, tmp_path):
    out = tmp_path / "map.svg"
    assert tito("map", "--out", out)[:2] == (0, f"wrote {out}; open it in a browser\n")
    found = boxes(out.read_text())
    wanted = {f"{a.short} {a.title}" for a in mini.assignments} | {f"{m.year} {m.title}" for m in mini.milestones}
    assert set(found) == wanted


def test_no_picture_is_made_of_a_circle():
    with pytest.raises(UserError):
        drawing.svg([Node("a", ("a",)), Node("b", ("b",))], [("a", "b"), ("b", "a")])
