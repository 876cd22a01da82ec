"""`tito new`: one folder and one entry make an assignment; `tito validate --changed` knows which have to be tried."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from autograder import build, hints
from autograder.course import load_course
from autograder.errors import UserError
from autograder.messages import message
from autograder.release import contents, traces
from autograder.scaffold import Plan, new, with_entry
from autograder.tests import minicourse
from autograder.validate.changed import changed, concerned
from autograder.validate.gate import Plan as Trial
from autograder.validate.gate import validate

COMMENTED = """\
# The course.
assignments:

  - key: a01_one      # the first
    due: 2027-01-01T12:00:00   # noon

  # and the second
  - key: a02_two
    writes: [a,
      b]   # both

# what follows
milestones: []
"""


@pytest.fixture
def course(tmp_path):
    return load_course(minicourse.write(tmp_path / "course"))


def test_one_folder_and_one_entry_build_validate_and_release(course, tito, monkeypatch):
    before = {path: path.read_bytes() for path in course.root.rglob("*") if path.is_file()}
    monkeypatch.setenv("TITO_COURSE", str(course.root))
    status, _, err = tito("new", "a03_shapes", "--title", "Shapes: of things", "--requires", "a02,a01_numbers")
    assert (status, err) == (0, "")
    root = course.root
    untouched = {path: data for path, data in before.items() if path != root / "course.yaml"}
    assert {path: path.read_bytes() for path in untouched} == untouched
    new_files = {p.relative_to(root).parts[:2] for p in root.rglob("*") if p.is_file() and p not in before}
    assert new_files == {("solutions", "a03_shapes")}
    course = load_course(root)
    made = course.assignment("a03")
    assert (made.title, made.requires) == ("Shapes: of things", ("a02_words", "a01_numbers"))
    build.build(course)
    report = validate(course, made, Trial(mutants=None, full=True, labs=False, write=True))
    assert report.problems == []
    assert (report.cases, report.misconceptions, report.survivors) == (4, 2, [])
    assert validate(course, made, Trial(mutants=3, labs=False)).problems == []
    release = contents(course, made)
    assert traces(course, release) == []
    assert json.loads(hints.shipped(course, made))["ideas"]


def test_the_entry_goes_to_the_end_of_the_list_and_no_other_line_changes():
    text = with_entry(COMMENTED, ("key: a03_three", "points: 5"))
    added = ["", "  - key: a03_three", "    points: 5"]
    lines = text.split("\n")
    at = lines.index("      b]   # both") + 1
    assert lines[at : at + 3] == added
    assert lines[:at] + lines[at + 3 :] == COMMENTED.split("\n")


@pytest.mark.parametrize("text", ["assignments: []\n", "assignments: [{key: a}]\n", "name: x\n"])
def test_a_list_that_is_not_one_dash_an_entry_is_left_to_people(text):
    with pytest.raises(UserError) as error:
        with_entry(text, ("key: a",))
    assert str(error.value) == message("new.no_place")


def test_what_cannot_be_made_is_told_and_nothing_is_written(course):
    before = sorted(course.root.rglob("*"))
    known = "a01_numbers, a02_words"
    (course.solution("a05_there")).mkdir()
    for plan, told in {
        Plan("shapes", "S"): message("new.bad_key", key="shapes", example="a03_something"),
        Plan("a02_more", "S"): message("new.taken", what="a02_words"),
        Plan("a05_there", "S"): message("new.taken", what="solutions/a05_there"),
        Plan("a03_more", "S", ("a09",)): message("new.unknown", key="a03_more", needed="a09", known=known),
    }.items():
        with pytest.raises(UserError) as error:
            new(course, plan)
        assert str(error.value) == told
    with pytest.raises(UserError, match=r"tinytorch/core/tensor.py is written by both a01_numbers and a03_more"):
        new(course, Plan("a03_more", "S", writes="tinytorch/core/tensor.py"))
    course.solution("a05_there").rmdir()
    assert sorted(course.root.rglob("*")) == before


# validate --changed


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("solutions/a01_numbers/tinytorch/core/tensor.py", ["a01_numbers", "a02_words"]),
        ("solutions/a01_numbers/tests/test_mean.py", ["a01_numbers"]),
        ("assignments/a02_words/README.md", ["a02_words"]),
        ("solutions/a02_words/tinytorch/core/activations.py", ["a02_words"]),
        ("tinytorch_ref/tinytorch/_names.py", ["a01_numbers", "a02_words"]),
        ("course.yaml", ["a01_numbers", "a02_words"]),
        ("README.md", []),
        ("solutions/a09_gone/README.md", []),
    ],
)
def test_a_change_concerns_an_assignment_and_those_that_stand_on_its_layer(path, keys, course):
    assert [a.key for a in concerned(course, [path])] == keys


def git(course, *words):
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *words], cwd=course.root, check=True, capture_output=True)


def test_differences_are_those_from_the_last_commit_new_files_too(course, tito, monkeypatch):
    monkeypatch.setenv("TITO_COURSE", str(course.root))
    if (course.root / ".git").exists():
        shutil.rmtree(course.root / ".git")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(course.root.parent))
    with pytest.raises(UserError) as error:
        changed(course)
    assert str(error.value) == message("changed.no_git", root=course.root)
    git(course, "init")
    git(course, "add", ".")
    git(course, "commit", "-m", "all")
    assert changed(course) == ()
    status, out, err = tito("validate", "--changed")
    assert (status, out, err) == (0, message("changed.none") + "\n", "")
    (course.solution("a02_words") / "notes für später.md").write_text("new\n")
    assert [a.key for a in changed(course)] == ["a02_words"]
    git(course, "add", ".")
    assert [a.key for a in changed(course)] == ["a02_words"]
    (course.solution("a01_numbers") / "tinytorch/core/tensor.py").write_text("")
    assert [a.key for a in changed(course)] == ["a01_numbers", "a02_words"]
