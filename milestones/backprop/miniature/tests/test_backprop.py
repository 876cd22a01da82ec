"""The milestone in small: the same program on 3,000 images, judged on 1,000. For trying things, not for passing."""

import gzip

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "backprop"
title = "Backpropagation, in small"
points = None

LEARN, ASK = 3000, 1000


def _idx(path, header):
    """The bytes of an IDX file behind its header."""
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)


def _mnist(datasets, part, count):
    folder = datasets.folder("mnist")
    images = _idx(folder / f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    return images[:count], _idx(folder / f"{part}-labels-idx1-ubyte.gz", 8)[:count]


@test_case(name="reads more than 80 % of the images", points=100)
def reads(student, rng, datasets):
    images, labels = _mnist(datasets, "train", LEARN)
    others, truth = _mnist(datasets, "t10k", ASK)
    answer = student.read_handwriting(images, labels, others, int(rng.integers(1 << 30)))
    expect.shape(answer["predictions"], (len(truth),))
    expect.between(float(np.mean(answer["predictions"] == truth)), 0.80, 1.0, "the share of the test images read right")
    losses = answer["history"]["train_loss"]
    expect.between(losses[-1], 0.0, 0.7 * losses[0], "the last epoch's loss, well below the first one's")
