"""Transforms that draw: flips and crops, for each image its own."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "augmentation"
title = "Flips and crops"
points = None


def _numbered(n, channels, height, width):
    """Images in which no two pixels are equal, and none is 0."""
    count = n * channels * height * width
    return np.arange(1, count + 1, dtype="float32").reshape(n, channels, height, width)


def _places(crops, images, padding):
    """For each crop, where its upper left corner lies in its padded image; (-1, -1) if it is no window of it."""
    h, w = crops.shape[2:]
    padded = np.pad(images, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    found = np.full((len(crops), 2), -1)
    for i, (crop, image) in enumerate(zip(crops, padded, strict=True)):
        for top in range(image.shape[1] - h + 1):
            for left in range(image.shape[2] - w + 1):
                if np.array_equal(image[:, top : top + h, left : left + w], crop):
                    found[i] = top, left
    return found


@test_case(name="a flip with p = 1 reads every row backwards, with p = 0 it changes nothing", points=1)
def certain_flips(student, rng):
    x = rng.normal(size=(3, 2, 4, 5)).astype("float32")
    for images in (x, x[0]):
        expect.equal(student.transformed("RandomHorizontalFlip", [1.0], images), images[..., ::-1])
        expect.equal(student.transformed("RandomHorizontalFlip", [0.0], images), images)


@test_case(
    name="each image is flipped or not by a draw of its own",
    points=2,
    hidden=True,
    failure_message="Of 400 images about a share p is flipped, as whole images, and not the same ones every time.",
)
def own_flips(student, rng):
    images = _numbered(400, 2, 3, 4)
    flipped = []
    for p in (0.3, 0.8, 0.8):
        out = student.transformed("RandomHorizontalFlip", [p], images, int(rng.integers(1, 10**6)))
        expect.shape(out, images.shape)
        flipped.append(np.all(out == images[..., ::-1], axis=(1, 2, 3)))
        same = np.all(out == images, axis=(1, 2, 3))
        expect.true(bool(np.all(flipped[-1] | same)), "every image comes out as it was or mirrored as a whole")
        expect.between(float(flipped[-1].mean()), p - 0.13, p + 0.13, f"share of flipped images for p = {p}")
    expect.true(bool(np.any(flipped[1] != flipped[2])), "another seed flips other images")


@test_case(name="a crop is a window of the image with zeros around it", points=2)
def windows(student, rng):
    for height, width, size, padding in ((8, 8, 8, 2), (9, 7, 5, 0)):
        images = _numbered(6, 3, height, width)
        crops = student.transformed("RandomCrop", [size, padding], images, int(rng.integers(1, 10**6)))
        expect.shape(crops, (6, 3, size, size))
        expect.true(bool(np.all(_places(crops, images, padding) >= 0)), "each crop is a window of its padded image")


@test_case(
    name="each image is cropped at a place of its own",
    points=2,
    hidden=True,
    failure_message="One draw for the whole batch moves all images together. Draw as many tops and lefts as images.",
)
def own_places(student, rng):
    images = _numbered(64, 1, 8, 8)
    crops = student.transformed("RandomCrop", [8, 2], images, int(rng.integers(1, 10**6)))
    expect.shape(crops, images.shape)
    places = _places(crops, images, 2)
    expect.true(bool(np.all(places >= 0)), "each crop is a window of its padded image")
    expect.between(len(np.unique(places[:, 0])), 4, 5, "number of different tops of 64 crops")
    expect.between(len(np.unique(places[:, 1])), 4, 5, "number of different lefts of 64 crops")
    expect.true(bool(np.any(places[:, 0] != places[:, 1])), "tops and lefts are drawn separately")


@test_case(
    name="every place can be drawn, the first and the last",
    points=2,
    hidden=True,
    failure_message="A window of 3 rows has 2 places in 4 rows, not 1. integers(low, high) stops before high.",
)
def all_places(student, rng):
    for height, width, (h, w), padding in ((4, 6, (3, 4), 0), (3, 5, (4, 5), 1), (3, 3, (2, 3), 1)):
        images = _numbered(300, 1, height, width)
        crops = student.transformed("RandomCrop", [[h, w], padding], images, int(rng.integers(1, 10**6)))
        expect.shape(crops, (300, 1, h, w))
        places = _places(crops, images, padding)
        for axis, count in ((0, height + 2 * padding - h + 1), (1, width + 2 * padding - w + 1)):
            expect.equal(np.unique(places[:, axis]), np.arange(count))


@test_case(
    name="windows that do not fit are refused with both sizes",
    points=1,
    hidden=True,
    failure_message="A window larger than the padded image is a ValueError that names both; one of the same size fits.",
)
def misfits(student, rng):
    images = _numbered(2, 1, 5, 6)
    expect.equal(student.transformed("RandomCrop", [[5, 6]], images), images)
    for size in ([6, 6], [5, 7]):
        expect.raises(
            ValueError, student.transformed, "RandomCrop", [size], images, mentions=[str(tuple(size)), "(5, 6)"]
        )
    expect.raises(ValueError, student.transformed, "RandomCrop", [8, 1], images, mentions=["(8, 8)", "(5, 6)"])


@test_case(
    name="augmentation keeps the dtype and repeats with the seed",
    points=1,
    hidden=True,
    failure_message="Bytes stay bytes, a quarter of the memory. Draw from draws(): manual_seed repeats its draws.",
)
def dtype_and_seed(student, rng):
    images = rng.integers(1, 256, size=(30, 1, 6, 7)).astype("uint8")
    seeds = [int(seed) for seed in rng.choice(10**6, size=13, replace=False)]
    for kind, settings in (("RandomHorizontalFlip", []), ("RandomCrop", [6, 2])):
        first, again, *others = (
            student.transformed(kind, settings, images, seed, False) for seed in [seeds[0], *seeds]
        )
        expect.dtype(first, "uint8")
        expect.shape(first, images.shape if kind == "RandomHorizontalFlip" else (30, 1, 6, 6))
        expect.equal(again, first)
        alike = sum(np.array_equal(first, other) for other in others)
        expect.between(alike, 0, 11, "number of other seeds out of 12 that give the same draws")


@test_case(
    name="a batch is augmented without a loop over its images",
    points=2,
    hidden=True,
    failure_message="400 images may not cost more lines of Python than 20: masks and index arrays do the rest.",
)
def no_loop(student, rng):
    n = int(rng.integers(380, 420))
    for what in ("RandomCrop", "RandomHorizontalFlip", "Normalize", "Compose"):
        few, many = student.steps_run(what, 20), student.steps_run(what, n)
        expect.between(few, 2, 600, "lines of Python run for 20 images")
        expect.between(many, 2, few + 40, f"lines of Python run for {n} images")
