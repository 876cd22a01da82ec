"""A graded batch on the miniature course, hostile in every place where a student's text can come in, and its report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest

from autograder.batch import run
from autograder.batch import work as unit
from autograder.batch.digest import course_digest
from autograder.batch.gradebook import Gradebook
from autograder.batch.work import Outcome, Setting, Work
from autograder.course import Course
from autograder.report import page
from autograder.report.gather import Report, gather
from autograder.tests.attacks.uploads import zipped
from autograder.tests.minicourse import numbers

TENSOR = "tinytorch/core/tensor.py"
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)></pre></details></body>"
TURNED = "‮evil​"
NAMES = {"ann": "Ann <script>alert('name')</script> Lee", "eve": f'Eve"><img src=x onerror=alert(3)> {TURNED}'}
LONG = "".join(f"    step_{n} = x * {n} + np.sum(x) - {n * n}\n" for n in range(12))
COPIED = f"{LONG}    return np.asarray(x) * 2 if step_1 is not None else x"

BATCH = {
    "ann": numbers(),
    "ben": numbers(double="return np.asarray(x) ** 2"),
    "cy": numbers(mean="return np.sum(x) / len(x)"),
    "dan": numbers(double="return np.asarray(x) ** 2", mean="return np.sum(x) / len(x)"),
    "eve": numbers(double=f"print({EVIL!r}); raise ValueError({EVIL!r} + {TURNED!r})"),
    "fay": numbers(double=COPIED, mean="raise NotImplementedError"),
    "gil": numbers(double=COPIED.replace("step_", "schritt_") + "  # mine", mean="return np.sum(x) / len(x)"),
    "odd&<b>": numbers(double=f"return {EVIL!r}"),
    "lea": f"def double(:  # {EVIL}\n",
    "sick": numbers(),
}
ROSTER = "login,name,email\n" + "".join(
    '{},"{}",{}@example.org\n'.format(login, name.replace('"', '""'), login) for login, name in NAMES.items()
) + 'zed,"Zed <b>Nobody</b>",zed@example.org\n'  # fmt: skip


class Judges:
    """Real judges in this process; on one upload the grader breaks."""

    def __init__(self, setting: Setting):
        self.setting = setting

    def run(self, works: list[Work]) -> Iterator[tuple[Work, Outcome]]:
        for work in works:
            if Path(work.source).name == "sick.zip":
                yield work, unit.failed(self.setting, work, f"the judge broke on {EVIL}")
            else:
                yield work, unit.grade_one(self.setting, work)


@dataclass(frozen=True)
class Made:
    """A finished batch: its folder of results, the report on it and the page."""

    out: Path
    report: Report
    html: str


@pytest.fixture(scope="session")
def made(mini: Course, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    root = tmp_path_factory.mktemp("report")
    (root / "uploads").mkdir()
    for name, text in BATCH.items():
        zipped(root / "uploads", [(TENSOR, text)]).rename(root / "uploads" / f"{name}.zip")
    (root / "roster.csv").write_text(ROSTER, encoding="utf-8")
    assignment = mini.assignment("a01")
    order = run.Order(root / "uploads", root / "out", roster=root / "roster.csv")
    setting = Setting(str(mini.root), assignment.key, course_digest(mini, assignment))
    with run.opened(order) as book:
        plan = run.make_plan(book, mini, assignment, order)
        run.grade_all(book, mini, plan, Judges(setting), order.out, lambda attempt, outcome: None)
        ann = book.directory().find("ann").id
        book.add_marks([(assignment.key, ann, 8.0, f"good {EVIL}")])
    unit.close()
    with Gradebook(order.out / "gradebook.sqlite") as book:
        report = gather(book, mini, assignment, order.out)
    yield Made(order.out, report, page.render(report))


@dataclass
class Element:
    """One element of a page: its name, attributes and text, and where it stands."""

    tag: str
    attributes: dict[str, str]
    parents: tuple[str, ...]
    text: str = ""


class Tree(HTMLParser):
    """The elements of a page, in order. Fails on an end tag that does not fit."""

    VOID = ("meta", "br", "rect", "line", "link", "img")

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self.open: list[Element] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, tuple(e.tag for e in self.open))
        self.elements.append(element)
        if tag not in self.VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}, ()))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data

    def all(self, *tags: str) -> list[Element]:
        return [element for element in self.elements if element.tag in tags]


@pytest.fixture(scope="session")
def tree(made: Made) -> Tree:
    return Tree(made.html)
