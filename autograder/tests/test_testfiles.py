"""Test files that would pass without testing anything, or lose points silently, are refused before they are run."""

from __future__ import annotations

from pathlib import Path

import pytest

import autograder.expect
from autograder.errors import GraderError
from autograder.judge.testfiles import check_points, lint_test_file, load_test_files
from autograder.judge.testlint import COMPARISONS
from autograder.tests.uploads import mini_course

HEAD = '''"""What this file looks at."""
import numpy as np
from otter.test_files import test_case
from autograder import expect

OK_FORMAT = False
name = "softmax"
title = "Softmax"
points = None

SIZES = [2, 3]
TABLE = {}


def _rows(x):
    return x.sum(-1)


def _check(student, x):
    expect.close(_rows(student.softmax(x)), np.ones(len(x)))


'''

CASE = '''@test_case(name="rows sum to one", points=2)
def rows_sum_to_one(student, rng):
    """A docstring."""
    for n in SIZES:
        x = rng.normal(size=(n, 5))
        expect.close(student.softmax(x).sum(-1), np.ones(n))


@test_case(name="survives", points=4.5, hidden=True, failure_message="Mind the maximum.", success_message="Well done.")
def survives(student, reference):
    x = [[1000.0, 1001.0]]
    _check(student, x)
    expect.raises(ValueError, student.softmax, 3, mentions=["3"])
'''

GOOD = HEAD + CASE


def one_case(body: str, parameters: str = "student", decorator: str = '@test_case(name="n", points=1)') -> str:
    lines = "\n".join("    " + line for line in body.splitlines())
    return f"{HEAD}{decorator}\ndef case({parameters}):\n{lines}\n"


def test_a_good_file_has_no_problems():
    assert lint_test_file("test_softmax.py", GOOD) == []


def test_the_comparisons_known_to_the_lint_are_those_of_expect():
    assert set(autograder.expect.__all__) - {"Mismatch", "StudentError"} == COMPARISONS


ANY = "expect.true(student.f(), 'w')"

# The file, and words that the problem must hold. Each is one trap.
TRAPS = {
    "no OK_FORMAT": (GOOD.replace("OK_FORMAT = False\n", ""), "OK_FORMAT = False is missing"),
    "OK_FORMAT true": (GOOD.replace("OK_FORMAT = False", "OK_FORMAT = True"), "OK_FORMAT = False is missing"),
    "no name": (GOOD.replace('name = "softmax"\n', "", 1), 'add name = "softmax"'),
    "computed name": (GOOD.replace('name = "softmax"', 'name = "soft" + "max"'), "name is missing"),
    "name unlike the file": (GOOD.replace('name = "softmax"', 'name = "relu"'), "the file is test_softmax.py"),
    "empty title": (GOOD.replace('"Softmax"', '""'), "title must be a text"),
    "points at the top": (GOOD.replace("points = None", "points = 12"), "every case states its own points"),
    "all or nothing": (GOOD.replace("points = None", "all_or_nothing = True"), "all_or_nothing"),
    "no case": (HEAD, "holds no case"),
    "async": (one_case(ANY).replace("def case", "async def case"), "is async"),
    "generator": (one_case(ANY + "\nyield 1"), "is a generator"),
    "no parentheses": (one_case(ANY, decorator="@test_case"), "without parentheses"),
    "undecorated": (
        GOOD + "\n\ndef forgotten(student):\n    expect.true(student.f(), 'w')\n",
        "forgotten is never run",
    ),
    "a test class": (GOOD + "\n\nclass TestMore:\n    def test_a(self): pass\n", "class TestMore"),
    "two decorators": (one_case(ANY, decorator='@_rows\n@test_case(name="n", points=1)'), "several decorators"),
    "a case in a condition": (
        HEAD + "if True:\n" + CASE.replace("\n", "\n    ").replace("@", "    @", 1),
        "at the top level",
    ),
    "a renamed decorator": (
        GOOD.replace("import test_case", "import test_case as tc").replace("@test_case", "@tc"),
        "never run",
    ),
    "a positional argument": (one_case(ANY, decorator='@test_case("n", points=1)'), "by keyword"),
    "an unknown keyword": (one_case(ANY, decorator='@test_case(name="n", points=1, weight=2)'), "no keyword weight"),
    "two stars": (one_case(ANY, decorator='@test_case(name="n", points=1, **TABLE)'), "instead of **"),
    "no case name": (one_case(ANY, decorator="@test_case(points=1)"), "needs name="),
    "a computed case name": (one_case(ANY, decorator='@test_case(name="n" + "m", points=1)'), "needs name="),
    "no points": (one_case(ANY, decorator='@test_case(name="n")'), "needs points="),
    "zero points": (one_case(ANY, decorator='@test_case(name="n", points=0)'), "above 0"),
    "negative points": (one_case(ANY, decorator='@test_case(name="n", points=-1)'), "above 0"),
    "true points": (one_case(ANY, decorator='@test_case(name="n", points=True)'), "above 0"),
    "text points": (one_case(ANY, decorator='@test_case(name="n", points="1")'), "above 0"),
    "infinite points": (one_case(ANY, decorator='@test_case(name="n", points=1e999)'), "above 0"),
    "computed hidden": (
        one_case(ANY, decorator='@test_case(name="n", points=1, hidden=not 0)'),
        "hidden= must be True",
    ),
    "hidden as a number": (one_case(ANY, decorator='@test_case(name="n", points=1, hidden=1)'), "hidden= must be True"),
    "a computed message": (
        one_case(ANY, decorator='@test_case(name="n", points=1, failure_message=f"{SIZES}")'),
        "literal text",
    ),
    "duplicate ids": (
        GOOD + CASE.replace("survives", "other").replace('"rows sum', '"the rows sum'),
        "rows_sum_to_one is bound 2",
    ),
    "an id overwritten": (GOOD + "\nsurvives = 3\n", "survives is bound 2 times"),
    "a case under two names": (GOOD + "\nagain = survives\n", "counts it twice"),
    "duplicate titles": (GOOD.replace('"survives"', '"rows sum to one"'), "stands on several cases"),
    "an empty body": (one_case("pass"), "is empty"),
    "only a docstring": (one_case('"""Later."""'), "is empty"),
    "only dots": (one_case("..."), "is empty"),
    "no expect": (one_case("student.f()"), "calls no expect"),
    "an expect not called": (one_case("student.f()\nexpect.true"), "calls no expect"),
    "a helper without expect": (one_case("_rows(student.f())"), "calls no expect"),
    "return first": (one_case("student.f()\nreturn\n" + ANY), "can never run"),
    "under if False": (one_case("student.f()\nif False:\n    " + ANY), "always passes"),
    "in a loop over nothing": (one_case("student.f()\nfor x in []:\n    " + ANY), "always passes"),
    "after raise in a block": (one_case("student.f()\nif SIZES:\n    raise ValueError\n    " + ANY), "always passes"),
    "constants only": (one_case("student.f()\nexpect.equal(1, 1)"), "compares constants only"),
    "true of True": (one_case("student.f()\nexpect.true(True, 'fine')"), "compares constants only"),
    "no student": (one_case("expect.true(SIZES, 'w')", "rng"), "does not take student"),
    "student unused": (one_case("expect.true(SIZES, 'w')"), "never uses student"),
    "public with reference": (one_case(ANY, "student, reference"), "is public but takes reference"),
    "another parameter": (one_case(ANY, "student, env"), "only the parameters student, reference, rng"),
    "a default": (one_case(ANY, "student, rng=None"), "without defaults"),
    "stars": (one_case(ANY, "student, *rest"), "without defaults or stars"),
    "an underscore": (one_case(ANY).replace("def case", "def _case"), "no leading underscore"),
    "a bare assert": (one_case(ANY + "\nassert student.f()"), "use expect"),
    "an assert in a helper": (GOOD.replace("    return x.sum(-1)", "    assert x.ndim\n    return x"), "bare assert"),
    "numpy's assertions": (
        one_case(ANY + "\nnp.testing.assert_allclose(student.f(), 1)"),
        "np.testing.assert_allclose",
    ),
    "try around a call": (one_case("try:\n    student.f()\nexcept Exception:\n    pass\n" + ANY), "try/except in case"),
    "suppress": (one_case("with contextlib.suppress(Exception):\n    " + ANY), "suppress"),
    "nothing but a number recorded": (one_case("expect.record('bytes', student.f())"), "it calls no expect.*"),
    "a number under a name that nobody can read": (
        one_case("name = 'a'\nexpect.record(name, student.f())\n" + ANY),
        "write its name out",
    ),
    "an unknown comparison": (one_case("expect.closes(student.f(), 1)"), "expect has no closes"),
    "raises called too early": (
        one_case("expect.raises(ValueError, student.f(3))"),
        "expect.raises(Error, student.f, arguments)",
    ),
    "raises of a stub's error": (one_case("expect.raises(NotImplementedError, student.f)"), "untouched stub"),
    "raises of a stub's error among others": (
        one_case("expect.raises((ValueError, NotImplementedError), student.f)"),
        "stub",
    ),
    "student at module level": (GOOD + "\nX = student.softmax([1])\n", "student is used at module level"),
    "reference at module level": (
        GOOD.replace("def _rows(x):", "def _rows(x, y=reference):"),
        "reference is used at module level",
    ),
    "a parameter forgotten": (
        one_case(ANY + "\nexpect.close(reference.f(), student.f())"),
        "uses reference without having it",
    ),
    "a helper that reaches out": (
        GOOD.replace("_check(student, x):", "_check(handle, x):", 1),
        "_check uses student without",
    ),
    "shared state appended": (
        GOOD.replace("return x.sum(-1)", "SIZES.append(1)\n    return x"),
        "SIZES is shared by all cases",
    ),
    "shared state assigned": (one_case("TABLE['x'] = 1\n" + ANY), "TABLE is shared by all cases"),
    "shared state added to": (one_case("SIZES[0] += 1\n" + ANY), "SIZES is shared by all cases"),
    "shared state deleted": (one_case("del TABLE['x']\n" + ANY), "TABLE is shared by all cases"),
    "global": (one_case("global SIZES\nSIZES = 3\n" + ANY), "cases share no state"),
    "numpy's global generator": (one_case("x = np.random.rand(3)\n" + ANY), "draw from rng"),
    "an unseeded generator": (one_case("x = np.random.default_rng()\n" + ANY), "draw from rng"),
    "the framework imported": (
        GOOD.replace("import numpy as np", "import numpy as np\nimport tinytorch.core"),
        "never imports the framework",
    ),
    "the probes imported": (
        GOOD.replace("import numpy as np", "import numpy as np\nfrom tests import probes"),
        "ask through student",
    ),
    "pytest imported": (GOOD.replace("import numpy as np", "import numpy as np\nimport pytest"), "use expect"),
    "expect not imported": (GOOD.replace("from autograder import expect\n", ""), "expect is used but not imported"),
    "a star import": (
        GOOD.replace("import numpy as np", "import numpy as np\nfrom math import *"),
        "hides where names come from",
    ),
    "not Python": (GOOD + "def f(:\n", "not Python"),
    "a NUL": (GOOD + "\0", "not Python"),
}


@pytest.mark.parametrize(("source", "words"), TRAPS.values(), ids=TRAPS.keys())
def test_every_trap_is_named_with_its_line(source, words):
    problems = lint_test_file("test_softmax.py", source)
    assert any(words in str(problem) for problem in problems), [str(p) for p in problems]
    assert all(str(problem).startswith("test_softmax.py:") for problem in problems)


FINE = {
    "a local list": "found = []\nfound.append(student.f())\nexpect.equal(found, [1])",
    "a name shadowed locally": "SIZES = [1]\nSIZES.append(student.f())\nexpect.equal(SIZES, [1, 2])",
    "a seeded generator": "x = np.random.default_rng(3).normal()\nexpect.close(student.f(x), x)",
    "a lambda that uses student": "expect.raises(ValueError, lambda: student.f(3))",
    "a conditional early return": "if SIZES:\n    return expect.close(student.f(), 1)\nexpect.close(student.f(), 2)",
    "a nested helper": "def ask(n):\n    return student.f(n)\nexpect.equal(ask(3), 3)",
    "a helper that compares": "_check(student, [1])",
    "keywords": "expect.close(actual=student.f(), expected=1)",
    "try with finally only": "try:\n    expect.true(student.f(), 'w')\nfinally:\n    x = 1",
}


@pytest.mark.parametrize("body", FINE.values(), ids=FINE.keys())
def test_what_only_looks_like_a_trap_is_accepted(body):
    assert lint_test_file("test_softmax.py", one_case(body)) == []


def folder_of(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "probes.py").write_text("def f():\n    return 1\n")
    for stem, source in files.items():
        (folder / f"{stem}.py").write_text(source)
    return folder


def other(stem: str, name: str) -> str:
    return (
        GOOD.replace('"softmax"', f'"{name}"')
        .replace("rows sum to one", f"{stem} one")
        .replace('"survives"', f'"{stem} two"')
    )


def test_loaded_cases_say_what_the_file_says(tmp_path):
    folder = folder_of(tmp_path, test_softmax=GOOD, test_02_axis=other("axis", "axis"))
    second, first = load_test_files(folder)
    assert (second.name, first.name) == ("axis", "softmax")
    assert (first.title, first.path, first.points) == ("Softmax", folder / "test_softmax.py", 6.5)
    rows, survives = first.cases
    assert (rows.id, rows.title, rows.points) == ("rows_sum_to_one", "rows sum to one", 2)
    assert (rows.hidden, rows.order) == (False, 1)
    assert (survives.id, survives.points, survives.hidden, survives.order) == ("survives", 4.5, True, 2)
    assert (survives.failure_message, survives.success_message) == ("Mind the maximum.", "Well done.")
    assert (rows.failure_message, rows.file) == (None, "softmax")
    assert (rows.parameters, survives.parameters) == (("student", "rng"), ("student", "reference"))
    assert first.source_sha256 != second.source_sha256


def test_a_loaded_case_runs_what_is_written_in_it(tmp_path):
    (file,) = load_test_files(folder_of(tmp_path, test_softmax=one_case("expect.equal(student, 3)")))
    file.cases[0].function(student=3)
    with pytest.raises(autograder.expect.Mismatch):
        file.cases[0].function(student=4)


def test_a_missing_title_is_made_from_the_name(tmp_path):
    source = GOOD.replace('title = "Softmax"\n', "").replace('"softmax"', '"log_softmax"')
    assert load_test_files(folder_of(tmp_path, test_log_softmax=source))[0].title == "Log softmax"


def test_all_problems_of_all_files_come_in_one_error_and_nothing_is_executed(tmp_path):
    loud = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    bad = other("axis", "axis").replace("points=2", "points=0").replace("points=4.5", "points=None")
    folder = folder_of(tmp_path / "tests", test_axis=bad, test_softmax=GOOD + loud)
    with pytest.raises(GraderError) as refusal:
        load_test_files(folder)
    assert str(refusal.value).startswith("2 problems in the test files of ")
    assert str(refusal.value).count("test_axis.py:") == 2
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "holds no test_"),
        ({"test_a": other("a", "a"), "test_01_a": other("b", "a")}, 'name "a" is also used by test_01_a.py'),
        ({"test_a": other("a", "a"), "test_b": other("a", "b")}, 'the case name "a one" is also used in test_a.py'),
        ({"test_softmax": GOOD, "softmax_test": other("a", "a")}, "softmax_test.py:0: would never be run"),
        ({"test_softmax": GOOD + "raise SystemExit(3)\n"}, "cannot be loaded: SystemExit: 3"),
        ({"test_softmax": GOOD + "raise KeyboardInterrupt\n"}, "cannot be loaded: KeyboardInterrupt"),
        ({"test_softmax": GOOD + "1 / 0\n"}, "cannot be loaded: ZeroDivisionError"),
        (
            {"test_softmax": GOOD + "class _E(Exception):\n    def __str__(self): raise ValueError\nraise _E\n"},
            "cannot be loaded: _E;",
        ),
        ({"test_softmax": GOOD + "globals().pop('survives')\n"}, "Otter sees the cases rows_sum_to_one, but"),
    ],
)
def test_a_folder_that_cannot_be_trusted_is_our_fault(tmp_path, files, words):
    with pytest.raises(GraderError) as refusal:
        load_test_files(folder_of(tmp_path, **files))
    assert words in str(refusal.value)


def test_a_test_file_that_is_not_utf8_is_named(tmp_path):
    folder = folder_of(tmp_path)
    (folder / "test_softmax.py").write_bytes(GOOD.encode() + b"# \xff\n")
    with pytest.raises(GraderError, match=r"test_softmax\.py:0: not UTF-8"):
        load_test_files(folder)


def test_points_must_add_up_to_what_the_course_promises(tmp_path):
    assignment = mini_course(tmp_path / "course").assignment("a01")
    short = load_test_files(folder_of(tmp_path / "a", test_softmax=GOOD))
    with pytest.raises(GraderError, match=r"add up to 6.5 points, but course.yaml says 10.*test_softmax.py 6.5"):
        check_points(short, assignment)
    exact = load_test_files(folder_of(tmp_path / "b", test_softmax=GOOD.replace("points=2", "points=5.5")))
    check_points(exact, assignment)
