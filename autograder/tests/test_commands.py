"""Every command in a handout, a guide or a README works: it is run here, where its reader would run it.

Three people read: a student in an unpacked release, a teaching assistant beside a folder of uploads, an instructor in a
clone. Names that stand for something (NAME, FOLDER) are filled in, and where a text speaks of the real course and the
scene is a miniature one, its names are exchanged; nothing else of a command is changed. What takes minutes, a network,
a container engine or never ends is listed in `NOT_RUN` with the reason, and then at least has to be a command line that
the program accepts. The three scenes and all handouts but one cost minutes of a busy machine: `pytest -m whole`.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from autograder import compose, explain, milestone, record
from autograder.build.text import read_text
from autograder.course import Course, load_course
from autograder.intake import safe
from autograder.recipe import find_recipe
from autograder.release import contents
from autograder.release.wheel import COMMANDS as STUDENTS
from autograder.tests import minicourse, sites, stage
from autograder.tests.commandlines import Command, commands_of, documents, parses, resolve

ROOT = Path(__file__).resolve().parents[2]
TEXTS = documents(ROOT)
ALL = [command for document, text in TEXTS.items() for command in commands_of(text, document)]

# What is not run, and why. The longest entry that a command begins with counts.
MINUTES, NETWORK, ENGINE, ENDLESS = "takes minutes", "needs a network", "needs a container engine", "ends when told to"
NOT_RUN = {
    "python3 bootstrap.py": NETWORK,
    "python install.py": f"{NETWORK}; `tito release --prove` and test_release.py run it without one",
    "python3.12 install.py": NETWORK,
    "py -3.12 install.py": NETWORK,
    "uv pip compile": NETWORK,
    "source .venv/bin/activate": "a matter of the shell",
    ".venv\\Scripts\\activate": "a matter of the shell",
    "pytest": "it is what runs this",
    "tito image": ENGINE,
    "tito data fetch": NETWORK,
    "tito check --watch": f"{ENDLESS}; test_watch.py",
    "tito site build --serve": f"{ENDLESS}; test_site.py serves a site",
    "tito site build": "test_site.py builds one",
    "tito serve": f"{ENDLESS}; test_cli_serve.py",
    "tito monitor": f"{ENDLESS}; test_cli_serve.py",
    "python -m tinytorch.mlops": MINUTES,
    "python tinytorch_ref/benchmarks/generation.py": "is run below, for fewer tokens",
    "python -m autograder.validate.forms": f"{MINUTES}; test_forms.py",
    "python -m tinytorch.serving.load": "loads a service that runs; the tests of tinytorch_ref do",
    "pip install": NETWORK,
    "tito release --prove": f"{MINUTES}; test_release.py plays a newcomer",
    "tito release a01 --prove": f"{MINUTES}; test_release.py plays a newcomer",
    "tito release a05 --prove": f"{MINUTES}; test_release.py plays a newcomer",
    "tito train": f"{MINUTES}; test_cli_train.py trains",
    "tito olympics": "needs a course with a leaderboard; test_leaderboard.py",
    "tito compress": f"{MINUTES}; the tests of tinytorch_ref compress",
    "tito bench": f"{MINUTES}; test_cli_bench.py compares",
    "tito generate": "needs a trained model; test_cli_generate.py has one",
    "tito milestone run backprop": MINUTES,
    "tito milestone run lenet": MINUTES,
    "tito milestone run mlperf": MINUTES,
    "tito checkpoint test backprop": MINUTES,
    "tito validate": "the same as `tito validate a01 --write`, which is run",
    "tito validate a01 --write": "",
    "tito validate --changed": "",
    "tito validate --full": MINUTES,
    "tito explain": f"{MINUTES}; test_explaining.py",
    "tito prove": MINUTES,
    "tito grade a05 uploads --out graded --scheduler": "needs a cluster, of which the tests of batches have one",
}

# Where a text's readers are.
INSTRUCTORS = ("README.md", "docs/instructors.md", "docs/architecture.md", "docs/index.md", "milestones/README.md")
INSTRUCTORS += ("datasets/README.md", "tinytorch_ref/benchmarks/README.md", "tinytorch_ref/tinytorch/serving/README.md")
ASSISTANTS = ("docs/tas.md",)
CLUSTERS = ("docs/scale.md",)
AT_HOME = ("solutions/", "docs/students.md", "autograder/release/", "autograder/skeleton/")  # texts for students


def why_not(command: Command) -> str:
    """Why a command is not run here; empty if it is."""
    matching = [begin for begin in NOT_RUN if f"{command.plain} ".startswith(f"{begin} ")]
    return NOT_RUN[max(matching, key=len)] if matching else ""


def is_mention(command: Command) -> bool:
    """`tito check` in a sentence: a command's name, which somebody may go on from."""
    if command.block or not command.plain.startswith("tito "):
        return False
    words = command.words[1:]
    return words[-1:] != ["--help"] and not resolve(words)[2]


# ---- what all commands have in common


def test_the_texts_name_commands_at_all():
    assert len(TEXTS) > 40 and len(ALL) > 150
    assert {c.document for c in ALL} >= {"README.md", *ASSISTANTS, "docs/students.md", "docs/instructors.md"}


@pytest.mark.parametrize("text, found", [
    ("Say:\n\n    tito check -q NAME       one file\n    x = tito\n", ["tito check -q NAME"]),
    ("```\n$ tito data list  # all\n```\n", ["tito data list"]),
    ("a `tito checkpoint\ntest xor` here, `tito` there", ["tito checkpoint test xor"]),
    ("| `tito gradebook show|mark` |", ["tito gradebook show", "tito gradebook mark"]),
    ("a sentence\n    tito in running text", []),
    ("    cd a01\n    python install.py", ["cd a01", "python install.py"]),
])  # fmt: skip
def test_commands_are_found_where_somebody_would_copy_them(text, found):
    assert [c.text for c in commands_of(text, "x.md")] == found


@pytest.mark.parametrize("line", ["tito chekc", "tito check --wach", "tito gradebook shwo", "tito hint --level 9"])
def test_a_command_that_does_not_exist_is_not_accepted(line):
    with pytest.raises(click.ClickException):
        parses(line.split()[1:])


def test_every_mention_names_a_command_that_exists():
    for command in ALL:
        if command.plain.startswith("tito ") and "COMMAND" not in command.text:
            resolve(command.words[1:])


def test_every_text_has_a_reader_in_whose_place_its_commands_are_run():
    for command in ALL:
        readers = (*INSTRUCTORS, *ASSISTANTS, *CLUSTERS, "docs/faq.md")
        known = command.document in readers or command.document.startswith(AT_HOME)
        runs = known and command.plain.split()[0] in ("tito", "cd", "export")
        assert runs or why_not(command) or is_mention(command), f"{command}: run it in a scene, or say why not"


def test_a_student_is_told_of_students_commands_only():
    for command in ALL:
        if command.document.startswith(AT_HOME) and command.plain.startswith("tito "):
            assert command.words[1] in STUDENTS, f"{command} is not in the students' wheel"


def test_every_reason_for_not_running_is_used_and_what_it_points_to_exists():
    for begin, reason in NOT_RUN.items():
        assert any(f"{c.plain} ".startswith(f"{begin} ") for c in ALL), f"no text names '{begin}' any more"
        for name in re.findall(r"test_\w+\.py", reason):
            assert (Path(__file__).parent / name).is_file()


@pytest.mark.parametrize("command", [c for c in ALL if why_not(c)], ids=str)
def test_what_is_not_run_is_a_command_line_that_would_be_accepted(command, tmp_path, monkeypatch):
    course = load_course(ROOT)
    words = command.plain.split(" ")
    if words[0] == "tito":
        (tmp_path / "here" / "runs" / "transformer" / "characters").mkdir(parents=True)
        (tmp_path / "here" / "runs" / "mnist_quick").mkdir()
        for assignment in course.written():  # beside here, as an example of a served model has it
            (tmp_path / assignment.key).mkdir()
        shutil.copy(ROOT / "samples" / "a01_submission.zip", tmp_path / "here" / "a03.zip")
        monkeypatch.chdir(tmp_path / "here")
        parses(command.words[1:])
        _names_something(course, words[1:])
    elif words[:2] == ["python", "-m"]:
        assert find_spec(words[2]), words
        if options := [word for word in words if word.startswith("--")]:
            done = subprocess.run([sys.executable, *words[1:3], "--help"], capture_output=True, text=True)
            assert done.returncode == 0 and all(option in done.stdout for option in options), done.stderr
    elif words[0].startswith("py") and "install.py" in words:
        assert (ROOT / "autograder" / "release" / "files" / "install.py").is_file()
    elif words[:2] == ["python", "tinytorch_ref/benchmarks/generation.py"]:
        done = subprocess.run([sys.executable, ROOT / words[1], "12"], capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0 and done.stdout.count("equal tokens: True") == 3, done.stdout + done.stderr
    elif words[0].startswith("python"):
        assert words[1] == "bootstrap.py" and f'"{words[2]}"' in read_text(ROOT / "bootstrap.py")
    elif words[0] == "pytest":
        assert (ROOT / words[1]).is_file() or f'"{words[2]}": ' in read_text(ROOT / "autograder" / "tests" / "conftest.py")


def _names_something(course: Course, words: list[str]) -> None:
    """The recipe, milestone or assignment that a command names is there."""
    if words[0] == "train":
        find_recipe(course, words[1])
    elif words[:2] in (["milestone", "run"], ["checkpoint", "test"]):
        named = course.milestone(words[2])
        assert not milestone.obstacle(course, named)
        if "--case" in words:
            tests = (course.home(named) / "tests").glob("test_*.py")
            assert any(f"def {words[words.index('--case') + 1]}" in read_text(file) for file in tests), words
    elif words[0] == "bench":
        known = "".join(read_text(file) for file in (ROOT / "tinytorch_ref" / "benchmarks").glob("*.py"))
        assert all(f'"{word}"' in known or not word.islower() or word.startswith("-") for word in words[1:]), words
    elif words[0] in ("release", "validate", "explain", "image"):
        for word in words[1:]:
            # A number, or "all", belongs to an option; a21 is what the guide has its reader make.
            assert word.startswith("-") or word.isdigit() or word in ("all", "a21") or course.assignment(word)


# ---- running them

def runnable(*documents: str) -> list[Command]:
    return [c for c in ALL if c.document in documents and not why_not(c) and not is_mention(c)]


class Scene:
    """Where commands are run one after another, as in a terminal: `cd` and `export` stay in force."""

    def __init__(self, tito: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch):
        self.tito, self.monkeypatch = tito, monkeypatch
        self.done: set[str] = set()
        self.names: dict[str, str] = {}
        self.status: Mapping[str, tuple[int, ...]] = {}

    def run(self, command: Command) -> None:
        line = command.plain
        for name, value in self.names.items():
            line = re.sub(rf"(?<![\w.]){re.escape(name)}(?![\w.])", value, line)
        if line in self.done:
            return
        self.done.add(line)
        program, *words = Command(command.document, line, command.block).words
        if program == "cd":
            self.monkeypatch.chdir(words[0])
        elif program == "export":
            self.monkeypatch.setenv(*words[0].split("=", 1))
        else:
            assert program == "tito", f"{command}: nobody runs '{program}'; run it here or say in NOT_RUN why not"
            words += ["--dry-run"] if words == ["lab"] else []  # a Jupyter would stay open
            status, out, err = self.tito(*words)
            wanted = next((s for begin, s in self.status.items() if line.startswith(begin)), (0,))
            assert status in wanted, f"{command}\nran as: {line}\nstatus {status}\n{safe(out + err, 3000)}"


@pytest.fixture
def scene(
    tito: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Scene]:
    monkeypatch.delenv("TITO_GRADEBOOK", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TINYTORCH_DATA", str(tmp_path / "no-data"))
    yield Scene(tito, monkeypatch)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student's folder: the real release of a01, and over it that of a05, with which the reference of a01 to a04 comes."""
    course = load_course(ROOT)
    place = tmp_path_factory.mktemp("student") / "tinytorch-course"
    for name in ("a01", "a05"):
        for path, data in contents(course, course.assignment(name)).files.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes(data)
    return place


@pytest.mark.whole
def test_a_students_commands_work_in_an_unpacked_release(released, scene, monkeypatch, own_imports):
    course = load_course(ROOT)
    monkeypatch.setenv("TITO_COURSE", str(released))
    monkeypatch.chdir(released)
    (released.parent / "earlier").mkdir()
    scene.names = {"test NAME": "test perceptron", "NAME": "shapes", "OLD_FOLDER": "../../earlier", "$key": "a01_tensor", "scaling": "creation"}
    # On the way there is a blank left, so that checks fail and hints have something to say.
    scene.status = {"tito check": (0, 1), "tito doctor": (0, 1), "tito checkpoint test": (0, 1)}
    written = course.solution("a01_tensor") / "tinytorch/core/tensor.py"
    workspace = released / "a01_tensor" / "tinytorch/core/tensor.py"
    for command in runnable("docs/students.md"):
        if command.plain == "tito submit":  # by then everything is written
            shutil.copyfile(written, workspace)
            assert scene.tito("check")[0] == 0
        scene.run(command)
    assert (released / "a01_tensor" / "a01_submission.zip").is_file()
    scene.status = {"tito doctor": (0, 1)}
    rest = ("README.md", "docs/faq.md", "autograder/release/files/README.md", "autograder/skeleton/README.md")
    for command in runnable(*rest):
        at_home = command.document != "README.md" or command.plain.startswith("tito checkpoint")
        if at_home and not command.plain.startswith("cd "):
            scene.run(command)


SAMPLE = "a01"  # tried always; the others with `pytest -m whole`


@pytest.mark.parametrize(
    "assignment",
    [pytest.param(a, id=a.short, marks=() if a.short == SAMPLE else pytest.mark.whole) for a in load_course(ROOT).written()],
)
def test_what_a_handout_tells_to_type_works_on_the_finished_assignment(assignment, scene, tmp_path, own_imports):
    course = load_course(ROOT)
    shutil.copytree(course.stub(assignment.key), tmp_path / assignment.key)
    for path in assignment.writes:
        shutil.copyfile(course.solution(assignment.key) / path, tmp_path / assignment.key / path)
    scene.monkeypatch.setenv("TITO_COURSE", str(ROOT))
    scene.monkeypatch.chdir(tmp_path / assignment.key)
    if assignment.short == "a05":  # its lab leaves a graph there before it speaks of drawing it
        make = "import tinytorch as tt; x = tt.tensor([1.0], requires_grad=True); print(tt.graph_to_dot((x * x).sum()))"
        drawn = subprocess.run([sys.executable, "-c", make], capture_output=True, text=True, check=True).stdout
        (tmp_path / assignment.key / "graph.dot").write_text(drawn)
    texts = [f"solutions/{assignment.key}/{name}" for name in ("README.md", "reflection.md", "lab.py")]
    for command in runnable(*texts):
        scene.run(command)
    scene.run(Command(texts[0], "tito submit", False))
    assert (tmp_path / assignment.key / f"{assignment.short}_submission.zip").is_file()


@pytest.mark.whole
def test_an_assistants_commands_work_beside_a_folder_of_uploads(scene, tmp_path):
    course = sites.write_small(tmp_path / "course")
    scene.monkeypatch.setenv("TITO_COURSE", str(course.root))
    here = tmp_path / "desk"
    for name, double in (("ada", "return 2 * np.asarray(x)"), ("ben", "return x")):
        source = minicourse.numbers(double=double)
        stage.zipped(here / "uploads" / f"{name}.zip", {stage.NUMBERS: source})
    shutil.copy(here / "uploads" / "ada.zip", here / "ada.zip")
    _table(here / "roster.csv", [("Name", "Email", "SID"), ("Ada Lovelace", "lovelace@example.org", "1"), ("Cy", "cy@example.org", "2")])
    _table(here / "extensions.csv", [("student", "assignment", "days"), ("ada", "a01", "3")])
    _table(here / "marks.csv", [("student", "points", "comment"), ("ada", "9", "clear")])
    scene.monkeypatch.chdir(here)
    scene.names = {"perceptron": "first"}
    for command in runnable(*ASSISTANTS):
        scene.run(command)
    for made in ("results/ada/results.json", "graded/report.html", "gradescope.csv", "canvas.csv", "everything.json"):
        assert (here / made).is_file(), made


def _table(path: Path, rows: list[tuple[str, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


@pytest.mark.whole
def test_an_instructors_commands_work_in_a_clone(scene, tmp_path):
    course = sites.write_small(tmp_path / "course")
    record.write_json(course.solution("a01_numbers") / explain.KILLS, minicourse.KILLS)
    _git(course.root, "init", "-q")
    _git(course.root, "add", "-A")
    _git(course.root, "-c", "user.name=ann", "-c", "user.email=ann@example.org", "commit", "-qm", "first")
    compose.refresh_linked(course, course.root / ".composition" / "reference")
    scene.monkeypatch.setenv("TITO_COURSE", str(course.root))
    scene.monkeypatch.chdir(course.root)
    stage.zipped(course.root / "a03.zip", {stage.WORDS: stage.words()})
    (course.root / "batch").mkdir()
    shutil.copy(course.root / "a03.zip", course.root / "batch")
    scene.names = {
        "a01_tensor": "a01_numbers", "xor": "first", "backprop": "first", "a21_example": "a05_example", "a21": "a05",
        "FOLDER": "batch", "DIR": "graded", "ZIPS": "a03.zip", "ZIP": "a03.zip", "COMMAND": "grade",
    }  # fmt: skip
    # The folder of the README's example holds an upload to another assignment, which is what status 1 says.
    scene.status = {"tito grade a01 batch": (1,)}
    order = sorted(runnable(*INSTRUCTORS), key=lambda c: c.document != "docs/instructors.md")
    for command in order:
        if command.plain.startswith("tito checkpoint"):  # the README's line for students
            continue
        # The miniature course has no data sets of its own.
        scene.monkeypatch.setenv("TITO_COURSE", str(ROOT if command.plain.startswith("tito data") else course.root))
        scene.run(command)


def _git(folder: Path, *words: str) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, env=environment)
