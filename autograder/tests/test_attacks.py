"""What does a malicious submission gain? Each attack gets exactly the points that an honest reader of its source would
give, leaks nothing, leaves nothing behind, takes bounded time, and an honest submission is graded rightly after it.

`attacks/programs` holds one program a file; forged messages and hostile uploads are built in `attacks/replies` and
`attacks/uploads`. The slower half of the runs with layers of the sandbox switched off has the mark `layers`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.observe import wire
from autograder.sandbox import LAYERS
from autograder.tests.attacks import arena, replies, uploads
from autograder.tests.attacks import course as victim
from autograder.tests.attacks.arena import Arena, Attack

REPOSITORY = Path(__file__).resolve().parents[2]
ROOT = os.geteuid() == 0
ORDINARY_UID = 60611
ENVIRONMENT = {
    **os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(REPOSITORY),
}  # fmt: skip

# Programs that between them try every property of the sandbox, for the runs with fewer layers.
TELLING = (
    "kill_the_parents", "kill_everybody", "results_rewritten_by_a_daemon", "read_the_tests", "read_other_submissions",
    "import_the_reference", "search_of_raw_memory", "network", "notes_between_cases", "fork_bomb", "changed_limits",
    "programs_started", "odd_files", "wire_sandbox_failure_at_import",
)  # fmt: skip


@pytest.fixture(scope="module")
def ring() -> Iterator[Arena]:
    with Arena() as made:
        yield made
    assert not made.grader.bench.root.exists(), "the grader left its folder behind"


# ---- submissions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attack", arena.gallery(), ids=lambda attack: attack.name)
def test_a_program_gets_what_an_honest_reader_would_give(ring: Arena, attack: Attack) -> None:
    assert ring.attack(attack) == []


def _costs_only_itself(finding: str) -> bool:
    """Whether an arena's finding is no more than a score below what an honest reader would give."""
    scores = re.match(r"score (\S+), an honest reader would give (\S+):", finding)
    return scores is not None and float(scores[1]) < float(scores[2])


def test_an_assignment_that_may_have_processes_is_as_safe() -> None:
    """Fork and exec are allowed there, four at a time: what they start neither outlives its case nor reaches anything.

    A program whose own server forks answers every question twice: it may get less than a reader would give, never more.
    """
    names = {"kill_the_parents", "kill_everybody", "results_rewritten_by_a_daemon", "fork_bomb", "programs_started"}
    with Arena(processes=4) as ring:
        assert ring.grader.bench.limits.processes == 4
        wrong = {attack.name: ring.attack(attack) for attack in arena.gallery() if attack.name in names}
    assert wrong.keys() == names
    harm = {name: [one for one in found if not _costs_only_itself(one)] for name, found in wrong.items()}
    assert not any(harm.values()), harm


@pytest.mark.parametrize("upload", uploads.UPLOADS, ids=lambda upload: upload.name)
def test_an_upload_gets_what_its_file_of_the_assignment_earns(ring: Arena, upload: uploads.Upload) -> None:
    folder, out = ring.fresh()
    assert ring.check(upload.make(folder, ring.course.root), out, upload.score) == []


SENT = {
    **replies.OUTRAGEOUS,
    **{name: replies.MALFORMED[name] for name in (
        "a header longer than allowed", "one blob used a hundred thousand times", "lists nested 400 deep",
        "a .npy of objects", "an empty .npy with a huge dimension", "a .npy of characters that do not exist",
    )},
}  # fmt: skip


@pytest.mark.parametrize("name", SENT)
def test_a_reply_forged_by_hand_is_the_students_failure_and_shows_nothing(ring: Arena, name: str) -> None:
    assert ring.attack(Attack(name, "forge a reply", 5, replies.program(name, SENT[name]))) == []


@pytest.mark.parametrize("name", replies.MALFORMED)
def test_a_malformed_message_is_refused_by_the_wire(name: str) -> None:
    with pytest.raises(wire.WireError):
        wire.loads(replies.built(replies.MALFORMED[name]), cap=8 << 20)


@pytest.mark.parametrize("name", replies.OUTRAGEOUS)
def test_the_other_forged_messages_get_through_the_wire_to_those_who_judge_them(name: str) -> None:
    wire.loads(replies.built(replies.OUTRAGEOUS[name].replace("@LINE@", "20")), cap=8 << 20)


def test_a_request_that_is_larger_than_a_pipe_arrives_at_once(ring: Arena) -> None:
    observation = ring.grader.bench.observe(None)
    policy = {"assignment": "a", "allowed": [], "forbidden_standard": [], "unavailable": []}
    source = b"x = 1\n" + b"#" * 1_000_000
    try:
        answer = observation.ask({"do": "lint", "path": "x.py", "source": source, "policy": policy}, seconds=3)
    finally:
        observation.close()
    assert answer["findings"] == []


def test_every_program_says_what_it_tries_and_what_it_deserves() -> None:
    programs = arena.gallery()
    assert len(programs) >= 45
    assert all(attack.tries and 0 <= attack.score <= 10 for attack in programs)
    assert set(TELLING) <= {attack.name for attack in programs}


def test_the_arena_sees_a_leak_and_a_wrong_score(ring: Arena) -> None:
    """Would the checks above notice? A results file that tells everything has to be complained about."""
    folder, out = ring.program(arena.HONEST)
    graded = ring.grader.grade(folder, out)
    results = json.loads((out / "results.json").read_text())
    results["tests"][0]["output"] = f"{victim.SECRET_TEXT} {victim.SECRET_NUMBER} {victim.SECRET_NAMES[0]} \x1b[31m"
    results["score"] = 9
    (out / "results.json").write_text(json.dumps(results, ensure_ascii=False))
    found = "\n".join(arena.problems_in_results(graded, out, 10))
    for part in (victim.SECRET_TEXT, victim.SECRET_NUMBER, victim.SECRET_NAMES[0], "score 9"):
        assert part in found
    (out / "results.json").write_text('{"score": NaN}')
    assert "not strict JSON" in arena.problems_in_results(graded, out, 10)[0]
    note = Path("/tmp") / f"{arena.MARKER}-seen"
    note.touch()
    try:
        assert ring.left_behind() == [f"{note} is left"]
    finally:
        note.unlink()


def test_names_in_a_hidden_test_really_stand_in_the_attacked_course(ring: Arena) -> None:
    tests = ring.course.solution("a01_numbers") / "tests"
    text = "".join(path.read_text() for path in tests.glob("test_*.py"))
    for secret in (*victim.CANARIES, *victim.SECRET_NAMES):
        assert secret in text
    assert [case.id for file in ring.grader.files for case in file.cases if case.hidden] == list(victim.SECRET_NAMES)


# ---- through the command line ----------------------------------------------------------------------------------------


def tito(ring: Arena, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "autograder", "grade", "a01", *arguments]
    return subprocess.run(command, cwd=ring.course.root, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("name", ["ansi_and_html", "hidden_inputs_in_messages", "wire_sandbox_failure_at_import"])
def test_what_the_command_line_prints_holds_nothing_hidden(ring: Arena, name: str) -> None:
    attack = next(attack for attack in arena.gallery() if attack.name == name)
    folder, out = ring.program(attack.source)
    done = tito(ring, str(folder), "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert f"{attack.score:g} / 10" in done.stdout
    assert arena.leaks(done.stdout) == []
    assert [name for name in victim.SECRET_NAMES if name in done.stdout] == []
    assert done.stderr == ""


def test_a_batch_goes_on_past_every_attack(ring: Arena) -> None:
    wanted = {
        "exit_at_import": 0.0, "kill_everybody": 5.0, "wire_sandbox_failure_at_import": 0.0, "closed_descriptors": 5.0,
    }  # fmt: skip
    sources = {attack.name: attack.source for attack in arena.gallery() if attack.name in wanted}
    batch, out = ring.fresh()
    for name, source in {**sources, "broken": "def f(:\n", "honest": arena.HONEST}.items():
        uploads.tree(batch / name, {uploads.FILE: ring.fill_in(source, out)})
    done = tito(ring, str(batch), "--out", str(out))
    assert done.returncode == 1, done.stderr  # one of them was rejected
    scores = {path.parent.name: json.loads(path.read_text())["score"] for path in out.glob("*/results.json")}
    assert scores == {**wanted, "broken": 0, "honest": 10}
    assert arena.leaks(done.stdout) == []


# ---- as another user, and with fewer layers --------------------------------------------------------------------------


def run_arena(python: str, without: str, *names: str, **options: object) -> str:
    command = [python, "-m", "autograder.tests.attacks.arena", *(["--without", without] if without else []), *names]
    path = os.pathsep.join([str(REPOSITORY), *(entry for entry in sys.path if entry.endswith("site-packages"))])
    environment = {**ENVIRONMENT, "PYTHONPATH": path}
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=240, env=environment, **options)
    assert done.stderr == ""
    return done.stdout


QUICK = [("seccomp",), ("uid", "namespaces")]
PAIRS = [("uid", "landlock", "landlock_scope"), ("namespaces", "landlock", "landlock_scope")]
ALL = [(name,) for name in LAYERS] + PAIRS
WEAKENED = [
    *(pytest.param(layers, id=" ".join(layers)) for layers in QUICK),
    *(pytest.param(layers, id=" ".join(layers), marks=pytest.mark.layers) for layers in ALL if layers not in QUICK),
]


@pytest.mark.parametrize("without", WEAKENED)
def test_no_layer_of_the_sandbox_is_the_only_one_that_holds(without: tuple[str, ...]) -> None:
    names = () if whole_gallery() else TELLING
    output = run_arena(python_for_everyone(), ",".join(with_needs(without)), *names)
    assert output.rstrip().endswith(" 0 got somewhere"), output


def with_needs(without: tuple[str, ...]) -> tuple[str, ...]:
    """Layers that cannot stand without one that is switched off go with it."""
    if "no_new_privs" in without:
        without = (*without, "seccomp", "landlock")
    return (*without, "landlock_scope") if "landlock" in without and "landlock_scope" not in without else without


def whole_gallery() -> bool:
    """With TITO_ALL_ATTACKS=1 the runs with fewer layers take the whole gallery, not only the telling part of it."""
    return os.environ.get("TITO_ALL_ATTACKS") == "1"


@pytest.mark.skipif(not ROOT, reason="the rest of this file runs as an ordinary user already")
def test_an_ordinary_user_can_grade_attacks_too() -> None:
    user = {"user": ORDINARY_UID, "group": ORDINARY_UID, "extra_groups": []}
    output = run_arena(python_for_everyone(), "", *TELLING, **user)
    assert f"uid {ORDINARY_UID}" in output
    assert output.rstrip().endswith(" 0 got somewhere"), output


def python_for_everyone() -> str:
    """A Python of this version that an ordinary user may start; where root's own is closed, that of the system."""
    if not ROOT:
        return sys.executable
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for path in (sys.executable, f"/usr/local/bin/{version}", f"/usr/bin/{version}"):
        command = [path, "-c", "import json, zlib, ctypes"]
        try:
            user = {"user": ORDINARY_UID, "group": ORDINARY_UID, "extra_groups": []}
            subprocess.run(command, check=True, capture_output=True, **user)
        except (OSError, subprocess.CalledProcessError):
            continue
        return path
    pytest.skip("every Python of this version lies in a folder that is closed to ordinary users")
