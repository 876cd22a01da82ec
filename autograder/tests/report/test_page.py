"""The page: nothing that a student wrote becomes markup, everybody can read it, and it shows what the student sees."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from html import unescape
from itertools import pairwise

import pytest

from autograder.report import page
from autograder.report.page import TEMPLATES
from autograder.tests.report.conftest import BATCH, EVIL, Made, Tree

KNOWN = {
    "html", "head", "meta", "title", "style", "body", "a", "header", "main", "footer", "nav", "section", "article", "h1",
    "h2", "h3", "h4", "p", "ul", "li", "dl", "dt", "dd", "div", "span", "table", "caption", "thead", "tbody", "tr", "th",
    "td", "figure", "figcaption", "details", "summary", "pre", "mark", "bdi", "br", "svg", "desc", "rect", "line", "text",
}  # fmt: skip


# Nothing of a student's becomes markup.


def test_only_the_page_s_own_elements_are_there_and_none_has_a_handler(tree):
    assert {element.tag for element in tree.elements} <= KNOWN
    names = {name for element in tree.elements for name in element.attributes}
    assert not [name for name in names if name.startswith("on") or name in ("src", "srcdoc", "action", "formaction")]
    assert len(tree.all("html", "head", "body", "main")) == 4


def test_every_link_goes_to_a_place_on_the_page_and_every_place_is_one(tree):
    ids = Counter(element.attributes["id"] for element in tree.elements if "id" in element.attributes)
    assert max(ids.values()) == 1
    links = [element.attributes["href"] for element in tree.all("a")]
    assert links
    assert all(link.startswith("#") and link[1:] in ids for link in links)
    named = [
        name
        for element in tree.elements
        for attribute in ("aria-labelledby", "aria-describedby")
        for name in element.attributes.get(attribute, "").split()
    ]
    assert named and set(named) <= set(ids)


def test_the_page_asks_the_network_for_nothing_and_may_not(made, tree):
    policy = next(e.attributes["content"] for e in tree.all("meta") if "http-equiv" in e.attributes)
    assert policy.startswith("default-src 'none'; ")
    assert "script" not in policy and "img-src" not in policy
    own = (TEMPLATES / "style.css").read_text() + "".join(p.read_text() for p in TEMPLATES.glob("*.j2"))
    assert not re.search(r"https?://|url\(|@import|<script|<link|<img", own)


def test_hostile_text_is_shown_as_it_is(made, tree):
    text = " ".join(e.text for e in tree.all("main"))
    assert text.count("<script>alert(1)</script>") >= 4  # printed, raised, compiled, broken, marked
    assert "Ann <script>alert('name')</script> Lee" in text
    assert 'Eve"><img src=x onerror=alert(3)>' in text
    assert "Zed <b>Nobody</b>" in text
    assert "<script" not in made.html


def test_characters_that_hide_or_turn_text_are_made_visible(made):
    assert not [c for c in made.html if not c.isprintable() and c not in "\n\t"]
    assert "�evil�" in made.html


def test_every_field_of_the_report_is_escaped(made):
    """Each text of one student's records in turn is a piece of markup; none comes through."""
    entry = next(e for e in made.report.graded if e.matches)
    odd = "<i>odd</i>"
    seen = tuple(replace(c, number=odd, name=odd, status=odd, output=odd, detail=odd) for c in entry.seen)
    attempt = replace(entry.attempt, label=odd, rejected=odd, state="graded", explanation=odd)
    changed = replace(entry, names=(odd,), output=odd, shown_when=odd, seen=seen, attempt=attempt)
    student = next(p for p in made.report.students if p.entry == entry)
    cases = tuple(replace(c, title=odd, number="1.1", file=odd) for c in made.report.cases)
    report = replace(
        made.report,
        entries=tuple(changed if e == entry else e for e in made.report.entries),
        students=(replace(student, name=odd, known_as=(odd,), status=odd, entry=changed),),
        cases=cases, together=(cases,), never=cases, faults=(), likeness=None,
        held=tuple(replace(h, entries=((changed, 0.9),), alike=frozenset({odd})) for h in made.report.held),
    )  # fmt: skip
    report = replace(report, entries=(changed,))
    text = page.render(report)
    assert text.count("&lt;i&gt;odd&lt;/i&gt;") > 20
    assert odd not in text
    Tree(text)


# Everybody can read it.


def test_headings_follow_each_other_without_a_gap(tree):
    levels = [int(element.tag[1]) for element in tree.all("h1", "h2", "h3", "h4")]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_tables_have_a_caption_and_their_headers_a_scope(tree):
    tables = tree.all("table")
    assert len(tables) >= 6
    assert len(tree.all("caption")) == len(tables)
    assert all(element.attributes.get("scope") in ("col", "row") for element in tree.all("th"))


def test_drawings_have_a_name_and_a_description_and_their_numbers_in_a_table(tree):
    drawings = tree.all("svg")
    assert len(drawings) == 3
    for drawing in drawings:
        assert drawing.attributes["role"] == "img"
        assert len(drawing.attributes["aria-labelledby"].split()) == 2
    assert all("table" in figure.text for figure in tree.all("figure"))


def test_what_scrolls_can_be_reached_by_keyboard_and_has_a_name(tree):
    regions = [e for e in tree.elements if e.attributes.get("class") in ("scroll", "code")]
    assert {e.tag for e in regions} == {"div", "pre"}
    assert all(e.attributes["tabindex"] == "0" and e.attributes["role"] in ("region", "group") for e in regions)
    assert all(e.attributes.get("aria-labelledby") or e.attributes.get("aria-label") for e in regions)
    first = tree.all("a")[0]
    assert (first.attributes["class"], first.attributes["href"]) == ("skip", "#main")


def test_the_page_has_a_language_a_viewport_and_a_title(tree):
    assert tree.all("html")[0].attributes["lang"] == "en"
    assert "width=device-width" in [e.attributes["content"] for e in tree.all("meta") if "name" in e.attributes][-1]
    assert tree.all("title")[0].text == "a01 Numbers: report"


def _luminance(colour: str) -> float:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_stands_out_from_its_ground_in_both_schemes(scheme):
    """WCAG 2.2: 4.5 for text, 3 for drawings."""
    style = (TEMPLATES / "style.css").read_text()
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(blocks) == 2 and "prefers-color-scheme: dark" in style
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", blocks[scheme]))
    for ground in ("paper", "raised"):
        for ink in ("ink", "soft", "link", "good", "bad", "warn"):
            assert _contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    assert _contrast(colours["mark-ink"], colours["mark"]) >= 4.5
    assert _contrast(colours["bar"], colours["paper"]) >= 3


# It shows what is so.


def _section(made: Made, name: str) -> str:
    """The plain text of one student's section."""
    number = next(p.number for p in made.report.students if name in (p.name, *p.known_as))
    html = re.search(rf'<article id="student-{number}".*?</article>', made.html, re.DOTALL)
    return unescape(re.sub(r"<[^>]*>", "", html.group()))


def test_a_student_s_section_holds_what_the_student_sees(made):
    for name in ("ann", "ben", "dan", "gil"):
        results = json.loads((made.out / name / "results.json").read_text())
        section = _section(made, name)
        assert f"{results['score']:g} of 10" in section
        for text in (results["output"], *(row["output"] for row in results["tests"])):
            assert text.replace("​", "�") in section
        for row in results["tests"]:
            assert f"{row['number']} {row['name']} {row['score']:g}/{row['max_score']:g}" in section


def test_the_staff_reads_more_than_the_student_of_a_hidden_case(made):
    section = _section(made, "cy")
    story = section.split("For staff: the full story of 2.2")[1]
    assert "asked:" in story and "expected:" in story


def test_grader_errors_come_first_and_have_no_score(made, tree):
    headings = [element.text for element in tree.all("h2")]
    assert headings[0] == "Grader errors"
    assert "The grader failed on 1 submission." in made.html
    assert "grade it alone, so that it has the machine to itself" in made.html
    assert re.search(r"sick</bdi></a></th><td>grader error</td>\s*<td class=\"n\"></td>", made.html)


def test_everybody_is_listed_once(made):
    assert len(made.report.students) == len(BATCH) + 1
    assert made.html.count("<article ") == len(BATCH) + 1
    assert [p.known_as for p in made.report.missing] == [("zed@example.org", "zed")]
    assert [e.attempt.label for e in made.report.rejected] == ["lea"]


def test_the_numbers_are_those_of_the_batch(made):
    report = made.report
    assert report.scores.count == 8
    by_key = {case.key: case for case in report.cases}
    assert by_key["double.integers"].failed == 4  # ben, dan, eve, odd
    assert by_key["mean.matrix"].blank == 1  # fay
    assert [[case.key for case in group] for group in report.together] == [
        ["double.integers", "double.matrix"], ["mean.matrix", "mean.same"],
    ]  # fmt: skip
    assert [case.key for case in report.never] == ["mean.vector"]
    assert report.unexplained == 0


def test_misconceptions_are_ranked_by_who_holds_them_and_mixtures_count_for_both(made):
    held = {h.misconception.id: {entry.attempt.label for entry, _ in h.entries} for h in made.report.held}
    assert held["rows_only"] == {"cy", "dan", "gil"}
    assert {"ben", "dan"} <= held["squares"]
    counts = [len(h.entries) for h in made.report.held]
    assert counts == sorted(counts, reverse=True)


def test_a_copy_under_other_names_stands_side_by_side(made):
    (cluster,) = made.report.likeness.clusters
    assert {made.report.entry(n).attempt.label for n in cluster.members} == {"fay", "gil"}
    assert made.html.count('<pre class="code"') == 2
    assert "<mark>    step_1 = x * 1 + np.sum(x) - 1</mark>" in made.html
    assert "<mark>    schritt_1 = x * 1 + np.sum(x) - 1</mark>" in made.html


def test_the_attack_is_in_the_batch():
    assert sum(EVIL in text or repr(EVIL) in text for text in BATCH.values()) >= 3
