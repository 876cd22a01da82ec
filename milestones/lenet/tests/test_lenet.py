"""1998: convolutional networks recognise what is in a photograph. The labels of the test images stay with the judge."""

import numpy as np
from otter.test_files import test_case

from autograder import expect
from autograder.recipe import load_recipe

OK_FORMAT = False
name = "lenet"
title = "Convolution, 1998"
points = None


def _cifar10(datasets, names):
    """Images (N, 3, 32, 32) and labels (N,) of the files: a record is a label and three planes of 1,024 bytes."""
    folder = datasets.folder("cifar10") / "cifar-10-batches-bin"
    records = np.concatenate([np.fromfile(folder / f"{name}.bin", np.uint8).reshape(-1, 3073) for name in names])
    return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0].astype(np.int64)


def _share_right(probe, rng, datasets, recipe):
    """Train as config/recipes/RECIPE.yaml says; the share of the test images that are taken for what they are."""
    images, labels = _cifar10(datasets, [f"data_batch_{i}" for i in range(1, 6)])
    others, truth = _cifar10(datasets, ["test_batch"])
    plain = load_recipe(datasets.course.root / "config" / "recipes" / f"{recipe}.yaml").model_dump(mode="json")
    answer = probe(plain, images, labels, others, int(rng.integers(1 << 30)))
    expect.shape(answer["probabilities"], (len(truth), 10))
    return float(np.mean(answer["probabilities"].argmax(axis=1) == truth))


@test_case(name="the small network recognises at least 75 % of the CIFAR-10 test images", points=60)
def small(student, rng, datasets):
    expect.between(_share_right(student.small_network, rng, datasets, "cifar10_small"), 0.75, 1.0, "the share recognised")


@test_case(name="the stronger recipe recognises at least 85 %", points=40)
def strong(student, rng, datasets):
    share = _share_right(student.strong_network, rng, datasets, "cifar10_strong")
    expect.between(share, 0.85, 1.0, "the share recognised")


@test_case(name="the stronger recipe, twice as wide, recognises at least 88 %", points=10)
def wide(student, rng, datasets):
    share = _share_right(student.wide_network, rng, datasets, "cifar10_wide")
    expect.between(share, 0.88, 1.0, "the share recognised")
