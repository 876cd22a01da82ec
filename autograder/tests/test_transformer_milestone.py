"""The transformer milestone: what the judge sends and how it counts; and the whole way on a small plan, on the layers
of students, in the sandbox."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from autograder import milestone, picture
from autograder.course import Course, load_course
from autograder.expect import Mismatch
from autograder.judge.testfiles import load_test_files
from autograder.milestone import Follower, Runner
from autograder.tests.stage import zipped

TEXT = (
    "".join(f"{name}:\nthe {noun} of the king\n\n" for name in ("ROMEO", "JULIET") for noun in ("kite", "knave")) * 90
)
CUT = int(0.9 * len(TEXT))


@pytest.fixture(scope="module")
def course() -> Course:
    return load_course(Path(__file__).parents[2])


@pytest.fixture(scope="module")
def judge(course: Course) -> dict[str, Any]:
    """The names of the judge's file."""
    (file,) = load_test_files(course.home(course.milestone("transformer")) / "tests")
    return file.cases[0].function.__globals__


@pytest.fixture
def datasets(tmp_path: Path) -> Any:
    (tmp_path / "input.txt").write_text(TEXT)
    return SimpleNamespace(folder=lambda name: {"tinyshakespeare": tmp_path}[name])


class Student:
    """Answers what it is told to, and remembers what it was sent."""

    def __init__(self, answer: Any):
        self.answer, self.sent = answer, []

    def learn_characters(self, text: str, seed: int) -> dict[str, Any]:
        self.sent.append(text)
        return {}

    learn_pieces = learn_characters

    def foresee(self, texts: list[str]) -> Any:
        self.sent.append(texts)
        return self.answer(texts)

    def weigh(self, text: str) -> float:
        self.sent.append(text)
        return 1.5


CHARACTERS = sorted(set(TEXT))
EVEN = {"characters": CHARACTERS, "probabilities": 1 / len(CHARACTERS)}


def rows(count: int, change: Any = lambda p: p, **other: Any) -> dict[str, Any]:
    p = np.full((count, len(CHARACTERS)), 1 / len(CHARACTERS))
    return {"characters": CHARACTERS, "probabilities": change(p), **other}


def oracle(texts: list[str]) -> dict[str, Any]:
    """Knows the text by heart."""
    found = rows(len(texts), np.zeros_like)
    for i, text in enumerate(texts):
        found["probabilities"][i, CHARACTERS.index(TEXT[TEXT.index(text, 1) + len(text)])] = 1
    return found


def test_no_answer_is_sent_before_it_is_asked_for(judge, datasets):
    student = Student(oracle)
    judge["_foresight"](student, student.learn_characters, np.random.default_rng(0), datasets, 1.85)
    learned, asked, kept = student.sent
    assert (learned, kept) == (TEXT[:CUT], TEXT[CUT:])
    places = [64 * i for i in range(len(asked))]
    assert asked == [kept[p : p + 63] for p in places]
    assert len(kept) - 64 < places[-1] + 64 <= len(kept)


def test_the_loss_is_that_of_the_characters_that_came(judge):
    truth = list("the king")
    assert judge["_loss"](rows(8), truth) == pytest.approx(math.log(len(CHARACTERS)))
    doubled = rows(8)
    doubled["probabilities"][:, CHARACTERS.index("t")] *= 2
    doubled["probabilities"] /= doubled["probabilities"].sum(axis=1, keepdims=True)
    shrunk = 1 + 1 / len(CHARACTERS)
    wanted = math.log(len(CHARACTERS) * shrunk) - math.log(2) / 8
    assert judge["_loss"](doubled, truth) == pytest.approx(wanted)
    assert judge["_loss"](rows(1), ["Ω"]) == pytest.approx(-math.log(1e-6))
    sure = rows(1, np.zeros_like)
    sure["probabilities"][0, 0] = 1
    assert judge["_loss"](sure, [CHARACTERS[3]]) == pytest.approx(-math.log(1e-6))


def negative(p: Any) -> Any:
    p[:, 0] += 1
    p[:, 1] -= 1
    return p


BAD = {
    "larger than 1 in sum": lambda n: rows(n, lambda p: p * 1.01),
    "smaller": lambda n: rows(n, lambda p: p * 0.99),
    "negative": lambda n: rows(n, negative),
    "NaN": lambda n: rows(n, lambda p: p * math.nan),
    "one row too few": lambda n: rows(n - 1),
    "a character twice": lambda n: rows(n, characters=[*CHARACTERS[:-1], CHARACTERS[0]]),
    "a text instead of characters": lambda n: rows(n, characters="".join(CHARACTERS)),
    "too few characters": lambda n: rows(n, characters=CHARACTERS[1:]),
    "numbers in words": lambda n: rows(n, lambda p: p.astype(str)),
}


@pytest.mark.parametrize("bad", BAD)
def test_what_is_no_probability_is_no_answer(judge, datasets, bad):
    student = Student(lambda texts: BAD[bad](len(texts)))
    with pytest.raises(Mismatch):
        judge["_foresight"](student, student.learn_pieces, np.random.default_rng(0), datasets, math.inf)
    assert len(student.sent) == 2, "the text that is kept back is not sent after a wrong answer"


def test_a_bar_is_a_bar(judge, datasets):
    student = Student(lambda texts: rows(len(texts)))
    with pytest.raises(Mismatch, match="the loss in nats a character that was kept back between 0 and 1.85"):
        judge["_foresight"](student, student.learn_characters, np.random.default_rng(0), datasets, 1.85)


# The whole way, on a small plan.

SMALL = '''
"""A small plan, a text of its own, and a bar that guessing does not reach."""

import importlib.util

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "small"
title = "Small"
points = None

TEXT = {text!r}
PLAN = dict(layers=1, heads=2, width=32, seq_len=32, batch_size=16, lr=1e-2, sample_every=1000, vocab_size=290)


def _loss(answer, truth):
    expect.shape(answer["probabilities"], (len(truth), len(answer["characters"])))
    column = {{c: i for i, c in enumerate(answer["characters"])}}
    return -np.log(answer["probabilities"][np.arange(len(truth)), [column[c] for c in truth]]).mean()


@test_case(name="characters", points=50)
def characters(student, rng):
    kept = TEXT[-1000:]
    student.learn_characters(TEXT[:-1000], 1, steps=60, **PLAN)
    expect.between(_loss(student.foresee([kept[i : i + 63] for i in range(0, 900, 64)]), kept[63:963:64]), 0, 1.2, "loss")
    expect.between(student.weigh(kept), 0, 1.2, "loss")


@test_case(name="pieces", points=50)
def pieces(student, rng):
    kept = TEXT[-1000:]
    student.learn_pieces(TEXT[:-1000], 1, steps=40, **PLAN)
    expect.between(_loss(student.foresee([kept[i : i + 63] for i in range(0, 900, 64)]), kept[63:963:64]), 0, 1.2, "loss")
'''


@pytest.fixture(scope="module")
def small(course: Course, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A runner of the milestone that asks for a small plan."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "test_small.py").write_text(SMALL.format(text=TEXT))
    limits = course.milestone("transformer").limits
    chosen = course.milestone("transformer").model_copy(update={"datasets": (), "limits": limits})
    with Runner(course, chosen) as runner:
        runner.files = load_test_files(folder)
        yield runner


def solution(course: Course, key: str, before: str = "", after: str = "") -> dict[str, str]:
    """The files of a solution, with one thing changed."""
    (path,) = course.by_key[key].writes
    text = (course.solution(key) / path).read_text()
    assert not before or text.count(before) == 1, before
    return {path: text.replace(before, after) if before else text}


def run(small: Runner, course: Course, tmp_path: Path, changed: dict[str, dict[str, str]], keys: list[str]) -> Any:
    said = bytearray()
    zips = [zipped(tmp_path / f"{key}.zip", changed.get(key) or solution(course, key)) for key in keys]
    outcome = small.run(zips, follower=Follower(said.extend))
    return outcome, {c.assignment: c.origin for c in outcome.choices}, said.decode()


def test_a_student_whose_a09_is_wrong_runs_on_the_own_other_layers(small, course, tmp_path):
    """a09 plays no part in this milestone: it is named, and everything else is the student's."""
    keys = [a.key for a in small.assignments]
    assert "a09_spatial" not in keys and len(keys) == 12
    wrong = solution(course, "a09_spatial")
    (path,) = wrong
    wrong[path] = "from __future__ import annotations\nraise RuntimeError('wrong')\n"
    outcome, origins, said = run(small, course, tmp_path, {"a09_spatial": wrong}, ["a09_spatial", *keys])
    assert outcome.reached, [c.detail for c in outcome.verdict.cases]
    assert set(origins.values()) == {"student"}
    assert outcome.notes == ("a09_spatial.zip: a09_spatial plays no part in transformer",)
    assert "step 60 of 60: loss " in said and "loss on the text that was kept back: " in said


def test_models_and_pages_are_left_and_the_model_is_the_one_that_was_trained(small, course, tmp_path):
    outcome, origins, _ = run(small, course, tmp_path, {}, ["a12_attention"])
    assert (origins["a12_attention"], origins["a11_embeddings"]) == ("student", "reference")
    drawn = milestone.draw(course, outcome, tmp_path / "out")
    assert drawn.problem == ""
    names = [str(path.relative_to(tmp_path / "out")) for path in drawn.paths]
    assert names == [f"{kind}/{name}" for kind in ("characters", "pieces") for name in ("model.npz", "writer.json")] + [
        "characters.png", "pieces.png",
    ]  # fmt: skip
    model = outcome.answers["learn_characters"]["model"]
    with np.load(tmp_path / "out" / "characters" / "model.npz") as arrays:
        assert set(arrays) == set(model["arrays"])
        assert all(np.array_equal(arrays[name], model["arrays"][name]) for name in arrays)
    assert milestone.write(outcome, tmp_path / "out", drawn.paths).read_text().count(".npz") == 0


def test_a_model_that_is_none_costs_model_and_picture_only(course, tmp_path):
    script = course.home(course.milestone("transformer")) / "picture.py"
    answer = {"history": {"step": [1], "train_loss": [1.0], "val_loss": [1.0]}, "sample": "$x$\n$", "model": {}}
    outcome = SimpleNamespace(milestone="transformer", answers={"learn_pieces": answer})
    drawn = milestone.draw(course, outcome, tmp_path / "out")
    assert drawn == picture.Drawn((), "KeyError: 'arrays'")
    assert script.is_file() and list((tmp_path / "out").iterdir()) == []
