"""Submissions to one assignment, as many as wanted, each with the score that it must get.

The scores rest on what is known without grading these: the reference earns everything and the stub nothing; what a
misconception fails stands in the kill matrix, and what two at once fail in mixtures.json; what hostile code may do when
it is imported changes nothing of what its functions answer, unless it keeps them from being imported; and what is no
submission at all earns nothing. Each comes in one of several dresses (zip, folder, notebook, ...), and no two are the
same bytes, so that every one is judged on draws of its own.
"""

from __future__ import annotations

import io
import itertools
import json
import random
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from autograder import explain
from autograder.build.markers import strip
from autograder.course import Assignment, Course
from autograder.errors import UserError
from autograder.explain import Misconception
from autograder.judge.testfiles import load_test_files
from autograder.parity import notebook
from autograder.validate import mixtures
from autograder.validate.mixtures import MIXED, rewritten
from autograder.validate.trials import changed

SOLUTION, STUB, MISCONCEPTION, MIXTURE = "solution", "stub", "misconception", "mixture"
MALICIOUS, MALFORMED = "malicious", "malformed"

# Of a hundred submissions; the rest are misconceptions.
SHARES = {SOLUTION: 16, STUB: 6, MIXTURE: 22, MALICIOUS: 14, MALFORMED: 12}

Sources = Mapping[str, str]


@dataclass(frozen=True)
class Program:
    """One submission: what it is, what it must get, and its bytes by file name (one zip or notebook, or a folder).

    Attributes:
        score: the points that it must get.
        rejected: whether it is not to be judged at all.
        fails: keys of the cases that must fail; None where it is rejected.
    """

    name: str
    kind: str
    score: float
    rejected: bool
    fails: frozenset[str] | None
    files: Mapping[str, bytes]
    is_folder: bool = False

    def write(self, shelf: Path) -> Path:
        """Lay it out in a folder of submissions."""
        if not self.is_folder:
            ((file, content),) = self.files.items()
            (shelf / file).write_bytes(content)
            return shelf / file
        for file, content in self.files.items():
            target = shelf / self.name / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return shelf / self.name


@dataclass(frozen=True)
class _Text:
    """Source code with what it must fail, before it is dressed."""

    what: str
    kind: str
    sources: Sources
    fails: frozenset[str]


def make(course: Course, assignment: Assignment, count: int, seed: int = 0) -> tuple[Program, ...]:
    """`count` submissions. UserError where the assignment's kill matrix or mixtures are missing or out of step."""
    return tuple(_Maker(course, assignment, seed).all(count))


class _Maker:
    def __init__(self, course: Course, assignment: Assignment, seed: int):
        self.course, self.assignment = course, assignment
        self.chance = random.Random(f"{assignment.key} {seed}")
        folder = course.solution(assignment.key)
        self.reference = {path: (folder / path).read_text(encoding="utf-8") for path in assignment.writes}
        self.stub = {path: strip(text, assignment.key, path) for path, text in self.reference.items()}
        files = load_test_files(folder / "tests")
        self.points = {f"{case.file}.{case.id}": case.points for file in files for case in file.cases}
        self.misconceptions = explain.load_misconceptions(folder)
        self.vectors = explain.load_vectors(folder)
        self.recording = mixtures.read(folder)
        if not self.vectors:
            raise UserError(f"{assignment.key} has no kill matrix; run: tito validate {assignment.short} --write")
        if self.recording is None or not mixtures.in_step(folder, self.recording):
            raise UserError(
                f"the mixtures of {assignment.key} are missing or out of step; run: tito explain"
                f" {assignment.short} --record"
            )

    def all(self, count: int) -> Iterator[Program]:
        """All of them, in an order that mixes the kinds."""
        wanted = {kind: max(1, round(share * count / 100)) for kind, share in SHARES.items()}
        wanted[MISCONCEPTION] = count - sum(wanted.values())
        if wanted[MISCONCEPTION] < 1:
            raise UserError("fewer than ten submissions prove nothing; ask for more")
        texts: dict[str, Callable[[], Iterator[_Text]]] = {
            SOLUTION: self._solutions,
            STUB: lambda: iter([self._text("stub", STUB, self.stub, self.points)]),
            MISCONCEPTION: self._misconceptions,
            MIXTURE: self._mixtures,
            MALICIOUS: self._hostile,
        }
        kinds = [kind for kind, number in wanted.items() for _ in range(number)]
        self.chance.shuffle(kinds)
        endless = {kind: itertools.cycle(list(make())) for kind, make in texts.items()}
        malformed = itertools.cycle(_malformed(self.assignment, self.course, self.reference))
        for number, kind in enumerate(kinds):
            if kind == MALFORMED:
                what, score, files = next(malformed)
                yield self._malformed(f"s{number:03}-{kind}-{what}", score, files)
            else:
                yield self._dressed(number, next(endless[kind]))

    # What there is to hand in.

    def _text(self, what: str, kind: str, sources: Sources, fails: object) -> _Text:
        return _Text(what, kind, sources, frozenset(fails))  # type: ignore[arg-type]

    def _solutions(self) -> Iterator[_Text]:
        yield self._text("reference", SOLUTION, self.reference, ())
        yield self._text("other-hand", SOLUTION, {p: rewritten(t) for p, t in self.reference.items()}, ())

    def _misconceptions(self) -> Iterator[_Text]:
        known = [m for m in self.misconceptions if m.id in self.vectors]
        for member in known:
            yield self._text(member.id, MISCONCEPTION, self._with((member,)), self.vectors[member.id])
        for member in known:
            sources = {path: rewritten(text) for path, text in self._with((member,)).items()}
            yield self._text(f"{member.id}-other-hand", MISCONCEPTION, sources, self.vectors[member.id])

    def _mixtures(self) -> Iterator[_Text]:
        assert self.recording is not None
        by_id = {m.id: m for m in self.misconceptions}
        for program in self.recording.programs:
            if program.kind == MIXED:
                sources = self._with(tuple(by_id[name] for name in program.holds))
                yield self._text("+".join(program.holds), MIXTURE, sources, program.fails)

    def _with(self, members: tuple[Misconception, ...]) -> Sources:
        return changed(self.reference, members)

    def _hostile(self) -> Iterator[_Text]:
        """Attacks at import: on the stub they must gain nothing, on the reference they must lose nothing of it."""
        path = self.assignment.writes[0]
        for what, code in ATTACKS.items():
            for base, fails in ((self.stub, self.points), (self.reference, ())):
                yield self._text(what, MALICIOUS, {**base, path: f"{base[path]}\n\n{code}"}, fails)
        for what, code in SUICIDES.items():
            sources = {**self.reference, path: f"{self.reference[path]}\n\n{code}"}
            yield self._text(what, MALICIOUS, sources, self.points)

    # How it is handed in.

    def _dressed(self, number: int, text: _Text) -> Program:
        """A submission of its own: a comment makes its bytes, and so its draws, differ from everybody else's."""
        sources = {p: f"{t.rstrip()}\n\n# submission {number}\n".encode() for p, t in text.sources.items()}
        name = f"s{number:03}-{text.kind}-{text.what}"[:100]
        earned = sum(points for key, points in self.points.items() if key not in text.fails)
        made = Program(name, text.kind, round(earned, 2), False, text.fails, {})
        return replace(made, **self.chance.choice(DRESSES)(name, sources))

    def _malformed(self, name: str, score: float, files: Mapping[str, bytes]) -> Program:
        named = {f"{name}.zip": content for content in files.values()} if len(files) == 1 else files
        return Program(name, MALFORMED, score, score == 0, None if score == 0 else frozenset(), named, len(files) > 1)


def _plain(name: str, sources: Mapping[str, bytes]) -> dict[str, object]:
    return {"files": {f"{name}.zip": zipped(sources)}}


def _nested(name: str, sources: Mapping[str, bytes]) -> dict[str, object]:
    """As a Mac zips a folder: one folder too many, and what the Finder leaves."""
    inner = {f"my work/{path}": content for path, content in sources.items()}
    return {"files": {f"{name}.zip": zipped({**inner, "__MACOSX/._my work": b"\0", "my work/.DS_Store": b"\0"})}}


def _windows(name: str, sources: Mapping[str, bytes]) -> dict[str, object]:
    return {"files": {f"{name}.zip": zipped({p: text.replace(b"\n", b"\r\n") for p, text in sources.items()})}}


def _folder(name: str, sources: Mapping[str, bytes]) -> dict[str, object]:
    return {"files": sources, "is_folder": True}


def _notebook(name: str, sources: Mapping[str, bytes]) -> dict[str, object]:
    return {"files": {f"{name}.ipynb": notebook({path: text.decode() for path, text in sources.items()})}}


DRESSES = (_plain, _plain, _nested, _windows, _folder, _notebook)


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip of these files, the same bytes each time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


# What tries to gain, to see or to break something when it is imported, and then lets the import go on.
ATTACKS = {
    "reads-the-tests": """
import os
for place, _, names in os.walk("/"):
    for name in names:
        if name.startswith("test_") or name == "kills.json":
            try:
                print(open(os.path.join(place, name)).read())
            except (OSError, ValueError):
                pass
    if place.count("/") > 2 or place.startswith(("/proc", "/sys", "/usr")):
        _[:] = []
""",
    "writes-results": """
for place in ("results.json", "../results.json", "/autograder/results/results.json", "/tmp/results.json"):
    try:
        with open(place, "w") as file:
            file.write('{"score": 100, "tests": []}')
    except OSError:
        pass
""",
    "prints-a-verdict": """
print('{"status": "passed", "score": 100}' * 1000, flush=True)
""",
    "patches-the-comparison": """
import builtins
builtins.AssertionError = builtins.Exception
np_testing = __import__("numpy").testing
np_testing.assert_allclose = np_testing.assert_array_equal = lambda *a, **k: None
""",
    "forks": """
import os
try:
    for _ in range(50):
        if os.fork() == 0:
            while True:
                pass
except OSError:
    pass
""",
    "fills-the-memory": """
kept = []
try:
    while True:
        kept.append(bytearray(64 << 20))
except MemoryError:
    kept.clear()
""",
    "fills-the-disk": """
try:
    for number in range(4):
        with open(f"filler-{number}", "wb") as file:
            for _ in range(64):
                file.write(bytes(1 << 20))
except OSError:
    pass
""",
    "asks-the-environment": """
import os
import sys
print(dict(os.environ), sys.argv, sys.path, os.getcwd(), os.listdir("."))
""",
    "kills-its-parent": """
import os
import signal
for victim in (1, os.getppid()):
    try:
        os.kill(victim, signal.SIGTERM)
    except OSError:
        pass
""",
}

# What keeps itself from being imported: nothing of it can be judged.
SUICIDES = {
    "exits": "import os\nos._exit(0)\n",
    "leaves": "raise SystemExit(0)\n",
    "aborts": "import os\nos.abort()\n",
    "sleeps": "import time\ntime.sleep(3600)\n",
    "raises": "raise ValueError('all tests passed')\n",
}


def _malformed(
    assignment: Assignment, course: Course, reference: Sources
) -> Iterator[tuple[str, float, dict[str, bytes]]]:
    """What is no submission, with its points: 0, but for what hides beside an honest one."""
    path = assignment.writes[0]
    good = {p: text.encode() for p, text in reference.items()}
    text, whole = good[path], zipped(good)
    rest = {p: t for p, t in good.items() if p != path}
    foreign = next((p for p, key in course.owners.items() if key != assignment.key), "tinytorch/core/other.py")
    twice = io.BytesIO(whole)
    with zipfile.ZipFile(twice, "a") as archive:
        archive.writestr(zipfile.ZipInfo(path.upper()), b"x = 1\n")
    zips: dict[str, bytes] = {
        "garbage": random.Random(1).randbytes(3000),
        "empty-file": b"",
        "empty-zip": zipped({}),
        "half-a-zip": whole[: len(whole) // 2],
        "another-assignment": zipped({foreign: b"x = 1\n"}),
        "syntax-error": zipped({**rest, path: text + b"\n\ndef broken(:\n"}),
        "forbidden-import": zipped({**rest, path: text + b"\n\nimport torch\n"}),
        "utf-16": zipped({**rest, path: text.decode().encode("utf-16")}),
        "nul-byte": zipped({**rest, path: text + b"\0\n"}),
        "essay": zipped({"essay.txt": b"I have done everything.\n"}),
        "zip-in-zip": zipped({"submission.zip": whole}),
        "two-spellings": twice.getvalue(),
        "many-files": zipped({**good, **{f"{n}.txt": b"x" for n in range(3000)}}),
        "leaves-the-zip": zipped({f"../../{p}": t for p, t in good.items()}),
    }
    everything = float(assignment.points)
    yield "bomb-beside", everything, {"zip": zipped({**good, "data.bin": bytes(64 << 20)})}
    yield "slip-beside", everything, {"zip": zipped({**good, "../../../etc/x": b"x", "/tmp/x": b"x"})}
    yield "odd-names-beside", everything, {"zip": zipped({**good, "<script>.py": b"x", "\x1b[2J\u202egpj.exe": b"x"})}
    yield from ((what, 0.0, {what: content}) for what, content in zips.items())


def manifest(programs: tuple[Program, ...]) -> str:
    """What was made and must come of it, as JSON."""
    rows = [{"name": p.name, "kind": p.kind, "score": p.score, "rejected": p.rejected} for p in programs]
    return json.dumps(rows, indent=1) + "\n"
