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


@test_case(name="a crop is a window of the image with zeros around it", points=2)
def windows(student, rng):
    for height, width, size, padding in ((8, 8, 8, 2), (9, 7, 5, 0)):
        images = _numbered(6, 3, height, width)
        crops = student.transformed("RandomCrop", [size, padding], images, int(rng.integers(1, 10**6)))
        expect.shape(crops, (6, 3, size, size))
        expect.true(bool(np.all(_places(crops, images, padding) >= 0)), "each crop is a window of its padded image")
