"""Intake takes the assignment's files out of any honest upload, and nothing else out of any upload."""

from __future__ import annotations

import json
import os
import random
import tracemalloc
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.course import Course
from autograder.errors import GraderError, UserError
from autograder.intake import IntakeError, Submission, receive, safe
from autograder.intake.paths import UnusablePath, clean
from autograder.tests.uploads import CODE, LAYERS, MLOPS, OLYMPICS, TENSOR, Item, make_zip, mini_course, write

_numbers = count()


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return mini_course(tmp_path_factory.mktemp("course"))


@pytest.fixture
def take(course: Course, tmp_path: Path):
    """Take in a source (bytes are a zip) as a submission to an assignment, and check what no upload may break."""

    def taken(source: bytes | Path, key: str = "a01") -> Submission:
        if isinstance(source, bytes):
            source = write(tmp_path / f"in{next(_numbers)}" / "upload.zip", source)
        into = tmp_path / f"out{next(_numbers)}"
        assignment = course.assignment(key)
        try:
            submission = receive(source, course, assignment, into)
        except UserError as error:
            assert isinstance(error, IntakeError)
            assert "\n" not in str(error) and str(error).isprintable()
            assert not into.exists() or not [p for p in into.rglob("*") if p.is_file()]
            raise
        assert {p.path for p in submission.files} <= set(assignment.writes)
        on_disk = {p.relative_to(submission.root).as_posix() for p in submission.root.rglob("*") if not p.is_dir()}
        assert on_disk == {p.path for p in submission.files}
        assert sorted(os.listdir(into)) == ["attachments", "layer"]
        return submission

    return taken


def content(submission: Submission, path: str = TENSOR) -> bytes:
    return (submission.root / path).read_bytes()


# What is accepted.

HONEST = {
    "at its place": make_zip((TENSOR, CODE)),
    "deflated": make_zip(Item(TENSOR, CODE, method=8)),
    "with folder entries": make_zip(
        Item("tinytorch/", mode=0o40755), Item("tinytorch/core/", mode=0o40755), (TENSOR, CODE)
    ),
    "in one extra folder": make_zip(("a01_tensor/" + TENSOR, CODE)),
    "in three extra folders": make_zip(("x/y/z/" + TENSOR, CODE)),
    "alone at the top": make_zip(("tensor.py", CODE)),
    "in the wrong folder": make_zip(("tinytorch/layers/tensor.py", CODE)),
    "in another case": make_zip(("Tinytorch/Core/Tensor.py", CODE)),
    "with backslashes": make_zip(("a01\\tinytorch\\core\\tensor.py", CODE)),
    "with dots and double slashes": make_zip((".//tinytorch/./core//tensor.py", CODE)),
    "from DOS": make_zip(Item(TENSOR, CODE, system=0, mode=0)),
    "beside macOS clutter": make_zip(
        (TENSOR, CODE),
        ("__MACOSX/tinytorch/core/._tensor.py", b"\0\1"),
        ("tinytorch/.DS_Store", b"x"),
        ("tinytorch/core/__pycache__/tensor.cpython-311.pyc", b"x"),
        (".ipynb_checkpoints/tensor.py", b"old"),
    ),
    "beside an older copy deeper down": make_zip(("old/" + TENSOR, b"old = 1\n"), (TENSOR, CODE)),
    "beside other assignments": make_zip((LAYERS, b"x = 1\n"), (TENSOR, CODE), ("a20/" + MLOPS, b"x = 1\n")),
    "in a folder with a name in cp437": make_zip((b"a01_\x81bung/tinytorch/core/tensor.py", CODE)),
    "in a folder with a name in UTF-8": make_zip(Item("a01_\u00fcbung/" + TENSOR, CODE, flags=0x800)),
    "after a self-extractor": b"#!/bin/sh\n" * 10 + make_zip((TENSOR, CODE)),
}


@pytest.mark.parametrize("zipped", HONEST.values(), ids=HONEST.keys())
def test_every_honest_layout_gives_the_same_file_and_the_same_digest(take, zipped):
    submission = take(zipped)
    assert content(submission) == CODE
    assert submission.digest == take(HONEST["at its place"]).digest
    assert submission.missing == () and submission.assignment == "a01_tensor"
    assert [(f.path, f.size) for f in submission.files] == [(TENSOR, len(CODE))]


@pytest.mark.parametrize(
    ("zipped", "words"),
    [
        ("in one extra folder", ["taken from the folder a01_tensor/"]),
        ("alone at the top", ["tensor.py was taken as " + TENSOR]),
        ("in another case", ["Tinytorch/Core/Tensor.py was taken as " + TENSOR]),
        ("with backslashes", ["backslashes"]),
        ("at its place", []),
    ],
)
def test_what_intake_put_right_is_told(take, zipped, words):
    notes = take(HONEST[zipped]).notes
    assert bool(notes) == bool(words)
    for word in words:
        assert any(word in note for note in notes)


def test_the_digest_changes_with_the_code_and_with_nothing_else(take):
    base = take(make_zip((OLYMPICS, b"a = 1\n"), (MLOPS, b"b = 1\n")), "a20")
    moved = take(
        make_zip(("x/" + MLOPS, b"b = 1\n"), ("x/reflection.md", b"words"), ("x/" + OLYMPICS, b"a = 1\n")), "a20"
    )
    assert base.digest == moved.digest
    different = (
        make_zip((OLYMPICS, b"b = 1\n"), (MLOPS, b"a = 1\n")),
        make_zip((OLYMPICS, b"a = 1\n"), (MLOPS, b"b = 1\n\n")),
        make_zip((OLYMPICS, b"a = 1\n")),
    )
    assert len({base.digest, *(take(z, "a20").digest for z in different)}) == 4


def test_a_submission_may_lack_some_of_its_files_but_says_so(take):
    submission = take(make_zip((MLOPS, b"x = 1\n")), "a20")
    assert submission.missing == (OLYMPICS,)
    assert any(OLYMPICS in note and "stub" in note for note in submission.notes)


def test_ignored_files_are_listed_with_a_reason(take):
    extra = {
        LAYERS: "belongs to a02_layers",
        "tinytorch/__init__.py": "frame",
        "numpy.py": "'numpy'",
        "otter/__init__.py": "'otter'",
        "sitecustomize.py": "'sitecustomize'",
        "evil.pth": ".pth",
        "inner.zip": "not opened",
        "notes.txt": "not part of this assignment",
        "old/tensor.py": "another copy",
    }
    submission = take(make_zip((TENSOR, CODE), *((name, b"x = 1\n") for name in extra)))
    reasons = {i.path: i.reason for i in submission.ignored}
    assert reasons.keys() == extra.keys()
    for path, word in extra.items():
        assert word in reasons[path], path


def test_a_heap_of_clutter_is_one_line(take):
    heap = [(f"venv/lib/python3/site-packages/m{n}.py", b"") for n in range(300)]
    assert [i.path for i in take(make_zip((TENSOR, CODE), *heap)).ignored] == ["venv/"]


def test_a_reflection_is_kept_apart_from_the_code(take):
    submission = take(make_zip(("a/" + TENSOR, CODE), ("a/reflection.md", b"# Why\n"), ("b/reflection.md", b"no")))
    assert [a.path for a in submission.attachments] == ["reflection.md"]
    assert (submission.attachments_root / "reflection.md").read_bytes() == b"# Why\n"
    bad = take(make_zip((TENSOR, CODE), ("reflection.md", b"\xff\xfe")))
    assert bad.attachments == () and "UTF-8" in bad.ignored[0].reason
    two = take(make_zip((TENSOR, CODE), ("a/reflection.md", b"x"), ("b/reflection.md", b"y")))
    assert two.attachments == () and any("reflection.md" in note for note in two.notes)


# What is refused, and in which words.

OTHER = b"x = 1\n"
REFUSED = {
    "not a zip": (b"hello", "is not a zip file"),
    "zero bytes": (b"", "empty (0 bytes)"),
    "a tarball": (b"\x1f\x8b\x08\x00" + b"x" * 50, "gzip"),
    "a RAR": (b"Rar!\x1a\x07\x00" + b"x" * 50, "RAR"),
    "a cut-off zip": (make_zip((TENSOR, CODE))[:-30], "cut off"),
    "only the first bytes of a zip": (make_zip((TENSOR, CODE))[:40], "cut off"),
    "an empty zip": (make_zip(), "holds no files"),
    "only macOS clutter": (make_zip(("__MACOSX/._tensor.py", b"x")), "holds no files"),
    "another assignment": (
        make_zip((LAYERS, OTHER)),
        "wrong assignment: upload.zip holds tinytorch/core/layers.py of a02_layers",
    ),
    "another assignment, flat": (make_zip(("mlops.py", OTHER)), "of a20_capstone"),
    "a misspelt name": (make_zip(("tinytorch/core/tensors.py", CODE)), "rename tinytorch/core/tensors.py to " + TENSOR),
    "nothing like it": (
        make_zip(("main.py", OTHER), ("b.txt", OTHER)),
        "is missing from upload.zip; found main.py, b.txt",
    ),
    "a zip in the zip": (make_zip(("sub.zip", make_zip((TENSOR, CODE)))), "submit the inner one"),
    "two nested candidates": (make_zip(("a/" + TENSOR, CODE), ("b/" + TENSOR, OTHER)), "2 files could be"),
    "two flat candidates": (make_zip(("a/tensor.py", CODE), ("b/tensor.py", OTHER)), "a/tensor.py, b/tensor.py"),
    "the same name twice": (make_zip((TENSOR, CODE), (TENSOR, OTHER)), "is in upload.zip 2 times"),
    "the same name twice, disguised": (make_zip((TENSOR, CODE), ("./" + TENSOR, OTHER)), "2 times"),
    "names that differ in case": (
        make_zip((TENSOR, CODE), ("tinytorch/core/Tensor.py", OTHER)),
        "upper and lower case",
    ),
    "an encrypted file": (make_zip(Item(TENSOR, CODE, flags=1)), "encrypted"),
    "a link in place of the file": (make_zip(Item(TENSOR, b"/etc/passwd", mode=0o120777)), "is a link"),
    "a device in place of the file": (make_zip(Item(TENSOR, b"", mode=0o20666)), "not an ordinary file"),
    "an lzma entry": (make_zip(Item(TENSOR, CODE, method=14)), "unusual way"),
    "an unknown method": (make_zip(Item(TENSOR, CODE, method=99)), "unusual way"),
    "a wrong checksum": (make_zip(Item(TENSOR, CODE, crc=1)), "is damaged inside upload.zip"),
    "a size that is too small": (make_zip(Item(TENSOR, CODE, method=8, declared=5)), "damaged"),
    "a size that is too large": (make_zip(Item(TENSOR, CODE, method=8, declared=500)), "damaged"),
    "garbage where deflate should be": (make_zip(Item(TENSOR, CODE, method=8, packed=b"\xff" * 40)), "damaged"),
    "another name in the local header": (
        make_zip(Item(TENSOR, CODE, local_name=b"tinytorch/core/other_.py")),
        "damaged",
    ),
    "an offset beyond the end": (make_zip(Item(TENSOR, CODE, offset=10_000)), "damaged"),
    "a future version of zip": (make_zip(Item(TENSOR, CODE, version=200)), "damaged zip"),
    "a name that is not the UTF-8 it claims": (make_zip(Item(b"\xff\xfe.py", CODE, flags=0x800)), "not UTF-8"),
    "a NUL hidden in the name": (make_zip((b"tinytorch/core/tensor.py\0.txt", CODE)), "control characters"),
    "an absolute path": (make_zip(("/" + TENSOR, CODE)), "absolute"),
    "a drive": (make_zip(("C:\\" + TENSOR, CODE)), "absolute"),
    "a path out of the zip": (make_zip(("../" + TENSOR, CODE)), "leaves the upload"),
    "a path out of the zip, in Windows' way": (make_zip(("..\\..\\" + TENSOR, CODE)), "leaves the upload"),
    "an empty file": (make_zip((TENSOR, b"")), TENSOR + " is empty"),
    "only a byte order mark": (make_zip((TENSOR, b"\xef\xbb\xbf\r\n")), "is empty"),
    "UTF-16": (make_zip((TENSOR, "x = 1\n".encode("utf-16"))), "UTF-16"),
    "Latin-1": (make_zip((TENSOR, b"x = 1\n\r\n# caf\xe9\n")), TENSOR + ":3 holds the byte 0xe9"),
    "a NUL byte": (make_zip((TENSOR, b"x = 1\ny = '\0'\n")), TENSOR + ":2 holds a NUL"),
    "a source of a megabyte": (
        make_zip(Item(TENSOR, b"".join(b"x = %d\n" % n for n in range(120_000)), method=8)),
        "1024 KB",
    ),
    "too many files": (
        make_zip((TENSOR, CODE), *((f"f{n}.txt", b"") for n in range(20))),
        "21 files, more than the 20",
    ),
    "too much data": (
        make_zip((TENSOR, CODE), *(Item(f"d{n}", b"twelve bytes" * 60_000, method=8) for n in range(3))),
        "leave out data such as d0",
    ),
    "an upload beyond the limit": (make_zip((TENSOR, CODE), ("data.bin", b"x" * (2 << 20))), "larger than 2 MB"),
}


@pytest.mark.parametrize(("zipped", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refusal_names_what_is_wrong(take, zipped, words):
    with pytest.raises(IntakeError) as refusal:
        take(zipped)
    assert words in str(refusal.value)


HARMLESS = {
    "paths out of the zip": [
        ("../../evil.py", OTHER),
        ("/etc/cron.d/evil", OTHER),
        ("C:evil.py", OTHER),
        ("a/../b", OTHER),
    ],
    "links": [Item("tinytorch/core/link.py", b"../../../secret", mode=0o120777), Item("lib", b"/etc", mode=0o120777)],
    "an encrypted extra": [Item("secret.txt", b"??", flags=1)],
    "a bomb": [Item("bomb.bin", b"\0" * (40 << 20), method=8)],
    "a bomb that lies": [Item("bomb.bin", b"", method=8, declared=4_000_000_000, packed=b"xyz")],
    "control characters": [("\x1b[31mred.txt", OTHER), ("\u202egnp.py", OTHER), ("a\nb", OTHER)],
    "very long names": [("x" * 5000, OTHER), ("/".join("d" * 100), OTHER)],
    "a pipe": [Item("pipe", b"", mode=0o10644)],
}


@pytest.mark.parametrize("extra", HARMLESS.values(), ids=HARMLESS.keys())
def test_hostile_extras_are_named_and_do_not_hurt_the_honest_file(take, extra, tmp_path):
    submission = take(make_zip((TENSOR, CODE), *extra))
    assert content(submission) == CODE
    assert len(submission.ignored) == len(extra)
    for ignored in submission.ignored:
        assert ignored.path.isprintable() and len(ignored.path) <= 120 and ignored.reason
    assert not [p for p in tmp_path.rglob("*") if "evil" in p.name]


def test_data_shared_by_many_entries_is_not_unpacked_once_for_each(take):
    kernel = Item("k0", b"\0" * 100_000, method=8)
    first = make_zip((TENSOR, CODE), kernel)
    start = first.index(b"PK\x03\x04", 10)
    shared = [
        Item(f"k{n}", kernel.data, method=8, packed=b"", compressed=len(kernel.body), offset=start) for n in range(1, 5)
    ]
    submission = take(make_zip((TENSOR, CODE), kernel, *shared))
    assert content(submission) == CODE
    assert {i.reason for i in submission.ignored} == {"its data overlaps another entry's"} and len(
        submission.ignored
    ) == 5


def test_a_table_of_contents_of_a_hundred_thousand_entries_is_not_even_parsed(take):
    entry = b"PK\x01\x02" + b"\0" * 42
    end = b"PK\x05\x06" + b"\0" * 8 + (len(entry) * 22_000).to_bytes(4, "little") + b"\0" * 6
    with pytest.raises(IntakeError, match="more than 20000 entries"):
        take(entry * 22_000 + end)


def test_a_bomb_in_the_files_place_costs_no_memory(take):
    bomb = make_zip(Item(TENSOR, b"#" * (100 << 20), method=8))
    tracemalloc.start()
    try:
        with pytest.raises(IntakeError, match="would unpack to 100 MB"):
            take(bomb)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_a_damaged_zip_is_refused_or_taken_but_never_crashes_intake(take):
    good = make_zip((TENSOR, CODE), Item("a.txt", b"text" * 50, method=8), ("b/c", b"x"))
    dice = random.Random(7)
    taken = 0
    for _ in range(400):
        bad = bytearray(good)
        for _ in range(dice.randint(1, 4)):
            bad[dice.randrange(len(bad))] = dice.randrange(256)
        cut = bytes(bad[: dice.choice([len(bad), len(bad), dice.randrange(len(bad))])])
        try:
            taken += content(take(cut)) == CODE
        except IntakeError:
            continue
    assert taken > 20  # most damage hits dates, modes or the other files


# Folders.


def test_a_folder_is_taken_like_a_zip(take, tmp_path):
    folder = tmp_path / "a01_tensor"
    write(folder / TENSOR, CODE)
    write(folder / "tests" / "test_shape.py", b"x = 1\n")
    write(folder / "__pycache__" / "x.pyc", b"x")
    submission = take(folder)
    assert submission.digest == take(HONEST["at its place"]).digest
    assert [i.path for i in submission.ignored] == ["__pycache__/", "tests/test_shape.py"]


def test_a_folder_without_its_frame_of_folders_is_what_gradescope_hands_over(take, tmp_path):
    assert content(take(write(tmp_path / "submission" / "tensor.py", CODE).parent)) == CODE


@pytest.mark.parametrize("kind", ["file", "folder", "outside", "loop", "pipe"])
def test_links_and_pipes_in_a_folder_are_never_followed(take, tmp_path, kind):
    secret = write(tmp_path / "secret" / "core" / "tensor.py", b"secret = 1\n")
    folder = tmp_path / "sub"
    (folder / "tinytorch" / "core").mkdir(parents=True)
    if kind == "file":
        (folder / TENSOR).symlink_to(secret)
    elif kind == "folder":
        (folder / "tinytorch" / "core").rmdir()
        (folder / "tinytorch" / "core").symlink_to(secret.parent)
    elif kind == "outside":
        (folder / "up").symlink_to(tmp_path)
    elif kind == "loop":
        (folder / "tinytorch" / "core" / "core").symlink_to(folder)
    else:
        os.mkfifo(folder / TENSOR)
    with pytest.raises(IntakeError):
        take(folder)


def test_a_file_name_that_is_not_text_does_not_stop_a_folder(take, tmp_path):
    write(tmp_path / "sub" / TENSOR, CODE)
    with open(os.fsencode(tmp_path / "sub") + b"/\xff\xfe\x1b.py", "wb") as file:
        file.write(b"x")
    submission = take(tmp_path / "sub")
    assert submission.ignored[0].path.isprintable()


def test_what_is_neither_zip_folder_nor_notebook_is_refused(take, tmp_path):
    with pytest.raises(IntakeError, match="no file or folder"):
        take(tmp_path / "nothing.zip")
    with pytest.raises(IntakeError, match="is a Python file"):
        take(write(tmp_path / "tensor.py", CODE))


def test_a_folder_to_unpack_into_must_be_empty(course, tmp_path):
    write(tmp_path / "into" / "old", b"x")
    source = write(tmp_path / "u.zip", make_zip((TENSOR, CODE)))
    with pytest.raises(GraderError, match="not empty"):
        receive(source, course, course.assignment("a01"), tmp_path / "into")


# Notebooks.


def notebook(*cells: str | list[str]) -> bytes:
    made = [{"cell_type": "code", "source": source, "outputs": [], "metadata": {}} for source in cells]
    markdown = {"cell_type": "markdown", "source": f"%%writefile {TENSOR}\nnot code"}
    return json.dumps({"cells": [markdown, *made], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}).encode()


WRITES = f"%%writefile {TENSOR}\n"
CELLS = {
    "one cell": ([WRITES + "x = 1"], b"x = 1\n"),
    "lines": ([["%%writefile " + TENSOR + "\n", "x = 1\n", "y = 2"]], b"x = 1\ny = 2\n"),
    "an append": ([WRITES + "x = 1\n", "print(3)", f"%%writefile -a {TENSOR}\ny = 2\n"], b"x = 1\ny = 2\n"),
    "a long append": ([WRITES + "x = 1", f"%%writefile --append {TENSOR}\ny = 2"], b"x = 1\ny = 2\n"),
    "a second write wins": ([WRITES + "x = 1", WRITES + "x = 2"], b"x = 2\n"),
    "an older name of the magic": ([f"%%file {TENSOR}\nx = 1"], b"x = 1\n"),
    "quotes, a dot and blank lines": ([f'\n\n%%writefile "./{TENSOR}"\nx = 1'], b"x = 1\n"),
    "only the file's name": (["%%writefile tensor.py\nx = 1"], b"x = 1\n"),
    "beside another file": (["%%writefile notes.py\nx = 0", WRITES + "x = 1"], b"x = 1\n"),
}


@pytest.mark.parametrize(("cells", "expected"), CELLS.values(), ids=CELLS.keys())
def test_cells_that_write_the_file_are_extracted(take, tmp_path, cells, expected):
    submission = take(write(tmp_path / "lab.ipynb", notebook(*cells)))
    assert content(submission) == expected
    assert content(take(make_zip(("a/lab.ipynb", notebook(*cells))))) == expected


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (notebook("x = 1"), f"`%%writefile {TENSOR}`"),
        (notebook(f"# %%writefile {TENSOR}\nx = 1"), "no cell that writes"),
        (notebook(f"%%writefile ../{TENSOR}\nx = 1"), "no cell that writes"),
        (notebook(f"%%writefile -a {TENSOR}\nx = 1"), "code cell 1 appends"),
        (notebook(f"%%writefile {LAYERS}\nx = 1"), "of a02_layers"),
        (notebook(WRITES), "is empty"),
        (notebook(WRITES + "x = '\0'"), "NUL"),
        (notebook(WRITES + "x = '\ud800'"), "UTF-8"),
        (b"{}", "current format"),
        (b"[]", "current format"),
        (b'{"cells": 3}', "current format"),
        (b'{"cells": [1, {"cell_type": "code"}, {"cell_type": "code", "source": 3}]}', "no cell that writes"),
        (b"not json", "not a readable notebook"),
        (b"\xff\xfe", "not a readable notebook"),
        (b"[" * 100_000, "not a readable notebook"),
        (b'{"cells": ' + b"9" * 10_000 + b"}", "notebook"),
    ],
)
def test_a_notebook_that_cannot_be_used_is_told_why(take, tmp_path, data, words):
    with pytest.raises(IntakeError) as refusal:
        take(write(tmp_path / "lab.ipynb", data))
    assert words in str(refusal.value)


def test_a_file_counts_more_than_a_notebook_that_writes_it(take):
    submission = take(make_zip((TENSOR, CODE), ("lab.ipynb", notebook(WRITES + "x = 1"))))
    assert content(submission) == CODE
    assert [i.path for i in submission.ignored] == ["lab.ipynb"]


def test_two_notebooks_that_write_the_same_file_are_two_candidates(take):
    both = make_zip(("a.ipynb", notebook(WRITES + "x = 1")), ("b.ipynb", notebook(WRITES + "x = 2")))
    with pytest.raises(IntakeError, match=r"a cell of a\.ipynb.*a cell of b\.ipynb"):
        take(both)


# Text of the source.


def test_a_byte_order_mark_is_removed_and_told(take):
    submission = take(make_zip((TENSOR, b"\xef\xbb\xbf" + CODE)))
    assert content(submission) == CODE and any("byte order mark" in note for note in submission.notes)


def test_windows_line_ends_and_any_unicode_stay_as_they_are(take):
    text = "# caf\u00e9 \u4e16\u754c \U0001f600\r\nx = 1\r\n".encode()
    assert content(take(make_zip((TENSOR, text)))) == text


def test_the_assignments_own_limit_counts(take):
    with pytest.raises(IntakeError, match="more than the 3 allowed"):
        take(make_zip((MLOPS, OTHER), ("a", b""), ("b", b""), ("c", b"")), "a20")


# Names.


@given(st.text(max_size=400))
def test_a_shown_name_is_one_short_printable_line(text):
    shown = safe(text)
    assert len(shown) <= 120
    assert shown.isprintable() and "\x1b" not in shown
    if text.isprintable() and len(text) <= 120:
        assert shown == text


PART = st.sampled_from(
    ["..", ".", "", "a", "core", "tensor.py", "C:", "\\", "..\\", "\0", "\u202e", "~", "$HOME", " ", "con"]
)


@given(st.lists(PART, max_size=8).map("/".join) | st.text(max_size=60))
def test_a_cleaned_path_cannot_leave_its_folder(raw):
    try:
        path = clean(raw)
    except UnusablePath:
        return
    assert path and not path.startswith("/") and "\\" not in path
    assert all(part not in ("", ".", "..") for part in path.split("/"))
    assert os.path.normpath(os.path.join("/base", path)).startswith("/base/")
    assert clean(path) == path
