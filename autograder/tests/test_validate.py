"""The gate: good tests pass it, and every kind of bad test, misconception, stub or lab is named."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from autograder import build, record
from autograder.course import Course, load_course
from autograder.errors import GraderError
from autograder.explain import KILLS, MISCONCEPTIONS, load_misconceptions
from autograder.judge.cases import Status
from autograder.tests import minicourse
from autograder.validate import gate
from autograder.validate.gate import Plan, Report, validate
from autograder.validate.mutants import Mutant, mutants, sample
from autograder.validate.trials import Trials

TENSOR = "tinytorch/core/tensor.py"
OUT_OF_STEP = "kills.json is not in step with the tests: {}; run: tito validate a01 --write"


# Mutants.


def solved(*lines: str) -> str:
    body = "\n".join(f"    {line}" for line in lines)
    return f"def f(x, y=2):\n    # BEGIN SOLUTION\n{body}\n    # END SOLUTION\n"


def edits(source: str) -> list[str]:
    return [mutant.edit for mutant in mutants("f.py", source)]


EDITS = {
    "return x + 1": ["1 -> 2", "Add -> Sub", "return None"],
    "return x @ y": ["MatMult -> Mult", "return None"],
    "x += y": ["Add -> Sub", "delete AugAssign"],
    "return x < y": ["Lt -> LtE", "return None"],
    "return x is None": ["Is -> IsNot", "return None"],
    "return x and y": ["And -> Or", "return None"],
    "return not x": ["drop not", "return None"],
    "return -x": ["drop minus", "return None"],
    "return True": ["True -> False", "return None"],
    "return 0.5": ["0.5 -> 1.0", "return None"],
    "return 'text'": ["return None"],
    "return x.sum(axis=-1, keepdims=True)": ["1 -> 2", "True -> False", "drop keepdims=", "drop minus", "return None"],
    "return x if y else 3": ["3 -> 4", "negate condition", "return None"],
    "x.sort()": ["delete Expr"],
    "if x: raise ValueError(f'no {x} of 3')": ["delete Raise", "negate condition"],
    "z: int = 3": ["3 -> 4"],
    "'only a text'": [],
    "pass": [],
}


@pytest.mark.parametrize("line", EDITS)
def test_each_edit_makes_one_mutant_named_by_what_it_does(line):
    assert sorted(edits(solved(line))) == sorted(EDITS[line])


def test_only_lines_between_solution_markers_are_edited():
    source = "LIMIT = 3\n\n\n" + solved("return x + y") + "\n\ndef g(x):\n    return x * 2\n"
    found = mutants("f.py", source)
    assert [(m.line, m.edit) for m in found] == [(6, "Add -> Sub"), (6, "return None")]
    assert [m.name for m in found] == ["f.py:6: Add -> Sub", "f.py:6: return None"]
    for mutant in found:
        assert "LIMIT = 3" in mutant.source
        assert "return x * 2" in mutant.source


def test_every_mutant_is_a_program_of_its_own_that_differs_from_the_reference():
    source = minicourse.NUMBERS + "\n" + solved("z = x * 2 + 1", "while z > 3 and y:", "    z -= y", "return z")
    found = mutants("f.py", source)
    texts = [mutant.source for mutant in found]
    assert len(set(texts)) == len(texts) > 10
    reference = [ast.dump(statement) for statement in ast.parse(source).body]
    for text in texts:
        compile(text, "f.py", "exec")
        changed = [ast.dump(statement) for statement in ast.parse(text).body]
        assert sum(a != b for a, b in zip(changed, reference, strict=True)) == 1


def test_an_edit_that_leaves_no_program_makes_no_mutant():
    counter = ["total = 0", "def add():", "    nonlocal total", "    total += x", "add()", "return total"]
    found = edits(solved(*counter))
    # Without `total = 0` there is nothing that `nonlocal` could mean.
    assert found.count("delete Assign") == 0
    assert {"0 -> 1", "Add -> Sub", "delete AugAssign", "delete Expr"} <= set(found)


def test_two_edits_that_give_the_same_program_are_one_mutant():
    assert edits(solved("return None")) == []
    assert edits(solved("pass", "return not True")).count("return None") == 1


def test_a_sample_is_the_same_each_time_in_the_order_of_the_file_and_hardly_moved_by_an_edit():
    found = tuple(Mutant("f.py", line, f"edit {line}", "") for line in range(50))
    chosen = sample(found, 10)
    assert chosen == sample(found[::-1], 10)
    assert [m.line for m in chosen] == sorted(m.line for m in chosen)
    assert len(chosen) == 10
    assert len(set(sample(found[:-5], 10)) & set(chosen)) >= 7
    assert sample(found, 99) == found


# Trials.


def test_the_reference_passes_and_a_misconception_fails_its_own_cases(grader, mini):
    trials = Trials(mini, grader)
    assert trials.judge({}).failing == frozenset()
    for wrong in load_misconceptions(mini.solution("a01_numbers")):
        verdict = trials.judge(trials.misconception(wrong), seed=3)
        assert verdict.failing == set(minicourse.KILLS["misconceptions"][wrong.id])


def test_a_trial_can_end_with_the_first_failure(grader, mini):
    trials = Trials(mini, grader)
    verdict = trials.judge({TENSOR: minicourse.numbers(double="return x")}, stop_at_failure=True)
    assert [case.status for case in verdict.cases] == [Status.FAILED] + [Status.SKIPPED] * 4


@pytest.mark.parametrize(
    ("find", "put", "file", "words"),
    [
        ("total / np.sise(x)", "0", TENSOR, "misconception m: found 0 times instead of once: 'total / np.sise\\(x\\)'"),
        ("return", "yield", TENSOR, "misconception m: found 2 times instead of once: 'return'"),
        ("np.size(x)", "np.size(x", TENSOR, "misconception m does not compile: "),
        ("np", "np", "tinytorch/core/activations.py", "tinytorch/core/activations.py is not a file of a01_numbers"),
    ],
)
def test_an_edit_that_does_not_apply_is_told(find, put, file, words, grader, mini):
    wrong = load_misconceptions(mini.solution("a01_numbers"))[0]
    edit = wrong.edits[0].model_copy(update={"find": find, "put": put})
    with pytest.raises(GraderError, match=words):
        Trials(mini, grader).misconception(wrong.model_copy(update={"id": "m", "edits": (edit,), "file": file}))


# The gate. Labs are tried apart: a kernel takes seconds to start.


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    """A course of one's own that passes the gate; the reference is tried under two seeds instead of ten."""
    assert gate.SEEDS == 10
    monkeypatch.setattr(gate, "SEEDS", 2)
    made = load_course(minicourse.write(tmp_path / "course"))
    build.build(made)
    record.write_json(made.solution("a01_numbers") / KILLS, minicourse.KILLS)
    return made


def run(course: Course, **plan: object) -> Report:
    return validate(course, course.assignment("a01"), Plan(**{"mutants": 0, "labs": False, **plan}))


def test_the_mini_course_holds_and_the_report_counts(course):
    said: list[str] = []
    report = validate(course, course.assignment("a01"), Plan(mutants=None, full=True, labs=False), say=said.append)
    assert report.problems == []
    assert (report.assignment, report.cases, report.public, report.misconceptions) == ("a01_numbers", 5, 2, 2)
    assert report.mutants == 6
    assert (report.caught, report.survivors, report.idle, report.alike) == (6, [], [], [])
    assert said[:3] == ["stubs", "reference under 2 seeds", "stub"]
    assert "misconception squares" in said
    assert "mutant 6 of 6, 0 survive" in said


def test_what_write_measures_is_what_a_later_run_compares_with(course):
    kills = course.solution("a01_numbers") / KILLS
    kills.unlink()
    assert run(course).problems == [OUT_OF_STEP.format("there is none")]
    assert run(course, write=True, full=True, mutants=None).problems == []
    written = json.loads(kills.read_text())
    assert {name: written[name] for name in minicourse.KILLS} == minicourse.KILLS
    assert len(written["mutants"]) == 6
    assert {len(row) for row in written["mutants"].values()} == {5}
    assert written["mutants"][f"{TENSOR}:9: 2 -> 3"] == "11000"
    assert run(course, write=True).problems == []
    assert json.loads(kills.read_text()) == written
    assert run(course).problems == []


def test_a_recorded_misconception_is_judged_on_its_own_cases_until_a_file_changes(course, monkeypatch):
    assert run(course, write=True).problems == []
    judged: list[frozenset[str] | None] = []
    judge = Trials.judge

    def spy(trials, changed, seed=0, stop_at_failure=False, wanted=None):
        if changed:
            judged.append(wanted)
        return judge(trials, changed, seed, stop_at_failure, wanted)

    monkeypatch.setattr(Trials, "judge", spy)
    kills = course.solution("a01_numbers") / KILLS
    vectors = json.loads(kills.read_text())["misconceptions"]
    assert run(course).problems == []
    assert judged == [frozenset(vectors[wrong.id]) for wrong in load_misconceptions(kills.parent)]
    judged.clear()
    with (kills.parent / TENSOR).open("a") as file:
        file.write("\n# changed\n")
    run(course)
    assert judged == [None, None]


def test_a_quick_run_tries_a_third_of_what_is_recorded_and_all_of_what_has_changed(course, monkeypatch):
    monkeypatch.setattr(gate, "QUICK_SEEDS", 1)
    assert run(course, quick=True).problems == []  # nothing is recorded for these files yet
    assert run(course, write=True).problems == []
    tried: list[tuple[str, ...]] = []
    for edit in range(8):
        (course.frame / "edited.py").write_text(f"edit = {edit}\n")
        said: list[str] = []
        report = validate(
            course, course.assignment("a01"), Plan(mutants=0, labs=False, quick=True), say=said.append
        )
        assert (report.problems, report.tried, report.misconceptions) == ([], 1, 2)
        assert "reference under 1 seeds" in said
        tried.append(tuple(word for word in said if word.startswith("misconception")))
    assert len(set(tried)) == 2  # whichever it is, an edit of the framework changes it sooner or later
    with (course.solution("a01_numbers") / TENSOR).open("a") as file:
        file.write("\n# changed\n")
    assert run(course, quick=True).tried == 2


def test_a_quick_run_finds_a_recorded_misconception_that_no_longer_fails(course):
    assert run(course, write=True).problems == []
    kills = course.solution("a01_numbers") / KILLS
    stored = json.loads(kills.read_text())
    stored["misconceptions"] = dict.fromkeys(stored["misconceptions"], stored["cases"])
    record.write_json(kills, stored)
    told = []
    for name, fails in minicourse.KILLS["misconceptions"].items():
        lacking = sorted(set(stored["cases"]) - set(fails))
        told.append(OUT_OF_STEP.format(f"misconception {name} no longer fails {', '.join(lacking)}"))
    assert len(set(told) & set(run(course, quick=True).problems)) == 1  # a third of two


def test_a_misconception_that_no_longer_fails_a_recorded_case_is_found_though_only_those_are_judged(course):
    assert run(course, write=True).problems == []
    kills = course.solution("a01_numbers") / KILLS
    stored = json.loads(kills.read_text())
    lacking = sorted(set(stored["cases"]) - set(stored["misconceptions"]["squares"]))
    stored["misconceptions"]["squares"] = stored["cases"]
    record.write_json(kills, stored)
    told = f"misconception squares no longer fails {', '.join(lacking)}"
    assert OUT_OF_STEP.format(told) in run(course).problems


def test_what_a_kill_matrix_lacks_is_told(course):
    kills = course.solution("a01_numbers") / KILLS
    recorded = json.loads(kills.read_text())
    first, *rest = recorded["misconceptions"]["squares"]
    for part, value, told in (
        ("cases", recorded["cases"][1:], "it was recorded for other cases"),
        ("misconceptions", {**recorded["misconceptions"], "squares": rest}, f"misconception squares now fails {first} too"),
        ("misconceptions", {"squares": recorded["misconceptions"]["squares"]}, "misconception rows_only is new"),
        ("misconceptions", {**recorded["misconceptions"], "cubes": [first]}, "misconception cubes is gone"),
    ):  # fmt: skip
        record.write_json(kills, {**recorded, part: value, "of": "other files"})
        assert run(course).problems == [OUT_OF_STEP.format(told)]


Change = Callable[[Path], None]


def edit(name: str, before: str, after: str) -> Change:
    def change(solution: Path) -> None:
        text = (solution / name).read_text()
        assert text.count(before) == 1, before
        (solution / name).write_text(text.replace(before, after))

    return change


def both(*changes: Change) -> Change:
    def change(solution: Path) -> None:
        for one in changes:
            one(solution)

    return change


def stub_returns(value: str) -> Change:
    """A stub whose first function is written, as if it had been built so."""

    def change(solution: Path) -> None:
        stub = solution.parents[1] / "assignments" / solution.name
        edit(TENSOR, 'raise NotImplementedError("a01_numbers: double is yours to write")', f"return {value}")(stub)

    return change


DOUBLE, MEAN = "tests/test_double.py", "tests/test_mean.py"
INTEGERS = "    expect.equal(student.double(x), 2 * x)"
VECTOR = "x = rng.normal(size=9)\n    expect.close(student.mean(x), x.mean())"
BAD = {
    "a vacuous test": (edit(DOUBLE, INTEGERS, "    student.double(x)"), "integers always passes: it calls no expect.*"),
    "a wrong test": (edit(DOUBLE, INTEGERS, "    expect.equal(student.double(x), 3 * x)"),
        "the reference fails 'doubles integers' with seed 0 (failed): "),
    "a flaky test": (
        edit(DOUBLE, INTEGERS, "    expect.equal(student.double(x), 2 * x if (x % 3).all() else x)"),
        "the reference fails 'doubles integers' with seed ",
    ),
    "a test that fails itself": (
        edit(DOUBLE, INTEGERS, "    expect.equal(student.double(x).nothing, 2)"),
        "the reference fails 'doubles integers' with seed 0 (grader error)",
    ),
    "free points on the stub": (edit(MEAN, VECTOR, "expect.true(callable(student.mean), 'is a function')"),
        "earns 2 points in 'mean of a vector'"),
    "a stub that gives something away": (stub_returns("np.asarray(x) * 2"),
        "the untouched stub earns 2 points in 'doubles integers'"),
    "points that do not add up": (edit(DOUBLE, "points=3", "points=4"), "add up to 11 points, but course.yaml says 10"),
    "a stub out of step": (edit(TENSOR, '"""Twice every element."""', '"""Two of each."""'),
        "not in step with the solution: assignments/a01_numbers/"),
    "released tests out of step": (edit(DOUBLE, "size=5", "size=6"),
        "not in step with the solution: assignments/a01_numbers/tests/test_double.py"),
    "a misconception not caught": (
        edit(MISCONCEPTIONS, 'put: "np.asarray(x) ** 2"', 'put: "2 * np.asarray(x)"'),
        "misconception squares does not fail 'doubles integers', 'doubles a matrix'; it fails []",
    ),
    "a misconception in other cases than named": (
        edit(MISCONCEPTIONS, 'loses: ["doubles integers", "doubles a matrix"]', 'loses: ["mean of a vector"]'),
        "misconception squares does not fail 'mean of a vector'; it fails ['doubles a matrix', 'doubles integers']",
    ),
    "a case that does not exist": (
        edit(MISCONCEPTIONS, '["doubles integers", "doubles a matrix"]', '["doubles integers", "doubles words"]'),
        "misconception squares names cases that do not exist: doubles words",
    ),
    "an edit that does not apply": (edit(MISCONCEPTIONS, '"np.asarray(x) * 2"', '"np.asarray(x) * 3"'),
        "misconception squares: found 0 times"),
    "a misconception caught by luck": (
        edit(MISCONCEPTIONS, '"np.asarray(x) ** 2"', '"np.asarray(x) * (2 if int(np.sum(x)) % 2 else 3)"'),
        "under one seed and not under another",
    ),
    "a reading that does not exist": (
        edit(MISCONCEPTIONS, "README.md#doubling", "README.md#doubbling"),
        "misconception squares sends to README.md#doubbling, which does not exist",
    ),
    "a misconception that now fails other cases": (
        both(
            edit(MISCONCEPTIONS, '"np.asarray(x) ** 2"', '"np.asarray(x) * 2 if np.size(x) < 10 else x"'),
            edit(MISCONCEPTIONS, '["doubles integers", "doubles a matrix"]', '["doubles a matrix"]'),
        ),
        "kills.json is not in step with the tests",
    ),
    "a file that is missing": (lambda solution: (solution / "rubric.md").unlink(), "rubric.md is missing"),
    "a reference that does not import": (edit(TENSOR, "import numpy as np",
        "import numpy as np\nimport no_such_module"), "the reference fails 'doubles integers'"),
    "no probes": (lambda solution: (solution / "tests" / "probes.py").unlink(), "tests/probes.py is missing"),
    "a broken kill matrix": (lambda solution: (solution / KILLS).write_text("[]"), "is not a kill matrix"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_whatever_is_wrong_with_the_tests_is_named(kind, course, monkeypatch):
    change, words = BAD[kind]
    luck = "luck" in kind  # it may hold twice, so more seeds than two are tried
    if luck:
        monkeypatch.setattr(gate, "SEEDS_A_MISCONCEPTION", 6)
    change(course.solution("a01_numbers"))
    problems = run(course, write=luck).problems
    assert [problem for problem in problems if words in problem], problems


def test_the_case_that_caught_the_last_mutant_is_asked_first(course, monkeypatch):
    asked: list[tuple[str, frozenset[str] | None]] = []
    judge = Trials.judge

    def heard(trials, changed, seed=0, stop_at_failure=False, wanted=None):
        if stop_at_failure:
            asked.append((next(iter(changed.values())), wanted))
        return judge(trials, changed, seed, stop_at_failure, wanted)

    monkeypatch.setattr(Trials, "judge", heard)
    report = run(course, mutants=None)
    assert (report.caught, report.survivors) == (6, [])
    assert asked[0][1] is None
    assert all(wanted for _, wanted in asked[1:2])
    # Six mutants in two functions: the second function's first one needs the other cases.
    assert [wanted is None for _, wanted in asked].count(True) <= 3
    assert len({source for source, _ in asked}) == 6


def blind_to_doubling(solution: Path) -> None:
    """Cases that look at a shape only let two mutants of `double` live."""
    for name in (DOUBLE, MEAN):
        text = (solution / name).read_text()
        (solution / name).write_text(
            text.replace("expect.equal(student.double(x), 2 * x)", "expect.shape(student.double(x), (5,))")
        )
    edit(
        DOUBLE,
        "expect.close(student.double(secret_input), 2 * secret_input)",
        "expect.shape(student.double(secret_input), (3, 4))",
    )(solution)


def test_a_mutant_that_no_case_catches_is_listed_as_a_survivor_not_as_a_problem(course):
    blind_to_doubling(course.solution("a01_numbers"))
    report = run(course, mutants=None)
    assert report.mutants == 6
    assert report.survivors == [f"{TENSOR}:9: 2 -> 3", f"{TENSOR}:9: Mult -> Div"]
    assert report.caught == 4


def test_a_full_course_asks_for_more_cases_and_misconceptions(course):
    strict = course.model_copy(update={"strict": True})
    problems = run(strict).problems
    assert problems == ["5 cases; at least 20 are asked for", "2 misconceptions; at least 8 are asked for"]


def test_misconceptions_that_fail_the_same_cases_are_told(course):
    file = course.solution("a01_numbers") / MISCONCEPTIONS
    text = file.read_text()
    twin = text[text.index("- id: squares") :].replace("squares", "cubes").replace("** 2", "** 3")
    file.write_text(text + twin)
    report = run(course)
    assert report.alike == ["cubes", "squares"]
    assert report.problems == [OUT_OF_STEP.format("misconception cubes is new")]


# Labs.


LABS = {
    "right": """
        # %% [markdown]
        # # A lab
        # %%
        from autograder.workspace import open_workspace
        workspace = open_workspace()
        from tinytorch.core.tensor import double
        print(double(21))
    """,
    "failing": """
        # %%
        print(undefined)
    """,
    "without a figure": minicourse.LAB,
}
RUN_LABS = """
import json, sys
from pathlib import Path
from autograder.course import load_course
from autograder.validate.labs import run_lab
root, kept, labs = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
course, told = load_course(root), {}
for name, text in labs.items():
    (course.solution("a01_numbers") / "lab.py").write_text(text)
    told[name] = run_lab(course, course.assignment("a01"), kept / f"{name}.ipynb")
print(json.dumps(told))
"""


def test_a_lab_runs_on_the_solution_from_top_to_bottom_and_has_to_end_in_a_figure(course, tmp_path):
    """In a process of its own: Jupyter leaves sockets open, which a later test would be blamed for."""
    texts = {name: dedent(text) + (dedent(minicourse.FIGURE) if name == "right" else "") for name, text in LABS.items()}
    command = [sys.executable, "-c", RUN_LABS, str(course.root), str(tmp_path / "kept"), json.dumps(texts)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["right"] == ""
    assert told["without a figure"] == "lab.py: no figure was drawn; every lab ends in a figure worth looking at"
    assert told["failing"].startswith("lab.py: ")
    assert "NameError: name 'undefined' is not defined" in told["failing"]
    assert "\x1b" not in told["failing"]
    cells = json.loads((tmp_path / "kept" / "right.ipynb").read_text())["cells"]
    printed = ["".join(output.get("text", "")) for cell in cells for output in cell.get("outputs", [])]
    assert "42\n" in printed


def test_trouble_with_a_lab_is_a_problem_of_the_gate_when_labs_are_asked_for(course, monkeypatch):
    monkeypatch.setattr(gate, "run_lab", lambda course, assignment, keep: "lab.py: it fails")
    assert run(course, labs=True).problems == ["lab.py: it fails"]
    assert run(course, labs=False).problems == []


# The command line.


def test_the_command_prints_a_table_and_says_by_status_whether_all_holds(course, tito, monkeypatch):
    monkeypatch.setenv("TITO_COURSE", str(course.root))
    monkeypatch.setenv("COLUMNS", "200")
    edit(MISCONCEPTIONS, "README.md#doubling", "README.md#doubbling")(course.solution("a01_numbers"))
    record.write_json(course.solution("a02_words") / KILLS, {"cases": ["shout.twice"], "misconceptions": {}})
    status, out, _ = tito("validate", "--no-labs", "--mutants", "2", "--jobs", "2")
    assert status == 1
    rows = [line.split()[:5] for line in out.splitlines() if line.startswith("a0") and "/" in line]
    assert rows == [["a01_numbers", "5", "2", "2", "2/2"], ["a02_words", "1", "1", "0", "2/2"]]
    assert "a01_numbers: misconception squares sends to README.md#doubbling, which does not exist" in out
    assert "a02_words: holds" in out


def test_a_log_is_told_what_is_being_done_and_who_survived(course, tito, monkeypatch):
    monkeypatch.setenv("TITO_COURSE", str(course.root))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("autograder.cli.validate.QUIET", 0.0)
    blind_to_doubling(course.solution("a01_numbers"))
    _, out, _ = tito("validate", "a01", "--no-labs", "--mutants", "all", "--survivors")
    lines = out.splitlines()
    assert any(line.startswith("... a01 mutant ") for line in lines), out
    survivors = [line for line in lines if line.startswith("a01_numbers: survives: ")]
    assert survivors == [f"a01_numbers: survives: {TENSOR}:9: {change}" for change in ("2 -> 3", "Mult -> Div")]


def test_an_assignment_that_breaks_the_gate_costs_no_other_its_report(course, tito, monkeypatch):
    monkeypatch.setenv("TITO_COURSE", str(course.root))
    monkeypatch.setenv("COLUMNS", "200")
    (course.solution("a01_numbers") / TENSOR).write_bytes(b"# \xff is no UTF-8\n")
    status, out, _ = tito("validate", "--no-labs", "--mutants", "0", "--jobs", "1")
    assert status == 1
    assert "a01_numbers: it could not be validated to the end (UnicodeDecodeError(" in out
    assert "Traceback" in out
    assert [line.split()[0] for line in out.splitlines() if "0/0" in line] == ["a01_numbers", "a02_words"]


def test_a_wrong_number_of_mutants_is_told(tito):
    status, _, err = tito("validate", "--mutants", "many")
    assert status == 2
    assert "'many' is neither a number nor 'all'" in err
