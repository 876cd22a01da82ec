"""The parts of the course site that need no Sphinx: docstrings as Markdown, and where the boxes of the map stand."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from autograder.course import load_course
from autograder.site.course_map import course_map, nodes_of
from autograder.site.docstrings import escaped, markdown
from autograder.site.layout import arrange

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("text, wanted", [
    ("x * 2 * y", r"x \* 2 \* y"),
    ("`x * 2` and a_b_c", r"`x * 2` and a\_b\_c"),
    ("% of all", r"\% of all"),
    ("[a, b) <= c", r"\[a, b) \<= c"),
])  # fmt: skip
def test_signs_of_markdown_are_escaped_outside_of_code(text, wanted):
    assert escaped(text) == wanted


def test_sections_become_lists_and_an_example_stays_code():
    made = markdown("Adds.\n\nArgs:\n    x: shape (N,),\n        or a number. y: the other.\n\nRaises:\n    ValueError: no.\n")
    assert made.startswith("Adds.\n")
    assert "**Args**\n\n- `x`: shape (N,), or a number.\n- `y`: the other." in made
    assert "**Raises**\n\n- `ValueError`: no." in made


def test_indented_code_in_a_docstring_is_left_alone():
    assert "    x = a * b * c\n" in markdown("Use it:\n\n    x = a * b * c\n\nand go on * here *.")


def test_boxes_stand_below_what_they_need_and_never_on_each_other():
    nodes = nodes_of(load_course(ROOT), lambda subject: "")
    layout = arrange({node.key: node.needs for node in nodes})
    for node in nodes:
        for need in node.needs:
            assert layout.nodes[need][1] < layout.nodes[node.key][1]
            places = layout.edges[need, node.key]
            assert places[0] == layout.nodes[need] and places[-1] == layout.nodes[node.key]
            assert [row for _, row in places] == list(range(places[0][1], places[-1][1] + 1))
    for (x1, row1), (x2, row2) in combinations(layout.nodes.values(), 2):
        assert row1 != row2 or abs(x1 - x2) > 0.999
    for places in layout.edges.values():
        for x, row in places[1:-1]:  # a long line passes between the boxes, not over them
            assert all(row != other or abs(x - box) > 0.5 for box, other in layout.nodes.values())
    assert all(0.49 < x < layout.width - 0.49 for x, _ in layout.nodes.values())


def test_the_same_course_gives_the_same_picture_and_it_fits_into_markdown():
    course = load_course(ROOT)
    drawn = course_map(course, lambda subject: f"{subject.key}.html")
    assert drawn == course_map(course, lambda subject: f"{subject.key}.html")
    assert "\n\n" not in drawn and drawn.startswith("<figure")
