"""1986: a network trained by backpropagation reads handwriting. The labels of the test images stay with the judge."""

import gzip

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "backprop"
title = "Backpropagation, 1986"
points = None


def _idx(path, header):
    """The bytes of an IDX file behind its header."""
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)


def _mnist(datasets, part):
    folder = datasets.folder("mnist")
    images = _idx(folder / f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    return images, _idx(folder / f"{part}-labels-idx1-ubyte.gz", 8)


@test_case(name="reads more than 95 % of the MNIST test images", points=100)
def reads(student, rng, datasets):
    images, labels = _mnist(datasets, "train")
    others, truth = _mnist(datasets, "t10k")
    answer = student.read_handwriting(images, labels, others, int(rng.integers(1 << 30)))
    expect.shape(answer["predictions"], (len(truth),))
    expect.between(float(np.mean(answer["predictions"] == truth)), 0.95, 1.0, "the share of the test images read right")
