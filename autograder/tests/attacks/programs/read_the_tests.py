# ruff: noqa
# tries: read hidden tests, the solution and everything else of the course by its real path
# score: 5
# honest reader: `mean` is right; `double` says what it could read.

import glob
import os

import numpy as np

COURSE = "@COURSE@"


def searched():
    found = []
    for start in (COURSE, COURSE + "/solutions", COURSE + "/solutions/a01_numbers/tests", "/proc/@JUDGE@/cwd", "/proc/@JUDGE@/root" + COURSE):
        try:
            found.append(f"{start}: {os.listdir(start)}")
        except OSError:
            pass
    names = ["tests/test_double.py", "tests/test_mean.py", "tinytorch/core/tensor.py", "misconceptions.yaml"]
    files = [f"{COURSE}/solutions/a01_numbers/{name}" for name in names]
    files += [f"/proc/@JUDGE@/root{name}" for name in files] + [f"/proc/self/root{name}" for name in files]
    files += [f"/proc/@JUDGE@/{name}" for name in ("environ", "mem", "maps", "cmdline")] + glob.glob("/tmp/**/test_*.py", recursive=True)
    for number, name in enumerate(files):
        for way in (name, f"link{number}"):
            try:
                if way != name:
                    os.symlink(name, way)
                with open(way, errors="replace") as file:
                    found.append(file.read(1000))
            except OSError:
                pass
    return found


def double(x):
    found = searched()
    print(found)
    raise ValueError(str(found)[-1500:])


def mean(x):
    return np.sum(x) / np.size(x)
