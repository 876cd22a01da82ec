"""2018: an entry into the Torch Olympics. Labels stay with the judge, and so does the measuring.

What crosses to the judge is arrays. The reference framework puts them together again, in another process: what it then
answers is the accuracy, their bytes are the size, and its memory is the memory. The entry's own speed is the student's.
"""

import gzip

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "mlperf"
title = "The Torch Olympics, 2018"
points = None


def _idx(path, header):
    """The bytes of an IDX file behind its header."""
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)


def _mnist(datasets, part):
    folder = datasets.folder("mnist")
    images = _idx(folder / f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    return images, _idx(folder / f"{part}-labels-idx1-ubyte.gz", 8)


def _bytes(arrays):
    """Of every array that came; the judge counts them itself."""
    expect.true(all(isinstance(a, np.ndarray) for a in arrays.values()), "what is stored is arrays")
    return sum(a.nbytes for a in arrays.values())


@test_case(
    name="a compressed entry keeps its accuracy in a tenth of the bytes, and is faster",
    points=70,
    hidden=True,
    failure_message="Run it in the open: python -m tinytorch.milestones.mlperf prints what each step reaches.",
)
def entry(student, reference, rng, datasets):
    images, labels = _mnist(datasets, "train")
    others, truth = _mnist(datasets, "t10k")
    chosen = rng.permutation(len(images))[:40000]
    made = student.compete(images[chosen], labels[chosen], int(rng.integers(1 << 30)))
    reference.put_together(made["baseline"], made["entry"], made["sizes"])

    right = {which: float(np.mean(reference.answer(which, others) == truth)) for which in ("baseline", "entry")}
    expect.between(right["baseline"], 0.95, 1.0, "the share of the test images that the baseline reads right")
    expect.between(right["entry"], right["baseline"] - 0.01, 1.0, "the share that the entry reads right")
    own = float(np.mean(student.answer("entry", others) == truth))
    expect.between(own, right["entry"] - 0.002, right["entry"] + 0.002, "the share that its own framework reads right")

    size, whole = _bytes(made["entry"]), _bytes(made["baseline"])
    expect.between(size / whole, 0.0, 0.1, "bytes of the entry by those of the baseline")
    memory = {which: reference.memory(which, others[:256]) for which in ("baseline", "entry")}
    expect.between(memory["entry"] / memory["baseline"], 0.0, 0.9, "peak memory by that of the baseline")

    def draw():
        return others[rng.integers(0, len(others), 256)], 8

    ratio = expect.cpu_ratio(student.time_of_entry, reference.time_of_baseline, draw, at_most=0.9)
    expect.between(ratio, 0.0, 0.9, "CPU time of the entry by that of the reference's baseline")
    expect.equal(made["claims"]["size_bytes"], size)
    expect.between(made["points"]["all_around"], 1.0, 1e6, "its points in the Olympics, by its own measurements")

    expect.record("accuracy", right["entry"])
    expect.record("latency ratio", ratio)
    expect.record("bytes", size)
    expect.record("peak memory", memory["entry"])


@test_case(
    name="a cached writer writes the same, in less than half of the time",
    points=30,
    hidden=True,
    failure_message="The tokens have to be those of the model without its cache, and the time less than half of theirs.",
)
def writer(student, reference, rng):
    seed, prompt = int(rng.integers(1 << 30)), rng.integers(0, 64, size=(1, 8))
    expect.equal(student.write(seed, prompt, 100, True), reference.write(seed, prompt, 100, False))

    def draw():
        return seed, rng.integers(0, 64, size=(1, 8)), 100

    with_cache, without = _Fixed(student.write, True), _Fixed(reference.write, False)
    ratio = expect.cpu_ratio(with_cache, without, draw, at_most=0.5, blocks=3)
    expect.between(ratio, 0.0, 0.5, "CPU time with a cache by that of the reference without one")


class _Fixed:
    """A probe whose last argument is set."""

    def __init__(self, probe, last):
        self.probe, self.last = probe, last

    def cpu_seconds(self, *args):
        return self.probe.cpu_seconds(*args, self.last)

    def __repr__(self):
        return repr(self.probe)
