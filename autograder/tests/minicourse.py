"""A course of two tiny assignments, written into a folder: everything the tooling needs, small enough to see through.

a01_numbers has two functions (`double`, `mean`) and five cases; a02_words builds on it.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent

COURSE = """
name: Mini
term: test
version: "1"
strict: false
timezone: Europe/Berlin
late: {grace_minutes: 10, percent_per_day: 10, max_days: 3}
limits:
  case_seconds: 2
  import_seconds: 5
  submission_seconds: 60
  memory_mb: 512
  scratch_mb: 4
  output_kb: 8
  reply_mb: 8
  upload_mb: 5
  upload_files: 100
imports:
  allowed: [numpy]
  forbidden_standard: [socket, subprocess, ctypes]
assignments:
  - {key: a01_numbers, title: Numbers, question: "Can I count?", part: one, writes: [tinytorch/core/tensor.py],
     requires: [], points: 10, due: 2027-01-01T12:00:00}
  - {key: a02_words, title: Words, question: "Can I speak?", part: one, writes: [tinytorch/core/activations.py],
     requires: [a01_numbers], points: 4, due: 2027-02-01T12:00:00}
milestones:
  - {key: first, year: 1957, title: First, question: "Does it run?", requires: [a02_words], must_reach: the end}
"""

NUMBERS = '''
"""Numbers."""

import numpy as np


def double(x):
    """Twice every element."""
    # BEGIN SOLUTION
    return np.asarray(x) * 2
    # END SOLUTION


def mean(x):
    """The mean of all elements."""
    # BEGIN SOLUTION
    total = np.sum(x)
    return total / np.size(x)
    # END SOLUTION
'''

PROBES = '''
"""Asks for doubles and means."""

from tinytorch.core.tensor import double as _double
from tinytorch.core.tensor import mean as _mean


def double(x):
    return _double(x)


def mean(x):
    return _mean(x)
'''

TEST_DOUBLE = '''
"""Doubling."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "double"
title = "Doubling"
points = None


@test_case(name="doubles integers", points=2)
def integers(student, rng):
    x = rng.integers(1, 100, size=5)
    expect.equal(student.double(x), 2 * x)


@test_case(name="doubles a matrix", points=3, hidden=True, failure_message="Does it work for more than one dimension?")
def matrix(student, rng):
    secret_input = rng.normal(size=(3, 4))
    expect.close(student.double(secret_input), 2 * secret_input)
'''

TEST_MEAN = '''
"""Means."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "mean"
title = "Means"
points = None


@test_case(name="mean of a vector", points=2)
def vector(student, rng):
    x = rng.normal(size=9)
    expect.close(student.mean(x), x.mean())


@test_case(name="mean of a matrix", points=2, hidden=True)
def matrix(student, rng):
    x = rng.normal(size=(3, 5))
    expect.close(student.mean(x), x.mean())


@test_case(name="agrees with the reference", points=1, hidden=True)
def same(student, reference, rng):
    x = rng.normal(size=(2, 2))
    expect.close(student.mean(x), reference.mean(x))
'''

MISCONCEPTIONS = """
- id: rows_only
  title: The mean is taken over the rows' number
  file: tinytorch/core/tensor.py
  edits:
    - find: "total / np.size(x)"
      put: "total / len(x)"
  loses: ["mean of a matrix", "agrees with the reference"]
  hint: How many elements does a matrix have?
  read: README.md#means
- id: squares
  title: Squares instead of doubles
  file: tinytorch/core/tensor.py
  edits:
    - find: "np.asarray(x) * 2"
      put: "np.asarray(x) ** 2"
  loses: ["doubles integers", "doubles a matrix"]
  hint: Twice is not squared.
  read: README.md#doubling
"""

WORDS = '''
"""Words."""

from tinytorch.core.tensor import double


def shout(n):
    """As many exclamation marks as twice n."""
    # BEGIN SOLUTION
    return "!" * int(double(n))
    # END SOLUTION
'''

WORDS_PROBES = '''
"""Asks for shouts."""

from tinytorch.core.activations import shout as _shout


def shout(n):
    return _shout(n)
'''

TEST_SHOUT = '''
"""Shouting."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "shout"
title = "Shouting"
points = None


@test_case(name="shouts twice as much", points=4)
def twice(student, rng):
    n = int(rng.integers(1, 9))
    expect.equal(student.shout(n), "!" * (2 * n))
'''

LAB = """
# %% [markdown]
# # A lab
# %%
print(1 + 1)
"""

FRAME = {
    "__init__.py": '"""A frame with nothing in it."""\n',
    "core/__init__.py": '"""Modules of the assignments."""\n',
    "_names.py": 'def absent(module):\n    return ImportError(f"{module} is absent")\n',
}


def write(root: Path) -> Path:
    """Write the course below `root` and return it."""
    _put(root / "course.yaml", COURSE)
    for name, text in FRAME.items():
        _put(root / "tinytorch_ref" / "tinytorch" / name, text)
    numbers, words = root / "solutions" / "a01_numbers", root / "solutions" / "a02_words"
    _put(numbers / "tinytorch/core/tensor.py", NUMBERS)
    _put(numbers / "tests/probes.py", PROBES)
    _put(numbers / "tests/test_double.py", TEST_DOUBLE)
    _put(numbers / "tests/test_mean.py", TEST_MEAN)
    _put(numbers / "misconceptions.yaml", MISCONCEPTIONS)
    _put(words / "tinytorch/core/activations.py", WORDS)
    _put(words / "tests/probes.py", WORDS_PROBES)
    _put(words / "tests/test_shout.py", TEST_SHOUT)
    _put(words / "misconceptions.yaml", "[]\n")
    for folder in (numbers, words):
        _put(folder / "README.md", "# Handout\n\n## Means\n\n## Doubling\n\n## What the tests look for\n")
        _put(folder / "lab.py", LAB)
        _put(folder / "reflection.md", "# Reflect\n")
        _put(folder / "rubric.md", "# Rubric\n")
    return root


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")


# The kill matrix that `tito validate --write` measures for a01_numbers.
KILLS = {
    "cases": ["double.integers", "double.matrix", "mean.vector", "mean.matrix", "mean.same"],
    "misconceptions": {"rows_only": ["mean.matrix", "mean.same"], "squares": ["double.integers", "double.matrix"]},
}

# A lab that ends in a figure, without the cost of importing matplotlib: a PNG of one pixel.
FIGURE = """
# %%
import base64

from IPython.display import Image, display

pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
display(Image(data=base64.b64decode(pixel), format="png"))
"""

DOUBLE, MEAN = "return np.asarray(x) * 2", "return np.sum(x) / np.size(x)"


def numbers(double: str = DOUBLE, mean: str = MEAN, top: str = "") -> str:
    """A student's tensor.py: statements at the top, and the bodies of the two functions."""
    bodies = (
        f"def {name}(x):\n" + indent(dedent(body).strip("\n"), "    ")
        for name, body in (("double", double), ("mean", mean))
    )
    return "\n\n\n".join([f"import numpy as np\n\n{dedent(top)}".rstrip(), *bodies]) + "\n"


def put_numbers(folder: Path, source: str) -> Path:
    """A folder that is a submission to a01_numbers with this tensor.py."""
    target = folder / "tinytorch" / "core" / "tensor.py"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(source, encoding="utf-8")
    return folder
