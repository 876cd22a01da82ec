"""The mlperf milestone: what the judge measures itself, and entries that say more of themselves than they hold; and the
given program on few images, on the whole reference."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from autograder import compose
from autograder.course import load_course
from autograder.expect import Mismatch, recording_numbers
from autograder.judge.testfiles import check_leaderboard, load_test_files

COURSE = load_course(Path(__file__).parents[2])
MILESTONE = COURSE.milestone("mlperf")


@pytest.fixture(scope="module")
def case() -> Any:
    """The judge's case about the entry."""
    (file,) = load_test_files(COURSE.home(MILESTONE) / "tests")
    check_leaderboard([file], MILESTONE)
    return next(case.function for case in file.cases if case.id == "entry")


@pytest.fixture
def datasets(tmp_path: Path) -> Any:
    """MNIST of 40 images, whose first pixel is the digit."""
    images = np.zeros((40, 28, 28), np.uint8)
    images[:, 0, 0] = labels = np.arange(40, dtype=np.uint8) % 10
    for part in ("train", "t10k"):
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(bytes(16) + images.tobytes()))
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(bytes(8) + labels.tobytes()))
    return SimpleNamespace(folder=lambda name: {"mnist": tmp_path}[name])


class Probe:
    """A call with the CPU time that the judge's clock would see."""

    def __init__(self, seconds: float):
        self.seconds = seconds

    def cpu_seconds(self, *args: Any) -> float:
        return self.seconds

    def __repr__(self) -> str:
        return "reference.time"


class Framework:
    """Answers as told: `wrong` images of forty are misread by each network, `memory` bytes are needed."""

    def __init__(self, made: dict[str, Any], wrong: dict[str, int], memory: dict[str, int], seconds: float = 0.5):
        self.made, self.wrong, self.bytes, self.given = made, wrong, memory, None
        self.time_of_entry, self.time_of_baseline = Probe(seconds), Probe(1.0)

    def compete(self, images: Any, labels: Any, seed: int) -> dict[str, Any]:
        return self.made

    def put_together(self, *given: Any) -> None:
        self.given = given

    def answer(self, which: str, images: Any) -> Any:
        digits = images[:, 0, 0].astype(int)
        digits[: self.wrong[which]] += 1
        return digits

    def memory(self, which: str, images: Any) -> int:
        return self.bytes[which]


GOOD = {
    "baseline": {"weight": np.zeros(1000, "float32")},
    "entry": {"weight": np.zeros(300, "int8"), "scale": np.zeros(1, "float32")},
    "sizes": [784, 10],
    "claims": {"size_bytes": 304},
    "points": {"all_around": 3.0},
}
RIGHT, NEEDED = {"baseline": 1, "entry": 1}, {"baseline": 1000, "entry": 400}


def judged(case: Any, datasets: Any, made: dict[str, Any] = GOOD, **changes: Any) -> dict[str, float]:
    """What is recorded of an entry, whose student and reference may differ in what they say."""
    options = {"own": RIGHT, "wrong": RIGHT, "memory": NEEDED, "seconds": 0.5, **changes}
    student = Framework(made, options["own"], {"baseline": 1, "entry": 1}, options["seconds"])
    reference = Framework(made, options["wrong"], options["memory"])
    with recording_numbers() as numbers:
        case(student=student, reference=reference, rng=np.random.default_rng(0), datasets=datasets)
    assert reference.given == (made["baseline"], made["entry"], made["sizes"])
    return numbers


def test_an_honest_entry_is_recorded_with_the_judges_numbers(case, datasets):
    # Memory is the reference's; what the student's own process says of it is not asked.
    assert judged(case, datasets) == {"accuracy": 0.975, "latency ratio": 0.5, "bytes": 304.0, "peak memory": 400.0}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"made": {**GOOD, "claims": {"size_bytes": 30}}}, "304"),
        ({"made": {**GOOD, "entry": {"weight": np.zeros(300)}}}, "bytes of the entry"),
        ({"made": {**GOOD, "entry": {"weight": "small"}}}, "arrays"),
        ({"made": {**GOOD, "points": {"all_around": 0.0}}}, "points"),
        ({"wrong": {"baseline": 1, "entry": 9}}, "the share that the entry reads right"),
        ({"wrong": {"baseline": 30, "entry": 30}, "own": {"baseline": 30, "entry": 30}}, "baseline reads right"),
        ({"own": {"baseline": 1, "entry": 0}, "wrong": {"baseline": 1, "entry": 1}}, "its own framework"),
        ({"memory": {"baseline": 1000, "entry": 950}}, "peak memory"),
        ({"seconds": 0.95}, "CPU time"),
    ],
)
def test_an_entry_that_is_not_what_it_says_does_not_pass(changes, words, case, datasets):
    """Arrays that the reference cannot answer from, bytes that were not counted, time that was not saved."""
    with pytest.raises(Mismatch, match=words):
        judged(case, datasets, **changes)


PROGRAM = """
import json
import numpy as np
from tinytorch.data.sources import mnist
from tinytorch.milestones import mlperf as program

images, labels = mnist(train=True)
made = program.olympics(images[:3000], labels[:3000], seed=1, held_out=300, epochs=2)
small = program.restored(made["entry"], tuple(made["sizes"]), quantized=True)
large = program.restored(made["baseline"], program.SIZES, quantized=False)
others, truth = mnist(train=False)
said = [program.predict(model, others[:500]) for model in (large, small)]
model, prompt = program.writer(2), np.arange(6)[None]
texts = [program.write(model, prompt, 40, cached).tolist() for cached in (True, False, True)]
print(json.dumps({
    "right": [float((one == truth[:500]).mean()) for one in said],
    "bytes": [sum(a.nbytes for a in made[which].values()) for which in ("baseline", "entry")],
    "claims": made["claims"], "sizes": made["sizes"], "events": len(made["points"]),
    "dtypes": sorted({str(a.dtype) for a in made["entry"].values()}),
    "memory": [program.memory(one, others[:256]) for one in (large, small)],
    "same": texts[0] == texts[1] == texts[2], "length": len(texts[0][0]),
}))
"""


def test_the_given_program_makes_an_entry_that_its_arrays_alone_stand_for(tmp_path):
    made = compose.compose(COURSE, compose.with_students(COURSE, []), tmp_path / "c", linked=True, data=["mnist"])
    code = f"import sys; sys.path.insert(0, {str(made.path)!r})\n{PROGRAM}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    large, small = found["right"]
    assert large > 0.8 and small > large - 0.05
    assert found["bytes"][1] < 0.1 * found["bytes"][0] and found["claims"]["size_bytes"] == found["bytes"][1]
    assert (found["sizes"], found["dtypes"], found["events"]) == ([784, 64, 32, 10], ["float32", "int8"], 5)
    assert found["memory"][1] < 0.5 * found["memory"][0]
    assert (found["same"], found["length"]) == (True, 46)
