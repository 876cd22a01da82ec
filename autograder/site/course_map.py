"""The course map as a picture: which assignment stands on which, and where the milestones become possible.

Made from course.yaml alone, as SVG inside a page. Colours of text and ground are the page's own, so it is as readable
on a dark page as on a light one; the colours of the parts are of middle brightness. There are two drawings: rows of
boxes for a wide screen, and a list with arcs for a telephone; the style sheet shows one of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from textwrap import wrap

from autograder.course import Assignment, Course, Milestone
from autograder.site.layout import Layout, Place, arrange

COLOURS = ("#3b7dc4", "#2e8b57", "#b8621b", "#8a5cc2", "#b5476b", "#4f7a8a")
MILESTONE = "#a8851d"
BOX_WIDTH, BOX_HEIGHT, GAP, ROW = 132, 46, 14, 84
LINE, LINES_WIDTH = 34, 360  # of the narrow drawing

Href = Callable[[Assignment | Milestone], str]  # where a box leads; empty if there is no page


@dataclass(frozen=True)
class Node:
    """A box: what stands in it, its colour, whether it is a milestone, and where it leads."""

    key: str
    head: str
    title: str
    question: str
    colour: str
    milestone: bool
    href: str
    needs: tuple[str, ...]


def nodes_of(course: Course, href: Href) -> tuple[Node, ...]:
    """All assignments and milestones, each after what it needs."""
    parts = list(dict.fromkeys(a.part for a in course.assignments))
    colours = {part: COLOURS[number % len(COLOURS)] for number, part in enumerate(parts)}
    found = [
        Node(a.key, a.short, a.title, a.question, colours[a.part], False, href(a), a.requires)
        for a in course.assignments
    ]
    for m in course.milestones:
        node = Node(m.key, str(m.year), m.title, m.question, MILESTONE, True, href(m), m.requires)
        last = max(number for number, other in enumerate(found) if other.key in m.requires)
        found.insert(last + 1, node)
    return tuple(found)


def course_map(course: Course, href: Href) -> str:
    """HTML of both drawings and the legend. It holds no blank line, so that it may stand in Markdown as it is."""
    nodes = nodes_of(course, href)
    written = (
        f"Map of the course: {len(course.assignments)} assignments and {len(course.milestones)} milestones; a line"
        " leads from each assignment down to what stands on it. The table below the picture says the same in words."
    )
    parts = dict.fromkeys(a.part for a in course.assignments)
    legend = [(part, COLOURS[number % len(COLOURS)]) for number, part in enumerate(parts)] + [("milestone", MILESTONE)]
    lines = [
        '<figure class="course-map">',
        *_wide(nodes, written),
        *_narrow(nodes, written),
        '<figcaption class="course-legend">',
        *(f'<span><i style="background:{colour}"></i>{escape(part)}</span>' for part, colour in legend),
        "</figcaption>",
        "</figure>",
    ]
    return "\n".join(lines)


# ---- rows of boxes


def _wide(nodes: tuple[Node, ...], text: str) -> list[str]:
    layout = arrange({node.key: node.needs for node in nodes})
    width = round(layout.width * (BOX_WIDTH + GAP) + GAP)
    height = layout.rows * ROW - (ROW - BOX_HEIGHT) + 2 * GAP
    lines = [_opening("map-wide", width, height, text)]
    colours = {node.key: node.colour for node in nodes}
    milestones = {node.key for node in nodes if node.milestone}
    for (start, end), places in layout.edges.items():
        dashes = ' stroke-dasharray="4 4"' if end in milestones else ""
        lines.append(f'<path d="{_curve(places)}" fill="none" stroke="{colours[start]}" stroke-width="1.6"{dashes}/>')
    lines += [_box(node, layout) for node in nodes]
    return [*lines, "</svg>"]


def _point(place: Place) -> tuple[float, float]:
    """The middle of a place's upper edge in the drawing."""
    return GAP / 2 + place[0] * (BOX_WIDTH + GAP), GAP + place[1] * ROW


def _curve(places: tuple[Place, ...]) -> str:
    """From the lower edge of the first box to the upper edge of the last, straight through the rows between."""
    x, y = _point(places[0])
    y += BOX_HEIGHT
    path = [f"M{x:.1f} {y:.1f}"]
    for number, place in enumerate(places[1:], 1):
        nx, ny = _point(place)
        bend = (ny - y) / 2
        path.append(f"C{x:.1f} {y + bend:.1f} {nx:.1f} {ny - bend:.1f} {nx:.1f} {ny:.1f}")
        x, y = nx, ny
        if number < len(places) - 1:
            y += BOX_HEIGHT
            path.append(f"V{y:.1f}")
    return "".join(path)


def _box(node: Node, layout: Layout) -> str:
    middle, top = _point(layout.nodes[node.key])
    radius = BOX_HEIGHT / 2 if node.milestone else 6
    shape = (
        f'<rect x="{middle - BOX_WIDTH / 2:.1f}" y="{top:.1f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}"'
        f' rx="{radius:g}" class="map-box" stroke="{node.colour}"/>'
        f'<text x="{middle:.1f}" y="{top + 18:.1f}" class="map-head" text-anchor="middle">{escape(node.head)}</text>'
        f'<text x="{middle:.1f}" y="{top + 35:.1f}" class="map-title" text-anchor="middle">{escape(node.title)}</text>'
    )
    return _linked(node, shape)


# ---- a list with arcs


def _narrow(nodes: tuple[Node, ...], text: str) -> list[str]:
    at = {node.key: number for number, node in enumerate(nodes)}
    reach = max((at[node.key] - at[need] for node in nodes for need in node.needs), default=1)
    left, height = 96, len(nodes) * LINE + GAP
    lines = [_opening("map-narrow", LINES_WIDTH, height, text)]
    by_key = {node.key: node for node in nodes}
    for node in nodes:
        for need in node.needs:
            y1, y2 = (GAP + (at[key] + 0.5) * LINE - GAP / 2 for key in (need, node.key))
            depth = 12 + (left - 26) * ((at[node.key] - at[need]) / reach) ** 0.6
            dashes = ' stroke-dasharray="3 3"' if node.milestone else ""
            lines.append(
                f'<path d="M{left} {y1:.1f}C{left - depth:.1f} {y1:.1f} {left - depth:.1f} {y2:.1f} {left} {y2:.1f}"'
                f' fill="none" stroke="{by_key[need].colour}" stroke-width="1.3"{dashes}/>'
            )
    for node in nodes:
        y = GAP + (at[node.key] + 0.5) * LINE - GAP / 2
        mark = f'<circle cx="{left}" cy="{y:.1f}" r="5" class="map-dot" fill="{node.colour}" stroke="{node.colour}"/>'
        label = "\u2005".join(wrap(f"{node.head} {node.title}", 34)[:1])
        mark += f'<text x="{left + 14}" y="{y + 5:.1f}" class="map-line">{escape(label)}</text>'
        lines.append(_linked(node, mark))
    return [*lines, "</svg>"]


def _opening(name: str, width: float, height: float, text: str) -> str:
    return (
        f'<svg class="{name}" viewBox="0 0 {width:g} {height:g}" width="{width:g}" role="img"'
        f' aria-label="{escape(text)}" xmlns="http://www.w3.org/2000/svg">'
    )


def _linked(node: Node, shape: str) -> str:
    told = f"<title>{escape(f'{node.title}: {node.question}')}</title>"
    if not node.href:
        return f'<g class="map-unwritten">{told}{shape}</g>'
    return f'<a href="{escape(node.href)}" class="map-link">{told}{shape}</a>'


def plain(text: str) -> str:
    """A cell of a Markdown table."""
    return re.sub(r"([|*_<>])", r"\\\1", text)
