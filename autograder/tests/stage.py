"""A miniature course with milestones, for their tests: the miniature course and a third assignment, sung by a choir.

`choir` runs on a01_numbers, a02_words and a03_songs; `hurried` is the same under limits of its own. `later` needs an
assignment that is not written, `unjudged` is declared only.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from autograder.course import Course, load_course
from autograder.tests import minicourse

NUMBERS, WORDS, SONGS, EXTRA = (f"tinytorch/core/{name}.py" for name in ("tensor", "activations", "layers", "losses"))
LABELS = "LABEL-41-LABEL-7-LABEL-19"
CONTROL = "CONTROL-OF-THE-SEARCH"

DECLARED = """\
  - {key: a03_songs, title: Songs, question: "Can I sing?", part: one, writes: [tinytorch/core/layers.py],
     requires: [a02_words], points: 4, due: 2027-03-01T12:00:00}
  - {key: a04_extra, title: Extra, question: "More?", part: one, writes: [tinytorch/core/losses.py],
     requires: [a03_songs], points: 4, due: 2027-04-01T12:00:00}
milestones:
  - {key: choir, year: 1957, title: Choir, question: "Does it sing?", requires: [a03_songs], must_reach: every song,
     limits: {case_seconds: 20, import_seconds: 20, memory_mb: 320}}
  - {key: hurried, year: 1958, title: Hurried, question: "Fast?", requires: [a03_songs], must_reach: every song in time,
     limits: {case_seconds: 1.5, import_seconds: 1.5, memory_mb: 1500}}
  - {key: later, year: 1959, title: Later, question: "Not yet?", requires: [a04_extra], must_reach: nothing}
  - {key: unjudged, year: 1960, title: Unjudged, question: "Who judges?", requires: [a01_numbers], must_reach: nothing}
"""

SOLUTION = '''
"""Songs."""

from tinytorch.core.activations import shout


def sing(n):
    """Two shouts."""
    # BEGIN SOLUTION
    return f"{shout(n)} {shout(n)}"
    # END SOLUTION
'''

PROGRAM = f'''
"""The choir's program. {CONTROL}"""

from tinytorch.core.layers import sing


def perform(numbers):
    print("the choir sings", flush=True)
    return [sing(n) for n in numbers]
'''

PROBES = '''
"""Has the choir sing."""

from tinytorch.milestones import choir as program


def perform(numbers):
    return {"songs": program.perform(numbers), "numbers": numbers}
'''

TESTS = '''
"""The choir is heard. How loud a song has to be, the judge reads from a file of its own."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "choir"
title = "Choir"
points = None


def _labels(datasets):
    return (datasets.folder("secret") / "labels.txt").read_text().split("-")[1::2]


@test_case(name="sings what it is asked to", points=60)
def sings(student, rng):
    numbers = rng.integers(1, 9, size=3).tolist()
    answer = student.perform(numbers)
    expect.equal(answer["songs"], [f"{'!' * (2 * n)} {'!' * (2 * n)}" for n in numbers])


@test_case(name="nobody knows the labels", points=40)
def secret(student, rng, datasets):
    answer = student.perform([1])
    expect.equal(answer["songs"], ["!! !!"])
    expect.true(str(_labels(datasets)) not in str(answer["songs"]), "the labels stay with the judge")
'''

# Draws without matplotlib, which takes a second to import.
PICTURE = '''
"""Draws a song. The frame is there, nothing of an assignment."""

from pathlib import Path

from tinytorch import _names


class Figure:
    def __init__(self, text):
        self.text = text

    def savefig(self, path, dpi):
        Path(path).write_text(self.text)


def draw(answers, save):
    songs = answers["perform"]["songs"]
    save("first", Figure(songs[0].upper() + str(_names.absent(2))))
    save("all", Figure(", ".join(songs)))
'''


def write(root: Path) -> Course:
    """Write the course below `root`."""
    minicourse.write(root)
    text = (root / "course.yaml").read_text()
    head, _, _ = text.partition("milestones:\n")
    (root / "course.yaml").write_text(head + DECLARED)
    put(root / "solutions" / "a03_songs" / SONGS, SOLUTION)
    put(root / "tinytorch_ref" / "tinytorch" / "milestones" / "__init__.py", '"""Programs."""\n')
    put(root / "tinytorch_ref" / "tinytorch" / "milestones" / "choir.py", PROGRAM)
    put(root / "datasets" / "secret" / "labels.txt", LABELS)
    for name in ("choir", "hurried"):
        put(root / "milestones" / name / "tests" / "probes.py", PROBES)
        put(root / "milestones" / name / "tests" / "test_choir.py", TESTS)
        put(root / "milestones" / name / "picture.py", PICTURE)
    return load_course(root)


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")


def zipped(path: Path, files: Mapping[str, str | bytes]) -> Path:
    """A submission with these files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


# A student's own layers. Each prints whose it is when it is used.


def numbers(body: str = "return 2 * x", top: str = "") -> str:
    return (
        f"{top}\ndef double(x):\n    print('double of ann')\n    {body}\n\n\ndef mean(x):\n    return sum(x) / len(x)\n"
    )


def words(body: str = "return '!' * double(n)", top: str = "") -> str:
    return f"from tinytorch.core.tensor import double\n{top}\n\ndef shout(n):\n    print('shout of ann')\n    {body}\n"


def songs(body: str = "return ' '.join([shout(n)] * 2)", top: str = "") -> str:
    return (
        f"from tinytorch.core.activations import shout\n{top}\n\ndef sing(n):\n    print('sing of ann')\n    {body}\n"
    )
