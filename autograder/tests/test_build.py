"""`tito build` on a miniature course: what it writes, that it always writes the same, and what `--check` notices."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from autograder.build import build, build_assignment, check
from autograder.cli.build import command
from autograder.course import Course, load_course
from autograder.errors import UserError

COURSE = """\
name: Mini
term: Spring
version: "1"
timezone: UTC
late: {grace_minutes: 0, percent_per_day: 10, max_days: 1}
limits: {case_seconds: 1, import_seconds: 1, submission_seconds: 9, memory_mb: 512, scratch_mb: 1, output_kb: 1,
         reply_mb: 1, upload_mb: 1, upload_files: 10}
imports: {allowed: [numpy]}
assignments:
  - {key: a01_tensor, writes: [tinytorch/core/tensor.py], title: Tensor, question: Q, part: p, points: 100, due: DAY}
  - {key: a02_two, writes: [tinytorch/two.py, tinytorch/deep/er.py],
     title: Two, question: Q, part: p, points: 100, due: DAY}
  - {key: a03_later, writes: [tinytorch/later.py], title: Later, question: Q, part: p, points: 100, due: DAY}
"""
CODE = '"""Doc."""\n\n\ndef f(x):\n    # BEGIN SOLUTION\n    return x * 4242\n    # END SOLUTION\n'
TESTS = (
    'from otter.test_files import test_case\nOK_FORMAT = False\nname = "{0}"\n\n\n'
    '@test_case(name="shows", points=1)\ndef shows(student): assert student.f(1)\n\n\n'
    '@test_case(name="keeps quiet", points=1, hidden=True)\ndef keeps_quiet(student): assert student.f(4711)\n'
)


def write_solution(root: Path, key: str, paths: tuple[str, ...]) -> None:
    files = {
        **{path: CODE for path in paths},
        "README.md": f"# {key} größer\n",
        "reflection.md": "Reflect.\n",
        "rubric.md": "Secret rubric.\n",
        "misconceptions.yaml": "- id: x\n",
        "kills.json": "{}\n",
        "lab.py": "# %% [markdown]\n# Lab.\n\n# %%\nx = 4242  # SOLUTION\n",
        "tests/probes.py": "def f(x):\n    return x\n",
        "tests/test_one.py": TESTS.format("one"),
        "tests/test_hidden.py": TESTS.format("hidden").replace("points=1)", "points=1, hidden=True)"),
        "tests/__pycache__/probes.pyc": "x",
        "tinytorch/__pycache__/x.pyc": "x",
    }
    for path, text in files.items():
        file = root / "solutions" / key / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="")


@pytest.fixture
def course(tmp_path: Path) -> Course:
    (tmp_path / "course.yaml").write_text(COURSE.replace("DAY", "2027-01-22T23:59:00"), encoding="utf-8")
    (tmp_path / "LICENSE").write_text("Do what you like.\n", encoding="utf-8")
    write_solution(tmp_path, "a01_tensor", ("tinytorch/core/tensor.py",))
    write_solution(tmp_path, "a02_two", ("tinytorch/two.py", "tinytorch/deep/er.py"))
    return load_course(tmp_path)


def contents(folder: Path) -> dict[str, bytes]:
    return {f.relative_to(folder).as_posix(): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


COMMON = (
    "LICENSE",
    "README.md",
    "lab.ipynb",
    "reflection.md",
    "tests/__init__.py",
    "tests/probes.py",
    "tests/test_one.py",
)


def test_a_build_writes_what_students_get_and_nothing_else(course: Course) -> None:
    assert build(course) == {
        "a01_tensor": (*COMMON, "tinytorch/core/tensor.py"),
        "a02_two": (*COMMON, "tinytorch/deep/er.py", "tinytorch/two.py"),
    }
    shelf = course.root / "assignments"
    assert sorted(entry.name for entry in shelf.iterdir()) == ["a01_tensor", "a02_two"]
    written = contents(course.stub("a01_tensor"))
    assert tuple(written) == (*COMMON, "tinytorch/core/tensor.py")
    assert b"a01_tensor: f is yours to write" in written["tinytorch/core/tensor.py"]
    assert json.loads(written["lab.ipynb"])["cells"][1]["source"] == ["x = ...  # a01_tensor: yours to write"]
    for path in ("README.md", "reflection.md", "tests/probes.py"):
        assert written[path] == (course.solution("a01_tensor") / path).read_bytes()
    everything = b"".join(contents(shelf).values())
    for secret in (b"4242", b"4711", b"keeps", b"rubric"):
        assert secret not in everything
    assert check(course) == []


def test_no_license_in_the_course_is_no_error(course: Course) -> None:
    (course.root / "LICENSE").unlink()
    assert "LICENSE" not in build(course, ["a01"])["a01_tensor"]


def test_keys_choose_assignments_and_leave_the_others_alone(course: Course) -> None:
    assert list(build(course, ["a02", "2"])) == ["a02_two"]
    assert not course.stub("a01_tensor").exists()
    assert {d.kind for d in check(course, ["a01"])} == {"missing"}
    assert check(course, ["a02"]) == []
    with pytest.raises(UserError, match="a03_later does not exist"):
        build(course, ["a03"])
    with pytest.raises(UserError, match="no assignment is called"):
        build(course, ["a99"])


def test_a_rebuild_replaces_the_whole_folder(course: Course) -> None:
    build(course)
    before = contents(course.stub("a01_tensor"))
    (course.stub("a01_tensor") / "old.py").write_text("x")
    (course.stub("a01_tensor") / "README.md").unlink()
    build(course)
    assert contents(course.stub("a01_tensor")) == before


def test_probes_can_be_imported_although_another_tests_package_is_installed(course: Course, tmp_path: Path) -> None:
    build(course, ["a01"])
    (tmp_path / "installed" / "tests").mkdir(parents=True)
    (tmp_path / "installed" / "tests" / "__init__.py").write_text("")
    run = subprocess.run(
        [sys.executable, "-c", "from tests import probes; print(probes.f(3))"],
        cwd=course.stub("a01_tensor"),
        env={**os.environ, "PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
    )
    assert (run.stdout, run.returncode) == ("3\n", 0), run.stderr


# The same bytes everywhere.

SCRIPT = """
import os, sys, time
os.umask(int(sys.argv[3], 8))
walk, listdir = os.walk, os.listdir
if sys.argv[4] == "backwards":
    def turned(*a, **k):
        for parent, folders, names in walk(*a, **k):
            folders.reverse(); names.reverse()
            yield parent, folders, names
    os.walk, os.listdir = turned, lambda *a: listdir(*a)[::-1]
from pathlib import Path
from autograder.build import build_assignment
from autograder.course import load_course
course = load_course(sys.argv[1])
for a in course.written():
    build_assignment(course, a, Path(sys.argv[2]) / a.key)
"""


def test_bytes_and_modes_do_not_depend_on_locale_hash_seed_umask_or_file_order(course: Course, tmp_path: Path) -> None:
    surroundings = [("C", "0", "077", "forwards"), ("C.UTF-8", "7", "000", "backwards")]
    for locale, seed, umask, order in surroundings:
        env = {**os.environ, "LC_ALL": locale, "PYTHONHASHSEED": seed, "PYTHONUTF8": "0", "TZ": "Asia/Tokyo"}
        command = [sys.executable, "-c", SCRIPT, str(course.root), str(tmp_path / order), umask, order]
        subprocess.run(command, env=env, check=True, cwd=Path(__file__).parents[2])
    assert contents(tmp_path / "forwards") == contents(tmp_path / "backwards")
    assert len(contents(tmp_path / "forwards")) == 17
    for order in ("forwards", "backwards"):
        entries = [
            e
            for key in ("a01_tensor", "a02_two")
            for e in [tmp_path / order / key, *(tmp_path / order / key).rglob("*")]
        ]
        modes = {(entry.is_dir(), oct(entry.stat().st_mode & 0o777)) for entry in entries}
        assert modes == {(True, "0o755"), (False, "0o644")}


def test_a_checkout_with_other_line_ends_gives_the_same_bytes(course: Course) -> None:
    build(course)
    before = contents(course.root / "assignments")
    for file in course.solution("a01_tensor").rglob("*"):
        if file.suffix in (".py", ".md"):
            file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert check(course) == []
    build(course)
    assert contents(course.root / "assignments") == before


# A failing build changes nothing.

Change = Callable[[Path], None]


def put(path: str, text: str | bytes) -> Change:
    def change(solution: Path) -> None:
        (solution / path).parent.mkdir(parents=True, exist_ok=True)
        (solution / path).write_bytes(text if isinstance(text, bytes) else text.encode())

    return change


def drop(path: str) -> Change:
    return lambda solution: (solution / path).unlink()


BROKEN: list[tuple[str, Change, str]] = [
    ("no handout", drop("README.md"), "README.md is missing"),
    ("no lab", drop("lab.py"), "lab.py is missing"),
    ("no probes", drop("tests/probes.py"), "probes.py is missing"),
    ("no code", drop("tinytorch/two.py"), "two.py is missing"),
    ("not UTF-8", put("README.md", b"gr\xf6\xdfer"), "not UTF-8"),
    ("no markers", put("tinytorch/two.py", "x = 1\n"), "solutions/a02_two/tinytorch/two.py:1: no solution marker"),
    ("a misspelt marker", put("tinytorch/two.py", "# BEGIN SOLUTON\n"), "solutions/a02_two/tinytorch/two.py:1: "),
    ("a misspelt marker in the lab", put("lab.py", "# %%\n# BEGIN SOLUTON\n"), "solutions/a02_two/lab.py:2: "),
    ("an unclear test", put("tests/test_x.py", "from o import test_case as t\n"), "a02_two/tests/test_x.py:1: "),
    ("a file of nobody's", put("tinytorch/extra.py", "x = 1\n"), "tinytorch/extra.py: course.yaml lets a02_two write"),
]


@pytest.mark.parametrize(("change", "words"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN])
def test_a_failing_build_leaves_every_old_folder_and_check_says_why(course: Course, change: Change, words: str) -> None:
    build(course)
    before = contents(course.root / "assignments")
    put("README.md", "# new\n")(course.solution("a01_tensor"))
    change(course.solution("a02_two"))
    with pytest.raises(UserError) as caught:
        build(course)
    assert words in str(caught.value)
    assert contents(course.root / "assignments") == before
    assert sorted(os.listdir(course.root / "assignments")) == ["a01_tensor", "a02_two"]
    kinds = {d.path: d.kind for d in check(course)}
    assert kinds == {"assignments/a01_tensor/README.md": "differs", "assignments/a02_two": "cannot be built"}


def test_a_swap_that_fails_half_way_puts_the_old_folder_back(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    build(course, ["a01"])
    before = contents(course.root / "assignments")
    real = os.replace

    def failing(source: Path, target: Path) -> None:
        if "new" in Path(source).parts and Path(target).name == "a01_tensor":
            raise OSError("disk full")
        real(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OSError, match="disk full"):
        build(course, ["a01"])
    assert contents(course.root / "assignments") == before


# Check.


def link(file: Path) -> None:
    """The same bytes, but somewhere else."""
    elsewhere = file.parents[2] / "elsewhere"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)


A = "assignments/a01_tensor/"
S = "solutions/a01_tensor/"
NOW_HIDDEN = TESTS.format("one").replace("points=1)", "points=1, hidden=True)")
TAMPERED: list[tuple[str, Change, str, str, str]] = [
    ("edited by hand", put(A + "README.md", "# a01_tensor gr\n"), "a01_tensor/README.md", "differs", "line 1"),
    ("one byte more", put(A + "LICENSE", "Do what you like.\n\n"), "a01_tensor/LICENSE", "differs", "line 3"),
    ("not text", put(A + "LICENSE", b"\xff"), "a01_tensor/LICENSE", "differs", "line 1"),
    ("stale", put(S + "reflection.md", "Again.\n"), "a01_tensor/reflection.md", "differs", "'Again.'"),
    ("deleted", drop(A + "lab.ipynb"), "a01_tensor/lab.ipynb", "missing", "tito build a01_tensor"),
    ("a new test", put(S + "tests/test_two.py", TESTS.format("two")), "a01_tensor/tests/test_two.py", "missing", ""),
    ("a test now hidden", put(S + "tests/test_one.py", NOW_HIDDEN), "a01_tensor/tests/test_one.py", "left over", ""),
    ("an extra file", put(A + "tinytorch/notes.py", "x"), "a01_tensor/tinytorch/notes.py", "left over", ""),
    ("a linked file", lambda root: link(root / A / "README.md"), "a01_tensor/README.md", "differs", "link"),
    ("an orphan", put("assignments/a03_later/x", "x"), "a03_later", "left over", "no solutions/a03_later"),
    ("a folder of nobody's", put("assignments/b01/x", "x"), "b01", "left over", "no solutions/b01"),
    ("a loose file", put("assignments/notes.txt", "x"), "notes.txt", "left over", ""),
    ("traces of work", put(A + "tests/__pycache__/x.pyc", "x"), "", "", ""),
    ("a place holder", put("assignments/.gitkeep", ""), "", "", ""),
]


@pytest.mark.parametrize(("change", "path", "kind", "words"), [t[1:] for t in TAMPERED], ids=[t[0] for t in TAMPERED])
def test_check_notices(course: Course, change: Change, path: str, kind: str, words: str) -> None:
    build(course)
    change(course.root)
    found = check(course)
    assert [(d.path, d.kind) for d in found] == ([(f"assignments/{path}", kind)] if path else [])
    assert all(words in str(difference) for difference in found)


def test_check_writes_nothing(course: Course) -> None:
    assert len(check(course)) == 17
    assert not (course.root / "assignments").exists()


# The command.


def tito(course: Course, *arguments: str) -> tuple[int, list[str]]:
    result = CliRunner().invoke(command, arguments, env={"TITO_COURSE": str(course.root), "COLUMNS": "40"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output.splitlines()


def test_the_command_builds_checks_and_says_what_is_wrong(course: Course) -> None:
    assert tito(course) == (0, ["a01_tensor: 8 files", "a02_two: 9 files"])
    assert tito(course, "--check") == (0, ["a01_tensor: in step", "a02_two: in step"])
    put("README.md", "# [bold]new[/bold]\n")(course.solution("a02_two"))
    status, lines = tito(course, "--check")
    assert status == 1
    assert lines[1:] == ["a01_tensor: in step", "a02_two: out of step (1)"]
    assert lines[0].startswith("assignments/a02_two/README.md: differs: line 1 is '# a02_two größer', a build gives")
    assert "'# [bold]new[/bold]'" in lines[0]
    assert tito(course, "1", "--check") == (0, ["a01_tensor: in step"])
    assert tito(course, "a02") == (0, ["a02_two: 9 files"])
    assert tito(course, "--check")[0] == 0


def test_the_command_fails_on_a_folder_of_nobodys(course: Course) -> None:
    build(course)
    put("assignments/old/x", "x")(course.root)
    status, lines = tito(course, "--check")
    assert (status, len(lines)) == (1, 3)
    assert lines[0].startswith("assignments/old: left over: ")


def test_one_assignment_can_be_built_anywhere(course: Course, tmp_path: Path) -> None:
    files = build_assignment(course, course.assignment("a01"), tmp_path / "a" / "b")
    assert tuple(contents(tmp_path / "a" / "b")) == files
