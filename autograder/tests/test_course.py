"""course.yaml: a right one answers every question about the course, a wrong one names its line, its key and the fix."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import yaml

from autograder.course import Course, find_course_file, load_course
from autograder.errors import UserError
from autograder.judge.testfiles import load_test_files
from autograder.tests import minicourse

REAL = load_course(Path(__file__).parents[2])
TEXT = minicourse.COURSE.lstrip("\n")
NAMES = "key: a02_words, title: Words"
MILESTONE = "- {key: first,"


def error_of(tmp_path: Path, content: str | bytes) -> str:
    file = tmp_path / "course.yaml"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UserError) as caught:
        load_course(file)
    return str(caught.value)


def line_of(text: str, token: str) -> int:
    return text[: text.index(token)].count("\n") + 1


# What is replaced, by what, the token whose line is to be named, and what the message says after the line.
WRONG = {
    "unknown key": ("term: test", "term: test\ntimezon: UTC", "timezon: UTC",
        "timezon: unknown key 'timezon'; remove it or correct its spelling (did you mean 'timezone'?)"),
    "unknown key below": ("max_days: 3", "max_days: 3, grace_minuts: 10", "late:",
        "late.grace_minuts: unknown key 'grace_minuts'"),
    "unlike any key": ("term: test", "term: test\nxyzzy: 1", "xyzzy",
        "xyzzy: unknown key 'xyzzy'; remove it or correct its spelling"),
    "missing key": ("timezone: Europe/Berlin\n", "", "name:", "timezone: required key 'timezone' is missing; add it"),
    "missing key of an assignment": (NAMES, "key: a02_words", "a02_words",
        "assignments[1].title: required key 'title' is missing; add it"),
    "duplicate key": ("term: test", "term: test\nname: Again", "name: Again",
        "key 'name' stands twice (first in line 1); keep one"),
    "duplicate key below": ("memory_mb: 512", "memory_mb: 512\n  memory_mb: 1024", "memory_mb: 1024",
        "key 'memory_mb' stands twice"),
    "a word for a number": ("memory_mb: 512", "memory_mb: plenty", "memory_mb",
        "limits.memory_mb: input should be a valid integer, unable to parse string as an integer; got 'plenty'"),
    "too small a number": ("memory_mb: 512", "memory_mb: 12", "memory_mb",
        "limits.memory_mb: input should be greater than or equal to 128; got 12"),
    "a time without an end": ("submission_seconds: 60", "submission_seconds: 9999", "submission_seconds",
        "limits.submission_seconds: input should be less than or equal to 2300"),
    "a list where a mapping belongs": ("late: {grace_minutes: 10, percent_per_day: 10, max_days: 3}",
        "late: [10, 10, 3]", "late:",
        "late: input should be a valid dictionary"),
    "a date that is none": ("due: 2027-02-01T12:00:00", "due: soon", "due: soon", "assignments[1].due: "),
    "the 31st of February": ("due: 2027-02-01T12:00:00", "due: 2027-02-31T12:00:00", "due: 2027-02-31",
        "'2027-02-31T12:00:00' cannot be: day is out of range for month; correct it"),
    "a date with an offset": ("due: 2027-02-01T12:00:00", "due: 2027-02-01T12:00:00+01:00", "due: 2027-02-01",
        "assignments[1].due: write the local time without an offset; the zone is the course's `timezone`"),
    "a bad time zone": ("Europe/Berlin", "Mars/Olympus", "timezone",
        "timezone: 'Mars/Olympus' is not an IANA time zone such as America/New_York"),
    "a path for a time zone": ("Europe/Berlin", "../../etc/passwd", "timezone",
        "timezone: '../../etc/passwd' is not an IANA time zone"),
    "a key in another form": (NAMES, "key: words, title: Words", "key: words",
        "assignments[1].key: 'words' does not have the form"),
    "the same assignment twice": (NAMES, "key: a01_numbers, title: Words", "title: Words",
        "assignments[1].key: a01 is declared twice (also as a01_numbers); keep one or renumber it"),
    "two assignments of one number": (NAMES, "key: a01_words, title: Words", "title: Words", "a01 is declared twice"),
    "prerequisite not declared": ("requires: [a01_numbers]", "requires: [a01_number]", "requires: [a01_number]",
        "assignments[1].requires: a02_words requires a01_number, which is not declared above it; "
        "declare a01_number first or fix the name"),
    "prerequisite declared below": ("requires: []", "requires: [a02_words]", "requires: [a02",
        "assignments[0].requires: a01_numbers requires a02_words, which is not declared above it"),
    "two owners of a file": ("core/activations.py", "core/tensor.py", "key: a02_words",
        "assignments[1].writes: tinytorch/core/tensor.py is written by both a01_numbers and a02_words; a file has one "
        "owner, remove it from one"),
    "no file": ("[tinytorch/core/activations.py]", "[]", "key: a02_words", "assignments[1].writes: "),
    "no points": ("points: 4", "points: 0", "points: 0",
        "assignments[1].points: input should be greater than 0; got 0"),
    "limits of an assignment, misspelt": ("points: 4", "limits: {memory: 9}, points: 4", "limits: {memory",
        "assignments[1].limits.memory: a02_words: limits has no 'memory'; known are case_seconds"),
    "limits of an assignment, out of range": ("points: 4", "limits: {memory_mb: 9}, points: 4", "limits: {memory",
        "assignments[1].limits.memory_mb: input should be greater than or equal to 128; got 9"),
    "milestone on nothing": ("requires: [a02_words], must", "requires: [a09_x], must", MILESTONE,
        "milestones[0].requires: milestone first requires a09_x, which is not an assignment; fix the name"),
    "the folder declared": ("term: test", "term: test\nroot: /tmp", "root:", "unknown key 'root'; remove it"),
    "indentation": ("  case_seconds: 2\n", "   case_seconds: 2\n", "  import_seconds", "not valid YAML: "),
    "an open bracket": ("allowed: [numpy]", "allowed: [numpy", "forbidden_standard", "not valid YAML: "),
    "an object of Python": ("name: Mini", "name: !!python/object:os.system x", "name:",
        "not valid YAML: could not determine a constructor"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_file_gives_one_line_with_its_place_and_the_fix(kind, tmp_path):
    before, after, token, words = WRONG[kind]
    assert TEXT.count(before) == 1, before
    text = TEXT.replace(before, after)
    told = error_of(tmp_path, text)
    assert "\n" not in told
    assert told.startswith(f"course.yaml:{line_of(text, token)}: "), told
    assert words in told


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "tinytorch/../../x.py", "../tinytorch/x.py", "setup.py", "tinytorch\\\\x.py", "tinytorch", "", ".",
     "tinytorch//x.py", "./tinytorch/x.py", "tinytorch/x.py/"],
)  # fmt: skip
def test_a_file_may_only_be_declared_by_its_plain_path_below_the_package(path, tmp_path):
    told = error_of(tmp_path, TEXT.replace("tinytorch/core/activations.py", f'"{path}"'))
    shown = path.replace("\\\\", "\\")
    assert told == (
        f"course.yaml:{line_of(TEXT, 'key: a02_words')}: assignments[1].writes: "
        f"'{shown}' must be a relative path below tinytorch/, with forward slashes"
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "course.yaml:1: expected keys such as name, limits, assignments at the top; the file holds nothing"),
        (
            b"# only a comment\n",
            "course.yaml:1: expected keys such as name, limits, assignments at the top; the file holds nothing",
        ),
        (
            b"- a\n- b\n",
            "course.yaml:1: expected keys such as name, limits, assignments at the top; the file holds a list",
        ),
        (
            b"just words\n",
            "course.yaml:1: expected keys such as name, limits, assignments at the top; the file holds a str",
        ),
        (b"name: Mini\nterm: caf\xe9\n", "course.yaml:2: not UTF-8 at byte 20; save the file as UTF-8"),
        (b"name: a\tb\x07\n", "not valid YAML: "),
        (b"a: 1\n---\nb: 2\n", "not valid YAML: "),
        (b"? [1, 2]\n: 3\n", "course.yaml:1: not valid YAML: "),
    ],
)
def test_a_file_that_is_no_declaration_at_all_is_told_in_one_line(content, words, tmp_path):
    told = error_of(tmp_path, content)
    assert words in told
    assert "\n" not in told


def test_several_faults_are_told_at_once_each_on_a_line_of_its_own(tmp_path):
    text = TEXT.replace("memory_mb: 512", "memory_mb: x").replace("term: test\n", "")
    told = error_of(tmp_path, text).splitlines()
    assert [line.split(": ")[1] for line in told] == ["term", "limits.memory_mb"]


def test_the_same_milestone_twice_is_refused(tmp_path):
    told = error_of(tmp_path, TEXT + TEXT[TEXT.index("  " + MILESTONE) :])
    assert "milestones[1].key: milestone first is declared twice; keep one" in told


@pytest.mark.parametrize("cut", range(0, len(TEXT), 97))
def test_a_file_cut_off_anywhere_is_refused_or_whole(cut, tmp_path):
    told = error_of(tmp_path, TEXT[:cut])
    assert all(line.startswith("course.yaml") for line in told.splitlines())


def test_a_declaration_cannot_be_changed_after_it_was_read(mini):
    with pytest.raises(ValueError, match="frozen"):
        mini.assignment("a01").points = 1000


# Finding the file.


def test_the_file_is_looked_for_in_the_variable_then_upwards_then_beside_the_package(tmp_path, monkeypatch):
    mine, other = tmp_path / "mine", tmp_path / "other"
    for root in (mine, other):
        minicourse.write(root)
    deep = mine / "solutions" / "a01_numbers" / "tests"
    monkeypatch.delenv("TITO_COURSE", raising=False)
    monkeypatch.chdir(deep)
    assert find_course_file() == mine / "course.yaml"
    monkeypatch.setenv("TITO_COURSE", str(other))
    assert find_course_file() == other / "course.yaml"
    monkeypatch.setenv("TITO_COURSE", str(other / "course.yaml"))
    assert load_course().root == other
    monkeypatch.delenv("TITO_COURSE")
    monkeypatch.chdir(tmp_path)
    assert find_course_file() == REAL.root / "course.yaml"
    assert load_course(mine / "course.yaml").root == load_course(mine).root == mine


def test_a_path_without_a_file_is_told_with_the_path(tmp_path):
    with pytest.raises(
        UserError, match=re.escape(f"cannot read {tmp_path}/course.yaml: No such file or directory; check the path")
    ):
        load_course(tmp_path)


# Questions.


@pytest.mark.parametrize("name", ["a02_words", "a02", "2", 2, "02", " a02 ", "a02_words/"])
def test_an_assignment_is_found_by_key_short_name_or_number(name, mini):
    assert mini.assignment(name).key == "a02_words"


@pytest.mark.parametrize("name", ["a03", "words", "", "a2", 0, "a02_word", "-2"])
def test_an_unknown_assignment_is_told_the_known_ones(name, mini):
    with pytest.raises(UserError, match=f"no assignment is called '{name}'; choose one of a01_numbers, a02_words"):
        mini.assignment(name)


def test_due_dates_are_wall_clock_times_of_the_courses_zone_summer_and_winter(tmp_path):
    text = TEXT.replace("2027-02-01T12:00:00", "2027-07-01T12:00:00")
    (tmp_path / "course.yaml").write_text(text)
    course = load_course(tmp_path)
    winter, summer = (course.due(a).astimezone(timezone.utc) for a in course.assignments)
    assert winter == datetime(2027, 1, 1, 11, tzinfo=timezone.utc)
    assert summer == datetime(2027, 7, 1, 10, tzinfo=timezone.utc)


def test_an_assignments_limits_change_only_what_they_name(tmp_path):
    (tmp_path / "course.yaml").write_text(TEXT.replace("points: 4", "limits: {case_seconds: 9.5}, points: 4"))
    course = load_course(tmp_path)
    first, second = (course.limits_of(a) for a in course.assignments)
    assert (first, second.case_seconds) == (course.limits, 9.5)
    assert second.model_copy(update={"case_seconds": course.limits.case_seconds}) == first


def test_only_assignments_with_a_solution_count_as_written(tmp_path):
    (tmp_path / "course.yaml").write_text(TEXT)
    course = load_course(tmp_path)
    assert course.written() == ()
    course.solution("a02_words").mkdir(parents=True)
    assert [a.key for a in course.written()] == ["a02_words"]


# The real course.


def test_the_course_has_twenty_numbered_assignments_of_a_hundred_points_and_six_milestones():
    assert [a.number for a in REAL.assignments] == list(range(1, 21))
    assert {a.points for a in REAL.assignments} == {100}
    assert [m.year for m in REAL.milestones] == [1957, 1969, 1986, 1998, 2017, 2018]
    dues = [REAL.due(a) for a in REAL.assignments]
    assert dues == sorted(set(dues))
    assert all(a.question.endswith("?") for a in (*REAL.assignments, *REAL.milestones))


CHAIN = [a.key for a in REAL.assignments]


@pytest.mark.parametrize(
    ("key", "closure"),
    [
        ("a01_tensor", []),
        ("a02_activations", CHAIN[:1]),
        ("a04_losses", CHAIN[:2]),
        ("a05_autograd", CHAIN[:4]),
        ("a09_spatial", CHAIN[:8]),
        ("a10_tokenization", CHAIN[:1]),
        ("a11_embeddings", [*CHAIN[:5], "a10_tokenization"]),
        ("a13_transformers", [*CHAIN[:8], *CHAIN[9:12]]),
        ("a14_profiling", CHAIN[:13]),
        ("a20_capstone", CHAIN[:19]),
    ],
)
def test_the_closure_is_every_prerequisite_in_course_order_and_not_itself(key, closure):
    assert list(REAL.closure(key)) == closure


@pytest.mark.parametrize("key", CHAIN)
def test_whatever_an_assignment_needs_its_prerequisites_have_already(key):
    closure = REAL.closure(key)
    assert key not in closure
    for needed in closure:
        assert set(REAL.closure(needed)) < set(closure)
    assert set(REAL.by_key[key].requires) <= set(closure)


def test_every_file_has_one_owner_and_the_frames_files_have_none():
    owned = [(path, a.key) for a in REAL.assignments for path in a.writes]
    assert len(dict(owned)) == len(owned) >= len(REAL.assignments)
    assert all(REAL.owner(path) == key for path, key in owned)
    frame = [f"tinytorch/{p.relative_to(REAL.frame).as_posix()}" for p in REAL.frame.rglob("*.py")]
    assert frame
    assert {REAL.owner(path) for path in frame} == {None}
    assert REAL.owner("tinytorch/mlops/registry.py") == "a20_capstone"


def test_our_deadline_ends_well_before_the_platforms_for_every_assignment():
    for assignment in REAL.assignments:
        limits = REAL.limits_of(assignment)
        assert limits.submission_seconds <= 480, assignment.key
        assert limits.case_seconds < limits.submission_seconds


def test_the_real_file_says_everything_it_declares_and_nothing_twice():
    declared = yaml.safe_load((REAL.root / "course.yaml").read_text(encoding="utf-8"))
    assert isinstance(REAL, Course)
    assert [a["key"] for a in declared["assignments"]] == CHAIN
    assert REAL.due(REAL.assignment("a01")) - REAL.due(REAL.assignment("a01")).replace(
        tzinfo=timezone.utc
    ) == timedelta(hours=5)


# ---- what the handouts say of the tests ------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [a.key for a in REAL.written()])
def test_a_handout_says_what_each_file_of_cases_is_worth(key):
    """Its table has a row for each test file: the points of the public cases, of the hidden ones, and of all."""
    handout = (REAL.solution(key) / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| [^|\n]*\(`(\w+)`\) \| [^|\n]* \| (\d+) \| (\d+) \| (\d+) \|$", handout, re.MULTILINE)
    found = []
    for file in load_test_files(REAL.solution(key) / "tests"):
        public, hidden = (sum(c.points for c in file.cases if c.hidden is kind) for kind in (False, True))
        found.append((file.name, *(f"{points:g}" for points in (public, hidden, public + hidden))))
    assert sorted(rows) == sorted(found)
