"""What is in a folder of uploads, and whose it is."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

import pytest

from autograder.batch.models import Person, Shelf
from autograder.batch.sources import open_shelf
from autograder.course import Course
from autograder.errors import UserError


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if name.endswith("/") else path.touch()
    return folder


def shelf(folder: Path, course: Course) -> Shelf:
    return open_shelf(folder, course.assignment("a01"))


def people(found: Shelf) -> dict[str, Person]:
    return {upload.path.name: upload.people[0] for upload in found.uploads}


# A plain folder.


def test_in_a_plain_folder_the_file_s_name_says_whose_it_is(mini, tmp_path):
    names = {
        "ann.zip": Person(login="ann"),
        "ben.lee@uni.edu.zip": Person(email="ben.lee@uni.edu"),
        "cy_a01_submission.zip": Person(login="cy"),
        "dee-A01.ipynb": Person(login="dee"),
        "a01_numbers_eve.zip": Person(login="eve"),
        "a01_submission.zip": Person(login="a01_submission"),
        "a010.zip": Person(login="a010"),
        "fay/": Person(login="fay"),
        "gus.tar.zip": Person(login="gus.tar"),
        "HAL.ZIP": Person(login="HAL"),
    }
    assert people(shelf(fill(tmp_path, *names), mini)) == {name.rstrip("/"): who for name, who in names.items()}


def test_clutter_is_passed_over_and_what_is_no_upload_is_named(mini, tmp_path):
    fill(tmp_path, "ann.zip", ".hidden.zip", "__MACOSX/", ".DS_Store", "notes.txt", "ben.rar")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "nowhere.py").symlink_to(tmp_path / "gone")
    found = shelf(tmp_path, mini)
    assert list(people(found)) == ["ann.zip"]
    assert [note.split(" ")[0] for note in found.notes] == ["ben.rar", "notes.txt", "nowhere.py", "pipe"]


@pytest.mark.parametrize("names", [(), ("notes.txt",), (".x.zip",)])
def test_a_folder_without_uploads_is_an_error(names, mini, tmp_path):
    with pytest.raises(UserError, match="holds no zip, notebook or folder"):
        shelf(fill(tmp_path, *names), mini)


# Canvas.


def test_canvas_names_give_the_name_the_number_and_the_mark_for_late(mini, tmp_path):
    names = {
        "leeann_4711_900_a01_submission.zip": ("leeann", "4711", False),
        "lee_ann_LATE_4712_901_work.zip": ("lee_ann", "4712", True),
        "o'neilben_4713_902_a01_submission-1.zip": ("o'neilben", "4713", False),
        "late_LATE_4714_903_LATE_1_2_x.zip": ("late", "4714", True),
    }
    found = shelf(fill(tmp_path, *names), mini)
    assert found.kind == "Canvas download"
    got = {u.path.name: (u.people[0].name, u.people[0].canvas, u.marked_late) for u in found.uploads}
    assert got == names


def test_a_canvas_student_who_sent_only_something_else_is_not_lost(mini, tmp_path):
    fill(tmp_path, "leeann_1_10_a.zip", "leeann_1_11_photo.png", "poeben_2_12_essay.pdf", "poeben_2_13_more.pdf")
    found = shelf(tmp_path, mini)
    assert list(people(found)) == ["leeann_1_10_a.zip", "poeben_2_12_essay.pdf"]
    assert [note.split(" ")[0] for note in found.notes] == ["leeann_1_11_photo.png", "poeben_2_13_more.pdf"]


def test_two_canvas_students_of_one_name_are_two(mini, tmp_path):
    found = shelf(fill(tmp_path, "leeann_1_10_a.zip", "leeann_2_11_a.zip"), mini)
    assert len({upload.people for upload in found.uploads}) == 2
    assert len({upload.label for upload in found.uploads}) == 2


# Gradescope.

METADATA = """
---
submission_100:
  :submitters:
  - :name: Ann Lee
    :sid: '0042'
    :email: ann@uni.edu
  :created_at: 2027-01-01 10:59:58.512345678 Z
  :score: 7.0
  :status: processed
  :results: !ruby/hash:ActiveSupport::HashWithIndifferentAccess
    output: 2027-02-31
    tests:
    - name: "a student's text: !ruby/object:Kernel"
      output: .nan
  :history:
  - :id: 90
    :created_at: 2026-12-31 23:00:00.000000000 Z
    :score: 3.5
  - :id: 91
    :created_at: 2027-01-01 09:00:00.000000000 +01:00
    :score:
  - :id: 100
    :created_at: 2027-01-01 10:59:58.512345678 Z
    :score: 7.0
submission_101:
  :submitters:
  - :name: Ben Poe
    :sid:
    :email: ben@uni.edu
  - :name: Cy Fox
    :sid: '77'
    :email: cy@uni.edu
  :created_at: 2027-01-01 12:00:00.000000000 -05:00
submission_102:
  :submitters: []
  :created_at: yesterday
submission_103:
  :submitters:
  - :name: Gone
    :email: gone@uni.edu
"""


@pytest.fixture
def export(tmp_path: Path) -> Path:
    (tmp_path / "submission_metadata.yml").write_text(METADATA)
    return fill(tmp_path, "submission_100/x", "submission_101.zip", "submission_102/x", "stray.zip", "notes.txt")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=timezone.utc)


def test_gradescope_s_metadata_says_who_when_and_what_came_before(export, mini):
    found = shelf(export, mini)
    assert found.kind == "Gradescope export"
    ann = Person("Ann Lee", "ann@uni.edu", "0042")
    ben, cy = Person("Ben Poe", "ben@uni.edu"), Person("Cy Fox", "cy@uni.edu", "77")
    assert [(u.key, u.path.name, u.people, u.submitted) for u in found.uploads] == [
        ("submission_100", "submission_100", (ann,), utc(2027, 1, 1, 10, 59, 58, 512345)),
        ("submission_101", "submission_101.zip", (ben, cy), utc(2027, 1, 1, 17)),
        ("submission_102", "submission_102", (Person(login="submission_102"),), None),
        ("stray.zip", "stray.zip", (Person(login="stray"),), None),
    ]
    assert [(e.people, e.submitted, e.score) for e in found.earlier] == [
        ((ann,), utc(2026, 12, 31, 23), 3.5),
        ((ann,), utc(2027, 1, 1, 8), None),
    ]
    assert [note.split(" ")[0] for note in found.notes] == [
        "submission_102:",
        "submission_103",
        "notes.txt",
        "stray.zip",
    ]
    assert "Gone is in submission_metadata.yml but not in the folder" in found.notes[1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "cannot be read"),
        ("- a\n- b\n", "is not what Gradescope exports"),
        ("a: 1\n", "is not what Gradescope exports"),
        ("\x00", "cannot be read"),
        ("", "is not what Gradescope exports"),
    ],
)
def test_metadata_that_cannot_be_read_is_an_error_and_no_plain_folder(text, words, export, mini):
    (export / "submission_metadata.yml").write_text(text)
    with pytest.raises(UserError, match=words):
        shelf(export, mini)


@pytest.mark.parametrize(
    "entry",
    [":submitters: 3", ":submitters: [1, [], {}]", ":history: {a: 1}", ":history: [1, {':created_at': x}]", "x: y"],
)
def test_odd_entries_are_graded_under_the_submission_s_own_name(entry, export, mini):
    (export / "submission_metadata.yml").write_text(f"submission_100:\n  {entry}\n")
    found = shelf(export, mini)
    assert found.uploads[0].people == (Person(login="submission_100"),)
    assert found.earlier == ()
