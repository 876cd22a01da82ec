"""Gradescope: whatever the platform and the upload do, results.json is valid, says whose fault it was, and is what
`tito grade` gives on this machine, byte for byte.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from autograder import parity
from autograder.course import Course, load_course
from autograder.errors import GraderError, UserError
from autograder.gradescope import bundle_files, choose_assignment, entry, read_metadata, run, write_zip
from autograder.gradescope.bundle import LOCK, PACKAGE
from autograder.gradescope.metadata import Metadata
from autograder.tests import minicourse

DUE = datetime(2027, 1, 1, 11, 0, tzinfo=timezone.utc)  # the mini course's, 12:00 in Berlin
CASE, IMPORT = "case_seconds: 0.6", "import_seconds: 1"


def change(declared: Path, changes: dict[str, str]) -> None:
    text = declared.read_text()
    for before, after in changes.items():
        assert text.count(before) == 1
        text = text.replace(before, after)
    declared.write_text(text)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    root = minicourse.write(tmp_path_factory.mktemp("course"))
    change(root / "course.yaml", {"case_seconds: 2": CASE, "import_seconds: 5": IMPORT})
    return load_course(root)


@pytest.fixture(scope="module")
def archive(course: Course, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_zip(course, course.assignment("a01"), tmp_path_factory.mktemp("zip") / "autograder.zip")


def unpack(archive: Path, root: Path) -> Path:
    """Lay the zip out as Gradescope does, with this Python in place of the one that setup.sh would install."""
    with zipfile.ZipFile(archive) as held:
        for info in held.infolist():
            held.extract(info, root / "source")
            (root / "source" / info.filename).chmod(info.external_attr >> 16 & 0o777)
    shutil.copy(root / "source" / "run_autograder", root / "run_autograder")
    python = root / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return root


@pytest.fixture
def platform(archive: Path, tmp_path: Path) -> Path:
    return unpack(archive, tmp_path / "autograder")


def start(root: Path) -> subprocess.Popen[str]:
    environment = {"PATH": os.environ["PATH"], "AUTOGRADER_ROOT": str(root)}
    return subprocess.Popen(
        [str(root / "run_autograder")],
        cwd="/",
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def grade(root: Path) -> tuple[int, dict[str, Any], str]:
    """Exit status, results.json and standard output of one run."""
    process = start(root)
    told = process.communicate(timeout=60)[0]
    return process.returncode, json.loads((root / "results" / "results.json").read_bytes()), told


def solution(course: Course) -> parity.Sample:
    return parity.samples(course, course.assignment("a01"))[0]


# The same bytes wherever it is graded.


def test_the_unpacked_zip_gives_the_bytes_that_tito_grade_gives(course: Course, archive: Path, tmp_path: Path) -> None:
    assignment = course.assignment("a01")
    tried = parity.samples(course, assignment)
    assert len({tuple(sorted(sample.files.items())) for sample in tried}) >= 12
    here = parity.results_here(course, assignment, tried, tmp_path / "here")

    def there(sample: parity.Sample) -> tuple[int, bytes]:
        root = unpack(archive, tmp_path / sample.name)
        sample.lay_out(root)
        process = start(root)
        process.communicate(timeout=60)
        return process.returncode, (root / "results" / "results.json").read_bytes()

    with ThreadPoolExecutor(2) as pool:
        found = dict(zip([sample.name for sample in tried], pool.map(there, tried), strict=True))
    assert {name: status for name, (status, _) in found.items()} == dict.fromkeys(here, entry.GRADED)
    assert {name: parity.difference(here[name], results) for name, (_, results) in found.items()} == dict.fromkeys(here)
    scores = {name: json.loads(results)["score"] for name, results in here.items()}
    assert scores["solution"] == scores["extended"] / 0.9 == 10
    assert scores["late"] == 8
    assert 0 < scores["half-written"] < 10
    worthless = ("stub", "syntax-error", "wrong-assignment", "garbage", "empty", "endless-import")
    assert {scores[name] for name in worthless} == {0}
    outputs = {json.loads(results)["output"] for results in here.values()}
    assert len(outputs) >= 9


def test_a_difference_in_any_byte_but_the_time_is_found() -> None:
    def text(seconds: str, score: str) -> bytes:
        return f'{{\n  "score": {score},\n  "execution_time": {seconds},\n  "tests": []\n}}\n'.encode()

    assert parity.difference(text("1.25", "3"), text("7", "3")) is None
    assert "line 2" in str(parity.difference(text("1", "3"), text("1", "4")))
    assert "the end" in str(parity.difference(b"{\n}", b"{\n}\n"))


# When the grader fails.


def broken(root: Path, how: str) -> None:
    source = root / "source"
    tests = source / "solutions" / "a01_numbers" / "tests"
    if how == "course.yaml is no YAML":
        (source / "course.yaml").write_text("name: [\n")
    elif how == "course.yaml is missing":
        (source / "course.yaml").unlink()
    elif how == "a test file does not load":
        (tests / "test_mean.py").write_text("def broken(:\n")
    elif how == "a test file exits":
        (tests / "test_mean.py").write_text((tests / "test_mean.py").read_text() + "\nraise SystemExit(0)\n")
    elif how == "a prerequisite is missing":
        shutil.rmtree(source / "tinytorch_ref")
    elif how == "Python is missing":
        shutil.rmtree(root / "venv")
    elif how == "the grader does not import":
        (source / "autograder" / "gradescope" / "__main__.py").write_text("import no_such_module\n")
    elif how == "the grader exits without a word":
        (source / "autograder" / "gradescope" / "__main__.py").write_text("import os\nos._exit(0)\n")


WAYS = [
    "course.yaml is no YAML",
    "course.yaml is missing",
    "a test file does not load",
    "a test file exits",
    "a prerequisite is missing",
    "Python is missing",
    "the grader does not import",
    "the grader exits without a word",
]


@pytest.mark.parametrize("how", WAYS)
def test_a_fault_of_ours_is_called_so_and_leaves_valid_results(platform: Path, course: Course, how: str) -> None:
    solution(course).lay_out(platform)
    broken(platform, how)
    status, results, _ = grade(platform)
    assert status != 0
    assert results["score"] == 0
    assert results["extra_data"]["complete"] is False
    assert results["extra_data"]["needs_a_person"] is True
    assert "not your program's fault" in results["output"]
    assert results["stdout_visibility"] == "hidden"
    assert str(platform) not in json.dumps(results)


def test_results_of_an_earlier_run_do_not_survive_a_failed_one(platform: Path, course: Course) -> None:
    solution(course).lay_out(platform)
    (platform / "results" / "results.json").write_text('{"score": 10, "tests": []}')
    broken(platform, "course.yaml is missing")
    assert grade(platform)[1]["score"] == 0


def judges(root: Path) -> list[int]:
    """The Pythons that grade in `root`."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and f"autograder.gradescope\0{root}".encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue  # it ended meanwhile
    return found


@pytest.mark.parametrize("after_a_file", [False, True], ids=["before the first file", "after a file"])
def test_a_judge_that_is_killed_leaves_valid_results(platform: Path, course: Course, after_a_file: bool) -> None:
    """Killed early, the script's own results are there; killed late, those of the files that were done."""
    source = solution(course).files["tinytorch/core/tensor.py"].decode()
    change(platform / "source" / "course.yaml", {CASE: "case_seconds: 30", IMPORT: "import_seconds: 30"})
    hanging = parity.planted(source, "while True: pass") if after_a_file else source + "\nwhile True: pass\n"
    parity.Sample("hanging", {"tinytorch/core/tensor.py": hanging.encode()}).lay_out(platform)
    results = platform / "results" / "results.json"
    process = start(platform)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not (results.exists() if after_a_file else judges(platform)):
        time.sleep(0.02)
    for judge in judges(platform):
        os.kill(judge, signal.SIGKILL)
    process.communicate(timeout=30)
    assert process.returncode not in (entry.GRADED, entry.GRADER_FAILED)
    found = json.loads(results.read_bytes())
    assert found["extra_data"]["complete"] is False
    assert bool(found["tests"]) is after_a_file
    assert found["score"] == (2 if after_a_file else 0)
    assert ("interrupted" if after_a_file else "not your program's fault") in found["output"]


def test_what_was_found_before_a_fault_stays_in_the_results(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object) -> None:
        raise RuntimeError("no explanation today")

    monkeypatch.setattr("autograder.explain.explain", fails)
    solution(course).lay_out(tmp_path)
    status = run(course, course.assignment("a01"), tmp_path / "submission", tmp_path / "results", None)
    results = json.loads((tmp_path / "results" / "results.json").read_bytes())
    assert status == entry.GRADER_FAILED
    assert results["score"] > 0
    assert results["extra_data"]["needs_a_person"] is True
    assert "no explanation today" not in json.dumps(results)


def test_our_own_deadline_ends_a_grader_that_hangs(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hangs(*args: object) -> None:
        time.sleep(60)

    monkeypatch.setattr("autograder.explain.explain", hangs)
    monkeypatch.setattr(entry, "MARGIN", 2 - course.limits.submission_seconds)
    solution(course).lay_out(tmp_path)
    started = time.monotonic()
    status = run(course, course.assignment("a01"), tmp_path / "submission", tmp_path / "results", None)
    assert status == entry.GRADER_FAILED
    assert time.monotonic() - started < 10
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL
    assert json.loads((tmp_path / "results" / "results.json").read_bytes())["extra_data"]["complete"] is False


def test_our_deadline_is_well_inside_that_of_the_platform() -> None:
    declared = load_course(PACKAGE.parent)
    for assignment in declared.assignments:
        assert declared.limits_of(assignment).submission_seconds + entry.MARGIN + entry.LAST <= 540


# What the platform says about an upload.


def described(tmp_path: Path, content: Any) -> Metadata:
    file = tmp_path / "submission_metadata.json"
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return read_metadata(file, "Europe/Berlin")


def user(due: Any) -> dict[str, Any]:
    return {"assignment": {"due_date": due}}


EARLY, LATE = "2027-01-01T03:00:00.000000-08:00", "2027-01-02T03:00:00.123456-08:00"
DAY = timedelta(days=1, microseconds=123456)


@pytest.mark.parametrize(
    ("content", "submitted", "due"),
    [
        ({"created_at": EARLY}, DUE, None),
        ({"created_at": "2027-01-01T11:00:00Z"}, DUE, None),
        ({"created_at": EARLY, "assignment": {"due_date": EARLY}}, DUE, DUE),
        ({"created_at": EARLY, "assignment": {"due_date": EARLY}, "users": [user(LATE)]}, DUE, DUE + DAY),
        ({"created_at": EARLY, "assignment": {"due_date": EARLY}, "users": [user(None), {}]}, DUE, DUE),
        ({"created_at": EARLY, "users": [user(EARLY), user(LATE), user(EARLY)]}, DUE, DUE + DAY),
        ({"created_at": EARLY, "assignment": {"due_date": LATE}, "users": [user(EARLY)]}, DUE, DUE),
        ({"created_at": EARLY, "assignment": [], "users": {"0": user(LATE)}}, DUE, None),
    ],
)
def test_times_are_read_with_their_zone_and_the_students_own_date(
    tmp_path: Path, content: Any, submitted: datetime, due: datetime | None
) -> None:
    found = described(tmp_path, content)
    assert (found.submitted, found.due) == (submitted, due)
    assert all(moment.utcoffset() == timedelta(hours=1) for moment in (found.submitted, found.due) if moment)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b"null",
        [],
        {},
        {"created_at": None},
        {"created_at": "yesterday"},
        {"created_at": "2027-01-01T11:00:00"},
        {"created_at": 1_800_000_000},
        {"created_at": True},
        {"created_at": {"$gt": ""}},
        {"created_at": "0001-01-01T00:00:00+14:00"},
        {"created_at": "9999-12-31T23:59:59-14:00"},
        {"created_at": "\x1b[31m" + "9" * 100_000},
        {"created_at": [], "assignment": 3, "users": [None, 3, [], {"assignment": "x"}, user("x"), user([])]},
    ],
    ids=lambda content: ascii(content)[:40],
)
def test_odd_metadata_is_a_note_and_not_a_crash(tmp_path: Path, content: Any) -> None:
    found = described(tmp_path, content)
    assert (found.submitted, found.due) == (None, None)
    assert any("no late policy is applied" in note for note in found.notes)
    assert all(len(note) < 300 and note.isprintable() for note in found.notes)


def test_without_metadata_nothing_is_late(platform: Path, course: Course) -> None:
    solution(course).lay_out(platform)
    (platform / "submission_metadata.json").unlink()
    status, results, told = grade(platform)
    assert (status, results["score"]) == (entry.GRADED, 10)
    assert "no submission_metadata.json" in told
    for line in ("sandbox:", "numpy", "mean of a matrix: passed"):
        assert line in told


@pytest.mark.parametrize(
    ("title", "built", "environment", "expected"),
    [
        ("a02 Words", None, {}, "a02_words"),
        ("Week 3: A02_words (resubmission)", "\n", {}, "a02_words"),
        ("a02 Words", "a01_numbers\n", {}, "a01_numbers"),
        ("a02 Words", "a01_numbers\n", {"ASSIGNMENT": "2"}, "a02_words"),
        ("Homework", None, {}, None),
        ("a01 and a02", None, {}, None),
        ("a03 of another course", None, {}, None),
        ("data01", None, {}, None),
        ("a01", "a07", {}, None),
    ],
)
def test_the_assignment_comes_from_the_variable_the_build_or_the_title(
    course: Course, tmp_path: Path, title: str, built: str | None, environment: dict[str, str], expected: str | None
) -> None:
    if built is not None:
        (tmp_path / "assignment").write_text(built)
    if expected is None:
        with pytest.raises(UserError):
            choose_assignment(course, tmp_path, Metadata(title=title), environment)
    else:
        assert choose_assignment(course, tmp_path, Metadata(title=title), environment).key == expected


# The zip.


def test_a_copy_of_the_course_gives_the_same_zip(course: Course, tmp_path: Path) -> None:
    one = write_zip(course, course.assignment("a01"), tmp_path / "one.zip")
    shutil.copytree(course.root, tmp_path / "copy")
    cache = tmp_path / "copy" / "solutions" / "a01_numbers" / "tests" / "__pycache__"
    cache.mkdir()
    (cache / "test_mean.pyc").write_bytes(b"stale")
    again = load_course(tmp_path / "copy")
    os.utime(again.root / "course.yaml", (1, 1))
    (again.root / "course.yaml").chmod(0o600)
    other = write_zip(again, again.assignment("a01"), tmp_path / "other.zip")
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(("name", "other"), [("a01", "a02_words"), ("a02", "a01_numbers")])
def test_the_zip_holds_no_tests_but_those_of_its_assignment(course: Course, name: str, other: str) -> None:
    files = bundle_files(course, course.assignment(name))
    key = course.assignment(name).key
    assert f"solutions/{key}/tests/probes.py" in files
    held = {path for path in files if path.startswith(f"solutions/{other}/")}
    assert held == ({"solutions/a01_numbers/tinytorch/core/tensor.py"} if name == "a02" else set())
    assert not [path for path in files if path.startswith("autograder/tests/") or "__pycache__" in path]
    for path in ("lab.py", "rubric.md", "reflection.md"):
        assert f"solutions/{key}/{path}" not in files


def test_the_scripts_stand_at_the_root_and_can_be_executed(archive: Path) -> None:
    with zipfile.ZipFile(archive) as held:
        modes = {info.filename: info.external_attr >> 16 & 0o777 for info in held.infolist()}
    assert {name for name, mode in modes.items() if mode & 0o111} == {"setup.sh", "run_autograder"}
    assert {"course.yaml", LOCK, "assignment", "tinytorch_ref/tinytorch/__init__.py"} <= modes.keys()


def test_no_zip_is_written_when_its_tests_are_faulty(course: Course, tmp_path: Path) -> None:
    shutil.copytree(course.root, tmp_path / "copy")
    tests = tmp_path / "copy" / "solutions" / "a01_numbers" / "tests"
    (tests / "test_mean.py").write_text((tests / "test_mean.py").read_text().replace("points=1", "points=2"))
    faulty = load_course(tmp_path / "copy")
    with pytest.raises(GraderError, match="add up to 11"):
        write_zip(faulty, faulty.assignment("a01"), tmp_path / "autograder.zip")
    assert not list(tmp_path.glob("*.zip*"))


def test_a_missing_solution_is_named(course: Course, tmp_path: Path) -> None:
    shutil.copytree(course.root, tmp_path / "copy")
    (tmp_path / "copy" / "solutions" / "a01_numbers" / "tinytorch" / "core" / "tensor.py").unlink()
    lacking = load_course(tmp_path / "copy")
    with pytest.raises(UserError, match=r"tensor\.py is missing"):
        write_zip(lacking, lacking.assignment("a02"), tmp_path / "autograder.zip")


def test_setup_closes_the_course_to_other_users(platform: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "AUTOGRADER_ROOT": str(platform)}
    subprocess.run([str(platform / "source" / "setup.sh"), "seal"], env=environment, check=True, cwd="/")
    modes = [path.stat().st_mode & 0o077 for path in (platform / "source", *(platform / "source").rglob("*"))]
    assert len(modes) > 50 and not any(modes)


def test_grading_is_installed_from_the_versions_that_everything_is_tested_with() -> None:
    def pins(name: str) -> set[str]:
        lines = (PACKAGE.parent / name).read_text(encoding="utf-8").splitlines()
        return {line.split(" ", 1)[0] for line in lines if "==" in line and not line.startswith((" ", "#"))}

    assert pins(LOCK) < pins("requirements.lock")
    assert {pin.split("==")[0] for pin in pins(LOCK)} >= {"numpy", "otter-grader", "pydantic", "pyyaml", "tzdata"}
