"""Pictures of graphs without dependency cycles as SVG, in plain Python: for machines that have no Graphviz.

Nodes stand in rows, each one row below the latest of those it depends on; a few sweeps put a node near its neighbours.
Edges that pass a row get a place of their own in it, so no edge runs through a box. What nodes mean is left to the
callers: `course_map` and `dot`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

from autograder.errors import UserError
from autograder.messages import message

LINE, WIDE, PAD = 13, 6.0, 9  # pixels: height of a line of text, mean width of a character, space around the text
GAP, ROW_GAP, MARGIN = 18, 34, 24
SWEEPS = 12


@dataclass(frozen=True)
class Node:
    """A box with lines of text, the first of them bold. `tip` is shown under the mouse."""

    key: str
    lines: tuple[str, ...]
    fill: str = "#ffffff"
    ink: str = "#1b1b1b"
    edge: str = "#868e96"
    rounded: bool = False
    tip: str = ""

    @property
    def width(self) -> float:
        return max(map(len, self.lines), default=1) * WIDE + 2 * PAD

    @property
    def height(self) -> float:
        return len(self.lines) * LINE + 2 * PAD


@dataclass
class _Layout:
    """Rows of keys; a bend of an edge is a key of its own, (from, to, row)."""

    nodes: Mapping[str, Node]
    rows: list[list[object]] = field(default_factory=list)
    links: list[tuple[object, object]] = field(default_factory=list)
    paths: list[list[object]] = field(default_factory=list)
    centre: dict[object, tuple[float, float]] = field(default_factory=dict)
    tall: dict[object, float] = field(default_factory=dict)  # of the row that a bend passes

    def width(self, key: object) -> float:
        return self.nodes[key].width if key in self.nodes else GAP / 2

    def height(self, key: object) -> float:
        return self.nodes[key].height if key in self.nodes else self.tall.get(key, 0.0)


def svg(
    nodes: Iterable[Node], edges: Iterable[tuple[str, str]], title: str = "", legend: Sequence[tuple[str, str]] = ()
) -> str:
    """The picture of a graph.

    Args:
        edges: (from, to), both keys of nodes.
        legend: pairs of a colour and what it means.

    Raises:
        UserError: the edges go round in a circle.
    """
    layout = _laid_out({node.key: node for node in nodes}, list(dict.fromkeys(edges)))
    places = layout.centre
    left = min((x - layout.width(k) / 2 for k, (x, _) in places.items()), default=0.0) - MARGIN
    right = max((x + layout.width(k) / 2 for k, (x, _) in places.items()), default=0.0) + MARGIN
    right = max(right, left + 2 * MARGIN + WIDE * 1.3 * len(title))
    bottom = max((y + layout.height(k) / 2 for k, (_, y) in places.items()), default=0.0) + MARGIN
    top = -MARGIN - 26 * bool(title) - 22 * bool(legend)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left:.0f} {top:.0f} {right - left:.0f} {bottom - top:.0f}"'
        f' width="{right - left:.0f}" height="{bottom - top:.0f}" font-family="Helvetica, Arial, sans-serif">',
        f'<rect x="{left:.0f}" y="{top:.0f}" width="{right - left:.0f}" height="{bottom - top:.0f}" fill="#ffffff"/>',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z" fill="#868e96"/></marker></defs>',
    ]
    if title:
        parts.append(f'<text x="{left + MARGIN:.0f}" y="{top + 26}" font-size="16">{escape(title)}</text>')
    parts += _legend(legend, left + MARGIN, top + 26 * bool(title) + 20)
    parts += [_edge(layout, path) for path in layout.paths]
    parts += [_box(node, *places[key]) for key, node in layout.nodes.items()]
    return "\n".join([*parts, "</svg>"]) + "\n"


# ---- where everything stands


def _laid_out(nodes: Mapping[str, Node], edges: list[tuple[str, str]]) -> _Layout:
    row = _rows_of(nodes, edges)
    layout = _Layout(nodes, [[] for _ in range(max(row.values(), default=-1) + 1)])
    for key in nodes:
        layout.rows[row[key]].append(key)
    for source, target in edges:
        bends: list[object] = [(source, target, r) for r in range(row[source] + 1, row[target])]
        for bend, r in zip(bends, range(row[source] + 1, row[target]), strict=True):
            layout.rows[r].append(bend)
        path = [source, *bends, target]
        layout.paths.append(path)
        layout.links += pairwise(path)
    _order(layout)
    _place(layout)
    return layout


def _rows_of(nodes: Mapping[str, Node], edges: list[tuple[str, str]]) -> dict[str, int]:
    """How many steps each node is below the first ones, along the longest way."""
    waiting: dict[str, int] = dict.fromkeys(nodes, 0)
    after: dict[str, list[str]] = {key: [] for key in nodes}
    for source, target in edges:
        waiting[target] += 1
        after[source].append(target)
    row = dict.fromkeys(nodes, 0)
    ready = [key for key in nodes if not waiting[key]]
    for key in ready:  # grows as it goes
        for target in after[key]:
            row[target] = max(row[target], row[key] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    if len(ready) < len(nodes):
        raise UserError(message("draw.circle", names=", ".join(sorted(set(nodes) - set(ready)))))
    return row


def _order(layout: _Layout) -> None:
    """Sort each row by the mean place of its neighbours above, then below, and so on."""
    above: dict[object, list[object]] = {}
    below: dict[object, list[object]] = {}
    for source, target in layout.links:
        above.setdefault(target, []).append(source)
        below.setdefault(source, []).append(target)
    for sweep in range(SWEEPS):
        near = below if sweep % 2 else above
        for row in reversed(layout.rows) if sweep % 2 else layout.rows:
            place = {key: i / max(len(r) - 1, 1) for r in layout.rows for i, key in enumerate(r)}
            mean = {k: sum(place[n] for n in near[k]) / len(near[k]) if k in near else place[k] for k in row}
            row.sort(key=mean.__getitem__)


def _place(layout: _Layout) -> None:
    """Rows from top to bottom, each centred."""
    y = 0.0
    for row in layout.rows:
        tall = max(map(layout.height, row))
        x = -(sum(map(layout.width, row)) + GAP * (len(row) - 1)) / 2
        for key in row:
            layout.centre[key] = (x + layout.width(key) / 2, y + tall / 2)
            layout.tall[key] = tall
            x += layout.width(key) + GAP
        y += tall + ROW_GAP


# ---- what it looks like


def _edge(layout: _Layout, path: list[object]) -> str:
    (x, y), *others = (layout.centre[key] for key in path)
    y += layout.height(path[0]) / 2
    drawn = f"M{x:.1f} {y:.1f}"
    for key, (nx, ny) in zip(path[1:], others, strict=True):
        ny -= layout.height(key) / 2
        half = (ny - y) / 2
        drawn += f" C{x:.1f} {y + half:.1f} {nx:.1f} {ny - half:.1f} {nx:.1f} {ny:.1f}"
        x, y = nx, ny
        if key not in layout.nodes:  # straight through the row
            y += layout.height(key)
            drawn += f" V{y:.1f}"
    return f'<path d="{drawn}" fill="none" stroke="#868e96" stroke-width="1.2" marker-end="url(#tip)"/>'


def _box(node: Node, x: float, y: float) -> str:
    left, top = x - node.width / 2, y - node.height / 2
    corner = node.height / 2 if node.rounded else 4
    tip = f"<title>{escape(node.tip)}</title>" if node.tip else ""
    rows = []
    for i, line in enumerate(node.lines):
        weight = ' font-weight="bold"' if i == 0 else ""
        rows.append(f'<tspan x="{x:.1f}" y="{top + PAD + LINE * (i + 0.78):.1f}"{weight}>{escape(line)}</tspan>')
    return (
        f'<g>{tip}<rect x="{left:.1f}" y="{top:.1f}" width="{node.width:.1f}" height="{node.height:.1f}"'
        f' rx="{corner:.1f}" fill="{escape(node.fill)}" stroke="{escape(node.edge)}"/>'
        f'<text font-size="11" text-anchor="middle" fill="{escape(node.ink)}">{"".join(rows)}</text></g>'
    )


def _legend(legend: Sequence[tuple[str, str]], x: float, y: float) -> Iterable[str]:
    for colour, meaning in legend:
        yield f'<rect x="{x:.0f}" y="{y - 10:.0f}" width="12" height="12" rx="3" fill="{colour}" stroke="#868e96"/>'
        yield f'<text x="{x + 17:.0f}" y="{y:.0f}" font-size="11">{escape(meaning)}</text>'
        x += 34 + WIDE * len(meaning)


# ---- graphs in the DOT language

_ATTRIBUTE = re.compile(r"""(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([\w.#-]+))""")
_NODE = re.compile(r"^\s*(\w+)\s*\[(.*)\];?\s*$")
_EDGE = re.compile(r"^\s*(\w+)\s*->\s*(\w+)\s*(?:\[.*\])?;?\s*$")
_OTHER = re.compile(
    r"^\s*(?:(?:strict\s+)?digraph\s*\w*\s*\{|\}|\w+\s*=\s*[^;]+;?|(?:node|edge|graph)\s*\[.*\];?|)\s*$"
)


def dot(text: str, name: str) -> str:
    """The picture of a graph in the part of the DOT language that `graph_to_dot` writes: one node or edge a line.

    Raises:
        UserError: a line is something else; `name` says of which file.
    """
    nodes: dict[str, Node] = {}
    edges: list[tuple[str, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if found := _EDGE.match(line):
            edges.append((found[1], found[2]))
        elif _OTHER.match(line):
            continue
        elif found := _NODE.match(line):
            nodes[found[1]] = _dot_node(found[1], found[2])
        else:
            raise UserError(message("draw.not_dot", file=name, line=number, text=line.strip()[:60]))
    if not nodes and not edges:
        raise UserError(message("draw.empty", file=name))
    for key in (key for edge in edges for key in edge):
        nodes.setdefault(key, Node(key, (key,)))
    return svg(nodes.values(), edges)


def _dot_node(key: str, attributes: str) -> Node:
    told = {a[1]: re.sub(r"\\(.)", r"\1", a[2].replace("\\n", "\n")) if a[2] is not None else a[3]
            for a in _ATTRIBUTE.finditer(attributes)}  # fmt: skip
    lines = tuple(told.get("label", key).split("\n"))
    return Node(key, lines, fill=told.get("fillcolor", "#ffffff"), rounded=told.get("shape", "ellipse") == "ellipse")
