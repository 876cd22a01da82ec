"""Hostile uploads: folders, zips and notebooks, some of them built byte by byte, and what an honest reader gives each.

An upload that holds the honest file in its place earns what that file earns, whatever lies around it; an upload whose
file of the assignment is no readable Python file earns 0.
"""

from __future__ import annotations

import json
import os
import stat
import warnings
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from autograder.tests.attacks.arena import HONEST, MARKER

FILE = "tinytorch/core/tensor.py"
WRONG_MEAN = HONEST.replace("np.sum(x) / np.size(x)", "0.0")
EVIL = f'''
import os
for place in ("/tmp/{MARKER}-shadow", "{MARKER}-shadow"):
    try:
        open(place, "w").close()
    except OSError:
        pass


def double(x):
    return 0


mean = absent = double
'''


@dataclass(frozen=True)
class Upload:
    """`make(folder, course root)` writes the upload into the folder and returns it."""

    name: str
    score: float
    make: Callable[[Path, Path], Path]


def zipped(folder: Path, entries: Iterable[tuple[str, str | bytes]], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    path = folder / "submission.zip"
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", compression) as archive:
        warnings.simplefilter("ignore")  # a name that stands twice, on purpose
        for name, content in entries:
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return path


def tree(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def source(content: str | bytes) -> Callable[[Path, Path], Path]:
    """A folder with this as the file of the assignment."""
    return lambda folder, course: tree(folder, {FILE: content})


def zip_of(*entries: tuple[str, str | bytes]) -> Callable[[Path, Path], Path]:
    return lambda folder, course: zipped(folder, entries)


SHADOWS: dict[str, str | bytes] = {
    name: EVIL
    for name in (
        "numpy.py", "numpy/__init__.py", "sitecustomize.py", "usercustomize.py", "conftest.py", "otter/__init__.py",
        "autograder/__init__.py", "autograder/expect.py", "json.py", "probes.py", "tests/probes.py",
        "tests/test_double.py", "tinytorch/__init__.py", "tinytorch/_names.py", "tinytorch/core/__init__.py",
        "tinytorch/core/activations.py",
        "tinytorch/core/numpy.py", "tinytorch/core/tensor/__init__.py", "solutions/a01_numbers/tests/test_mean.py",
    )
}  # fmt: skip
SHADOWS |= {
    "evil.pth": f"import os; open('/tmp/{MARKER}-pth', 'w')\n",
    "pyvenv.cfg": "home = .\n",
    "course.yaml": "name: Mine\n",
    "results.json": '{"score": 10}',
    "run_autograder": "#!/bin/sh\necho '{\"score\": 10}' > /autograder/results/results.json\n",
    "tinytorch/core/tensor.cpython-311-x86_64-linux-gnu.so": b"\x7fELF",
    "tinytorch/composition.json": "{}",
}


def _shadows(folder: Path, course: Path) -> Path:
    return tree(folder, {**SHADOWS, FILE: WRONG_MEAN})


def _shadows_zipped(folder: Path, course: Path) -> Path:
    return zipped(folder, [*SHADOWS.items(), (FILE, WRONG_MEAN)])


def _link_to_the_solution(folder: Path, course: Path) -> Path:
    target = folder / FILE
    target.parent.mkdir(parents=True)
    target.symlink_to(course / "solutions" / "a01_numbers" / FILE)
    return folder


def _linked_folder(folder: Path, course: Path) -> Path:
    (folder / "tinytorch").symlink_to(course / "solutions" / "a01_numbers" / "tinytorch")
    return folder


def _link_in_a_zip(folder: Path, course: Path) -> Path:
    path = folder / "submission.zip"
    link = zipfile.ZipInfo(FILE)
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, str(course / "solutions" / "a01_numbers" / FILE))
    return path


def _fifo(folder: Path, course: Path) -> Path:
    (folder / FILE).parent.mkdir(parents=True)
    os.mkfifo(folder / FILE)
    return folder


def _endless_device(folder: Path, course: Path) -> Path:
    (folder / FILE).parent.mkdir(parents=True)
    (folder / FILE).symlink_to("/dev/zero")
    return folder


def _lying_size(folder: Path, course: Path) -> Path:
    """A bomb whose header says that it is small."""
    path = zipped(folder, [(FILE, b"#" * (64 << 20))])
    data = bytearray(path.read_bytes())
    for at in (data.index(b"PK\x01\x02") + 24, data.index(b"PK\x03\x04") + 22):
        data[at : at + 4] = (1000).to_bytes(4, "little")
    path.write_bytes(data)
    return path


def _notebook(folder: Path, course: Path) -> Path:
    cells = [
        {"cell_type": "code", "source": f"%%writefile ../../../../../../tmp/{MARKER}-cell\nx"},
        {"cell_type": "code", "source": f"%%writefile /tmp/{MARKER}-cell\nx"},
        {"cell_type": "code", "source": f"!touch /tmp/{MARKER}-cell"},
        {"cell_type": "code", "source": f"%%writefile {FILE}\n{WRONG_MEAN}"},
    ]
    path = folder / "work.ipynb"
    path.write_text(json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}))
    return path


HIDDEN_BY_ENCODING = b"# coding: utf-7\n" + HONEST.encode() + b"\n+AAo-import os+AAo-os._exit(0)\n"

UPLOADS = (
    Upload("files that hide modules of Python, NumPy, the grader and the frame", 5, _shadows),
    Upload("the same in a zip", 5, _shadows_zipped),
    Upload("zip-slip beside the honest file", 10,
           zip_of((f"../../../../../../../tmp/{MARKER}-slip", "x"), (f"a/../../{MARKER}-slip", "x"), (FILE, HONEST))),
    Upload("absolute paths beside the honest file", 10,
           zip_of((f"/tmp/{MARKER}-absolute", "x"), (f"C:\\Windows\\{MARKER}", "x"), ("\\\\server\\share\\x", "x"),
                  (FILE, HONEST))),
    Upload("the honest file under a Windows path", 10, zip_of((FILE.replace("/", "\\"), HONEST))),
    Upload("only a path that leaves the upload", 0, zip_of(("../" + FILE, HONEST))),
    Upload("the same file twice in one zip", 0, zip_of((FILE, HONEST), (FILE, WRONG_MEAN))),
    Upload("the same file in two spellings", 0, zip_of((FILE, HONEST), (FILE.upper(), WRONG_MEAN))),
    Upload("a link to the solution", 0, _link_to_the_solution),
    Upload("a link to the solution's folder", 0, _linked_folder),
    Upload("a link inside a zip", 0, _link_in_a_zip),
    Upload("a pipe that nobody writes to", 0, _fifo),
    Upload("a link to an endless device", 0, _endless_device),
    Upload("a bomb beside the honest file", 10, zip_of(("data.bin", bytes(64 << 20)), (FILE, HONEST))),
    Upload("a bomb as the file itself", 0, zip_of((FILE, b"#" * (64 << 20)))),
    Upload("a bomb that says it is small", 0, _lying_size),
    Upload("thousands of files", 0, zip_of(*((f"{n}.txt", "x") for n in range(5000)), (FILE, HONEST))),
    Upload("a zip in a zip in a zip", 0, zip_of(("inner.zip", b"PK\x03\x04" + bytes(100)))),
    Upload("no zip at all", 0, lambda folder, course: tree(folder, {"x.zip": b"MZ\x90\0"}) / "x.zip"),
    Upload("an empty zip file", 0, lambda folder, course: tree(folder, {"x.zip": b""}) / "x.zip"),
    Upload("names that move the cursor or hide their end", 10,
           zip_of(("\x1b[2J\u202egpj.exe", "x"), ("a\nb\r.py", "x"), ("<script>alert(1)</script>", "x"),
                  (FILE, HONEST))),
    Upload("a notebook that writes elsewhere", 5, _notebook),
    Upload("source that is not UTF-8", 0, source(HONEST.encode() + b"# caf\xe9\n")),
    Upload("source in UTF-16", 0, source(HONEST.encode("utf-16"))),
    Upload("source with a NUL byte", 0, source(HONEST.encode() + b"\0import os\n")),
    Upload("source in another encoding that hides code", 0, source(HIDDEN_BY_ENCODING)),
    Upload("source with a syntax error", 0, source(HONEST + "\ndef broken(:\n")),
    Upload("empty source", 0, source(b"")),
    Upload("source of 3 MB", 0, source(HONEST + "x = 1\n" * 500_000)),
    Upload("source nested 5000 deep", 0, source(HONEST + "x = " + "(" * 5000 + ")" * 5000 + "\n")),
    Upload("source with a sum of 100000 terms", 0, source(HONEST + "x = 1" + "+x" * 100_000 + "\n")),
    Upload("source with 20000 signs before a number", 0, source(HONEST + "x = " + "-" * 20_000 + "1\n")),
    Upload("source that exhausts the compiler", 0,
           source(HONEST + "x = " + "lambda: " * 20_000 + "1\n")),
    Upload("source with control characters in an error", 0, source(HONEST + "\n'\x1b[2J\u202e' + + * <script>\n")),
)  # fmt: skip
