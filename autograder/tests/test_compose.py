"""Composing: the frame plus one layer an assignment, only owned files, no answer that a submission could read."""

from __future__ import annotations

import importlib.util
import json
import marshal
import subprocess
import sys
from pathlib import Path

import pytest

from autograder import compose
from autograder.build import solution_lines
from autograder.compose import Layer
from autograder.course import Course, load_course
from autograder.errors import GraderError, UserError
from autograder.tests import minicourse

REAL = load_course(Path(__file__).parents[2])
WRITTEN = [a.key for a in REAL.written()]
GRADED = [key for key in WRITTEN if set(REAL.closure(key)) <= set(WRITTEN)]  # all of them in a whole course
TENSOR, WORDS = "tinytorch/core/tensor.py", "tinytorch/core/activations.py"


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """A course of one's own, to be changed."""
    return load_course(minicourse.write(tmp_path / "course"))


def layer_of(
    tmp_path: Path, source: str, key: str = "a01_numbers", path: str = TENSOR, origin: str = "student"
) -> Layer:
    file = tmp_path / f"{key}-{origin}.py"
    file.write_text(source, encoding="utf-8")
    return Layer(key, origin, {path: file})


def python(path: Path, code: str) -> str:
    """What a Python of its own prints, with a composition in front of its path and warnings as errors."""
    command = [sys.executable, "-W", "error", "-c", f"import sys; sys.path.insert(0, {str(path)!r})\n{code}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def files_in(made: compose.Composition) -> set[str]:
    found = (p for p in made.path.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return {p.relative_to(made.path).as_posix() for p in found}


def every_byte(folder: Path) -> bytes:
    return b"\n".join(p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file())


# What is in it.


def test_a_composition_is_the_frame_the_layers_a_manifest_and_nothing_else(mini, tmp_path):
    made = compose.compose(mini, compose.reference_layers(mini), tmp_path / "c")
    frame = {f"tinytorch/{name}" for name in minicourse.FRAME}
    assert files_in(made) == frame | {TENSOR, WORDS, compose.MANIFEST}
    assert made.package == tmp_path / "c" / "tinytorch"
    assert made.origins == {"a01_numbers": "reference", "a02_words": "reference"}


def test_the_manifest_says_which_file_came_from_whom(mini, tmp_path):
    student = layer_of(tmp_path, "x = 1\n")
    made = compose.compose(mini, compose.with_students(mini, [student]), tmp_path / "c")
    manifest = json.loads((made.path / compose.MANIFEST).read_text())
    assert manifest["course"] == {"name": "Mini", "version": "1"}
    assert manifest["layers"] == {"a01_numbers": "student", "a02_words": "reference"}
    assert manifest["owners"] == {TENSOR: "a01_numbers", WORDS: "a02_words"}
    assert {path: (f["assignment"], f["origin"]) for path, f in manifest["files"].items()} == {
        TENSOR: ("a01_numbers", "student"),
        WORDS: ("a02_words", "reference"),
    }
    assert str(tmp_path) not in json.dumps(manifest)


def test_a_student_s_layer_provides_its_own_files_and_the_stub_fills_in_what_is_absent(tmp_path):
    root = minicourse.write(tmp_path / "course")
    declared = root / "course.yaml"
    declared.write_text(
        declared.read_text().replace("[tinytorch/core/tensor.py]", f"[{TENSOR}, tinytorch/core/extra.py]")
    )
    course = load_course(root)
    for name in (TENSOR, "tinytorch/core/extra.py"):
        stub = course.stub("a01_numbers") / name
        stub.parent.mkdir(parents=True, exist_ok=True)
        stub.write_text("ORIGIN = 'stub'\n")
    work = minicourse.put_numbers(tmp_path / "work", "ORIGIN = 'student'\n")
    for foreign in ("tinytorch/core/activations.py", "tinytorch/_names.py", "numpy.py", "tinytorch/core/other.py"):
        (work / foreign).write_text("ORIGIN = 'foreign'\n")
    layer = compose.student_layer(course, "a01_numbers", work)
    assert {path: source.read_text() for path, source in layer.files.items()} == {
        TENSOR: "ORIGIN = 'student'\n",
        "tinytorch/core/extra.py": "ORIGIN = 'stub'\n",
    }
    made = compose.compose(course, compose.for_grading(course, layer), tmp_path / "c")
    assert b"foreign" not in every_byte(made.path)
    assert "numpy.py" not in files_in(made)


def test_grading_composes_the_reference_of_the_prerequisites_and_nothing_later(mini, tmp_path):
    words = compose.for_grading(mini, layer_of(tmp_path, "x = 1\n", "a02_words", WORDS))
    assert [(layer.assignment, layer.origin) for layer in words] == [
        ("a01_numbers", "reference"),
        ("a02_words", "student"),
    ]
    numbers = compose.for_grading(mini, layer_of(tmp_path, "x = 1\n"))
    assert [(layer.assignment, layer.origin) for layer in numbers] == [("a01_numbers", "student")]


@pytest.mark.parametrize("key", GRADED)
def test_no_solution_line_of_the_graded_assignment_or_a_later_one_is_in_a_grading_composition(key, tmp_path):
    """Sources, byte code, manifest and placeholders: every byte is searched."""
    answers = [other for other in WRITTEN if other not in REAL.closure(key)]
    assert key in answers
    files = {}
    for path in REAL.by_key[key].writes:
        files[path] = tmp_path / "empty.py"
        files[path].write_text('"""Mine."""\n')
    made = compose.compose(REAL, compose.for_grading(REAL, Layer(key, "student", files)), tmp_path / "c")
    content = every_byte(made.path)
    public = b"\n".join(p.read_bytes() for p in REAL.frame.rglob("*.py"))
    for answer in answers:
        for path in REAL.by_key[answer].writes:
            source = (REAL.solution(answer) / path).read_text(encoding="utf-8")
            secret = solution_lines(source, path)
            lines = [line.strip().encode() for n, line in enumerate(source.splitlines(), 1) if n in secret]
            telling = [line for line in lines if len(line) > 25 and line not in public]
            assert telling
            there = [line for line in telling if line in content]
            shared = b"\n".join(
                (REAL.solution(k) / p).read_bytes() for k in REAL.closure(key) for p in REAL.by_key[k].writes
            )
            assert [line for line in there if line not in shared] == []


def test_a_milestone_takes_every_layer_of_the_student_and_the_reference_for_the_rest(mini, tmp_path):
    own = layer_of(tmp_path, "def shout(n):\n    return 'mine'\n", "a02_words", WORDS)
    layers = compose.with_students(mini, [own])
    assert [(layer.assignment, layer.origin) for layer in layers] == [
        ("a01_numbers", "reference"),
        ("a02_words", "student"),
    ]


def test_the_import_of_an_absent_file_names_its_assignment(tmp_path):
    made = compose.compose(REAL, [], tmp_path / "c")
    paths = [path for path in REAL.owners if path.startswith("tinytorch/")]
    modules = {path.removesuffix(".py").replace("/", "."): REAL.owners[path] for path in paths}
    code = f"""
import importlib
for module, key in {modules!r}.items():
    try:
        importlib.import_module(module)
    except ImportError as error:
        assert key in str(error) and module in str(error), error
    else:
        raise AssertionError(module)
print("all named")
"""
    assert python(made.path, code) == "all named"


# Sealed.


def test_nothing_in_a_sealed_composition_can_be_written(mini, tmp_path):
    made = compose.compose(mini, compose.reference_layers(mini), tmp_path / "c")
    entries = [made.path, *made.path.rglob("*")]
    assert len(entries) > 8
    for path in entries:
        assert path.stat().st_mode & 0o222 == 0, path
        assert path.stat().st_mode & 0o444 == 0o444, path
        assert not path.is_symlink()


def test_running_code_leaves_no_trace_in_a_sealed_composition(mini, tmp_path):
    made = compose.compose(mini, compose.reference_layers(mini), tmp_path / "c")
    before = {p.relative_to(made.path): p.read_bytes() for p in made.path.rglob("*") if p.is_file()}
    code = "import tinytorch.core.activations as a\nprint(a.shout(2))"
    assert python(made.path, code) == "!!!!"
    assert {p.relative_to(made.path): p.read_bytes() for p in made.path.rglob("*") if p.is_file()} == before


def test_byte_code_of_the_course_s_files_is_that_of_their_sources(mini, tmp_path):
    made = compose.compose(mini, compose.reference_layers(mini), tmp_path / "c")
    sources = [path for path in files_in(made) if path.endswith(".py")]
    assert len(sources) == 5
    for path in sources:
        cached = Path(importlib.util.cache_from_source(str(made.path / path))).read_bytes()
        assert cached[:4] == importlib.util.MAGIC_NUMBER
        assert marshal.loads(cached[16:]) == compile((made.path / path).read_bytes(), path, "exec", dont_inherit=True)


def test_given_byte_code_of_a_student_s_file_is_what_runs(mini, tmp_path):
    student = layer_of(tmp_path, "def double(x):\n    return 'from the source'\n")
    code = compile("def double(x):\n    return 'from the byte code'\n", TENSOR, "exec")
    layers = compose.for_grading(mini, student)
    made = compose.compose(mini, layers, tmp_path / "c", bytecode={TENSOR: marshal.dumps(code)})
    assert python(made.path, "from tinytorch.core.tensor import double\nprint(double(3))") == "from the byte code"


def test_a_student_s_source_is_never_compiled_here(mini, tmp_path):
    student = layer_of(tmp_path, "this is (no Python\n")
    made = compose.compose(mini, compose.for_grading(mini, student), tmp_path / "c")
    assert (made.path / TENSOR).read_text() == "this is (no Python\n"
    assert not Path(importlib.util.cache_from_source(str(made.path / TENSOR))).exists()


# What the compositions of one judge have in common.


def inodes(made: compose.Composition) -> dict[str, int]:
    return {p.relative_to(made.path).as_posix(): p.stat().st_ino for p in made.path.rglob("*") if p.is_file()}


def test_a_shelf_shares_the_course_s_files_and_nothing_of_a_student_or_of_one_composition(mini, tmp_path):
    shelf = compose.Shelf(tmp_path / "shelf")
    layers = compose.for_grading(mini, layer_of(tmp_path, "def double(x):\n    return 2 * x\n"))
    code = {TENSOR: marshal.dumps(compile("def double(x):\n    return 2 * x\n", TENSOR, "exec"))}
    first, second = (
        compose.compose(mini, layers, tmp_path / name, bytecode=code, shelf=shelf) for name in ("first", "second")
    )
    apart = compose.compose(mini, layers, tmp_path / "apart", bytecode=code)
    own = {
        TENSOR,
        compose.MANIFEST,
        str(Path(TENSOR).parent / "__pycache__" / f"tensor.{sys.implementation.cache_tag}.pyc"),
    }
    assert own < set(inodes(first))
    for path, inode in inodes(first).items():
        assert (inodes(second)[path] == inode) == (path not in own), path
    # A shelf shows in no byte and no right.
    assert every_byte(first.path) == every_byte(second.path) == every_byte(apart.path)
    assert first.digest == apart.digest
    for path in inodes(second):
        assert (second.path / path).stat().st_mode == (apart.path / path).stat().st_mode, path
    assert (tmp_path / "shelf").stat().st_mode & 0o077 == 0


def test_a_file_that_changes_between_two_compositions_is_not_taken_from_the_shelf(course, tmp_path):
    shelf = compose.Shelf(tmp_path / "shelf")
    compose.compose(course, compose.reference_layers(course), tmp_path / "before", shelf=shelf)
    source = course.solution("a01_numbers") / TENSOR
    source.write_text("def double(x):\n    return 'changed'\n", encoding="utf-8")
    made = compose.compose(course, compose.reference_layers(course), tmp_path / "after", shelf=shelf)
    assert python(made.path, "from tinytorch.core.tensor import double\nprint(double(3))") == "changed"


def test_the_same_text_as_another_s_is_a_student_s_own_file(mini, tmp_path):
    """A student may hand in the reference's very text: it is compiled where student code is, or not at all."""
    shelf = compose.Shelf(tmp_path / "shelf")
    reference = compose.reference_layer(mini, "a01_numbers")
    compose.compose(mini, [reference], tmp_path / "reference", shelf=shelf)
    made = compose.compose(mini, [Layer("a01_numbers", "student", reference.files)], tmp_path / "student", shelf=shelf)
    assert (made.path / TENSOR).stat().st_nlink == 1
    assert not Path(importlib.util.cache_from_source(str(made.path / TENSOR))).exists()


def test_a_file_system_without_links_gets_copies(mini, tmp_path, monkeypatch):
    def no_links(*paths: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr("os.link", no_links)
    shelf = compose.Shelf(tmp_path / "shelf")
    first, second = (
        compose.compose(mini, compose.reference_layers(mini), tmp_path / name, shelf=shelf) for name in ("1", "2")
    )
    assert every_byte(first.path) == every_byte(second.path)


def test_discarding_one_composition_leaves_the_others_whole(mini, tmp_path):
    shelf = compose.Shelf(tmp_path / "shelf")
    first, second = (
        compose.compose(mini, compose.reference_layers(mini), tmp_path / name, shelf=shelf) for name in ("1", "2")
    )
    before = every_byte(second.path)
    compose.discard(first.path)
    assert every_byte(second.path) == before
    entries = [second.path, *second.path.rglob("*")]
    assert all(path.stat().st_mode & 0o222 == 0 for path in entries)


def test_discard_removes_a_sealed_composition_and_only_the_links_of_a_linked_one(course, tmp_path):
    for linked in (False, True):
        made = compose.compose(course, compose.reference_layers(course), tmp_path / "c", linked=linked)
        compose.discard(made.path)
        assert not made.path.exists()
    assert (course.solution("a01_numbers") / TENSOR).read_text() == minicourse.NUMBERS.lstrip("\n")
    compose.discard(tmp_path / "never there")


# Linked.


def test_an_edit_of_a_source_is_live_in_a_linked_composition(course, tmp_path):
    made = compose.compose(course, compose.reference_layers(course), tmp_path / "c", linked=True)
    code = "from tinytorch.core.tensor import double\nprint(double(2))"
    source = course.solution("a01_numbers") / TENSOR
    assert python(made.path, code) == "4"
    source.write_text("def double(x):\n    return 'edited'\n")
    assert python(made.path, code) == "edited"
    assert not [p for p in made.path.rglob("*.pyc") if "core" in p.parts and p.stat().st_mode & 0o222 == 0]


def test_refreshing_the_linked_reference_brings_in_new_solutions_and_leaves_no_second_folder(course, tmp_path):
    place = tmp_path / "links" / "reference"
    place.parent.mkdir()
    words = course.solution("a02_words") / WORDS
    source = words.read_text()
    course.solution("a02_words").rename(tmp_path / "away")
    first = compose.refresh_linked(course, place)
    assert first.origins == {"a01_numbers": "reference"}
    assert "absent" in (place / WORDS).read_text()
    (tmp_path / "away").rename(course.solution("a02_words"))
    second = compose.refresh_linked(course, place)
    assert (place / WORDS).read_text() == source
    assert [p.name for p in place.parent.iterdir()] == ["reference"]
    assert (second.path, first.digest != second.digest) == (place, True)


# The digest.


def test_the_digest_names_the_content_and_the_origins_not_the_folder(course, tmp_path):
    def digest(name: str, layers: tuple[Layer, ...] | None = None, **options: bool) -> str:
        layers = compose.reference_layers(course) if layers is None else layers
        return compose.compose(course, layers, tmp_path / name, **options).digest

    first = digest("one")
    assert (
        first == digest("two") == digest("three", linked=True) == digest("four", compose.reference_layers(course)[::-1])
    )
    as_student = [Layer("a01_numbers", "student", compose.reference_layer(course, "a01_numbers").files)]
    digests = {first, digest("five", ()), digest("six", compose.with_students(course, as_student))}
    for number, file in enumerate(
        (course.solution("a01_numbers") / TENSOR, course.solution("a02_words") / WORDS, *course.frame.rglob("*.py"))
    ):
        file.write_text(file.read_text() + "\n# changed\n")
        digests.add(digest(f"changed{number}"))
    assert len(digests) == 3 + 5


def test_a_file_that_cannot_be_read_as_text_is_copied_byte_by_byte(mini, tmp_path):
    odd = layer_of(tmp_path, "")
    odd.files[TENSOR].write_bytes(b"\xff\x00# \r\n")
    made = compose.compose(mini, compose.for_grading(mini, odd), tmp_path / "c")
    assert (made.path / TENSOR).read_bytes() == b"\xff\x00# \r\n"


# Misuse.


def test_two_layers_for_one_assignment_are_refused(mini, tmp_path):
    layer = compose.reference_layer(mini, "a01_numbers")
    with pytest.raises(GraderError, match="two layers for a01_numbers in one composition; a file has one origin"):
        compose.compose(mini, [layer, layer], tmp_path / "c")


@pytest.mark.parametrize(
    "path", [WORDS, "tinytorch/_names.py", "numpy.py", "../outside.py", "/etc/passwd", compose.MANIFEST]
)
def test_a_layer_with_a_file_it_does_not_own_is_refused_and_nothing_is_written(path, mini, tmp_path):
    layer = layer_of(tmp_path, "x = 1\n", path=path)
    with pytest.raises(GraderError, match=f"the layer of a01_numbers provides {path}, which it does not own"):
        compose.compose(mini, [layer], tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_a_declaration_that_gives_a_file_of_the_frame_away_is_refused(tmp_path):
    root = minicourse.write(tmp_path / "course")
    (root / "tinytorch_ref" / "tinytorch" / "core" / "tensor.py").write_text("x = 1\n")
    course = load_course(root)
    with pytest.raises(GraderError, match=f"a01_numbers may not write {TENSOR}: the frame owns it; correct `writes`"):
        compose.compose(course, compose.reference_layers(course), tmp_path / "c")


def test_a_folder_that_is_not_empty_is_left_alone(mini, tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty; composing needs a folder of its own"):
        compose.compose(mini, [], tmp_path / "c")
    assert [p.name for p in (tmp_path / "c").iterdir()] == ["mine.txt"]


def test_a_course_without_a_frame_is_told_where_it_was_looked_for(course, tmp_path):
    (course.frame / "__init__.py").unlink()
    with pytest.raises(GraderError, match=f"the frame is missing: {course.frame}/__init__.py"):
        compose.compose(course, [], tmp_path / "c")


def test_a_missing_file_names_the_remedy_of_its_origin(course, tmp_path):
    (course.solution("a01_numbers") / TENSOR).unlink()
    with pytest.raises(GraderError, match=f"a01_numbers has no reference file {TENSOR} in .*; write it"):
        compose.reference_layer(course, "a01_numbers")
    with pytest.raises(UserError, match=f"a01_numbers has no stub file {TENSOR} in .*; run: tito build a01_numbers"):
        compose.stub_layer(course, "a01_numbers")
    with pytest.raises(
        UserError,
        match=rf"holds none of the files of a01_numbers \({TENSOR}\); point to the folder that contains tinytorch/",
    ):
        compose.student_layer(course, "a01_numbers", tmp_path)


# The real course. That every prefix of its written assignments composes and imports with every public name is shown
# beside the frame, in tinytorch_ref/tests/test_facades.py; here every layer that is graded is imported as it is graded.


def test_every_written_assignment_imports_in_the_composition_in_which_it_is_graded(tmp_path):
    program = []
    for key in GRADED:
        made = compose.compose(REAL, compose.for_grading(REAL, compose.reference_layer(REAL, key)), tmp_path / key)
        modules = [path.removesuffix(".py").replace("/", ".") for path in REAL.by_key[key].writes]
        program.append((str(made.path), modules))
    code = f"""
import importlib
for folder, modules in {program!r}:
    sys.path[0] = folder
    for name in [n for n in sys.modules if n.split(".")[0] == "tinytorch"]:
        del sys.modules[name]
    for module in modules:
        assert importlib.import_module(module).__file__.startswith(folder)
print(len({program!r}))
"""
    assert python(tmp_path, code) == str(len(GRADED))
