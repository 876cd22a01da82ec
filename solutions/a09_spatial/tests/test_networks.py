"""Everything together: a small network that learns to see a bar wherever it is."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "networks"
title = "A network that sees"
points = None


def _bars(rng, count, rows):
    """Noisy images (count, 1, 12, 12) with a bar of five pixels, lying (class 0) or standing (1), in some of the rows."""
    labels = rng.integers(0, 2, count)
    images = rng.normal(size=(count, 1, 12, 12)) * 0.2
    for image, standing in zip(images[:, 0], labels, strict=True):
        row, column = int(rng.integers(*rows)), int(rng.integers(0, 8))
        image[row : row + (5 if standing else 1), column : column + (1 if standing else 5)] += 1.5
    return images.astype("float32"), labels


@test_case(
    name="a network finds bars where it has never seen one",
    points=4,
    hidden=True,
    failure_message="Forty steps are enough to tell lying from standing bars. Which gradient is missing, or does not fit?",
)
def bars(student, rng):
    images, labels = _bars(rng, 96, (0, 4))
    others, truth = _bars(rng, 200, (4, 8))
    got = student.classes_after_training(images, labels, others, 40)
    expect.shape(got, (200,))
    expect.between(float(np.mean(got == truth)), 0.95, 1.0, "the share of new images seen right")
