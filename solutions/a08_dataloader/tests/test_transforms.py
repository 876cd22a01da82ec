"""Transforms without chance: values, shapes of images, chains, and datasets behind a transform."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "transforms"
title = "Transforms"
points = None


def _bytes(rng, *shape):
    return rng.integers(0, 256, size=shape).astype("uint8")


@test_case(name="normalize shifts and scales each channel by its own numbers", points=2)
def normalize(student, rng):
    images = rng.uniform(size=(4, 3, 5, 6)).astype("float32")
    mean, std = (rng.uniform(0.2, 0.8, size=3) for _ in range(2))
    settings = [mean.tolist(), std.tolist()]
    wanted = (images - mean[:, None, None]) / std[:, None, None]
    for x, y in ((images, wanted), (images[1], wanted[1])):
        result = student.transformed("Normalize", settings, x)
        expect.close(result, y, rtol=1e-4, atol=1e-5)
        expect.dtype(result, "float32")


@test_case(
    name="normalize by one number, and with too many",
    points=1,
    hidden=True,
    failure_message="One number goes for all channels; bytes become float32; 2 numbers do not fit 3 channels.",
)
def normalize_by_one(student, rng):
    mean, std = float(rng.uniform(50, 99)), float(rng.uniform(2, 9))
    for x in (_bytes(rng, 5, 3, 4, 6), _bytes(rng, 2, 4, 6), _bytes(rng, 7, 6)):
        result = student.transformed("Normalize", [mean, [std]], x, tensor=False)
        expect.close(result, (x.astype("float64") - mean) / std, rtol=1e-4, atol=1e-4)
        expect.dtype(result, "float32")
    for settings in ([[1.0, 2.0], 1.0], [0.0, [1.0, 2.0]]):
        for channels in (1, 3):
            x, sizes = np.ones((channels, 4, 6)), ["2", str(channels)]
            expect.raises(ValueError, student.transformed, "Normalize", settings, x, mentions=sizes)


@test_case(name="bytes become a tensor from 0 to 1 with the channels in front", points=2)
def to_tensor(student, rng):
    for x, wanted in (
        (photo := _bytes(rng, 7, 6, 3), photo.transpose(2, 0, 1) / 255),
        (grey := _bytes(rng, 7, 6), grey[None] / 255),
    ):
        result = student.transformed("ToTensor", [], x, tensor=False)
        expect.close(result, wanted)
        expect.dtype(result, "float32")


@test_case(
    name="batches, floats and tensors made tensors",
    points=1,
    hidden=True,
    failure_message="(N, H, W, C) becomes (N, C, H, W); only bytes are divided; a tensor is a tensor already.",
)
def to_tensor_other(student, rng):
    batch, values = rng.normal(size=(2, 5, 6, 3)), rng.normal(size=(5, 6, 3))
    expect.close(student.transformed("ToTensor", [], batch, tensor=False), batch.transpose(0, 3, 1, 2))
    expect.close(student.transformed("ToTensor", [], values, tensor=False), values.transpose(2, 0, 1))
    expect.equal(student.transformed("ToTensor", [], values), values)


@test_case(name="composed transforms run one after the other", points=1)
def composed(student, rng):
    x = float(rng.integers(2, 100))
    expect.close(student.composed_numbers(x), (x + 1) * 3)
    images = rng.uniform(1, 2, size=(2, 1, 6, 6)).astype("float32")
    mean = float(rng.uniform(0.2, 0.6))
    result = student.composed(images, mean, 6, int(rng.integers(1, 10**6)))
    expect.close(result, images[..., ::-1] - mean)


@test_case(
    name="functions of single images get single images",
    points=2,
    hidden=True,
    failure_message="A chain takes a whole batch only if each of its transforms does: ask each for `batched`.",
)
def one_at_a_time(student, rng):
    images = _bytes(rng, 5, 4, 6)
    add = float(rng.uniform(1, 2))
    sums = images.astype("float64").sum(axis=(1, 2))[:, None] / 255
    expect.close(student.one_at_a_time(images, add), [sums + add, sums / 2 + add], rtol=1e-4)


@test_case(name="a wrapped dataset gives transformed images, one or many, and labels as they are", points=2)
def wrapped(student, rng):
    images, labels = _bytes(rng, 6, 5, 7), rng.integers(0, 10, size=6)
    index = int(rng.integers(0, 6))
    numbers = images[:, None] / 255
    single, batch, base = student.batch_and_single(images, labels, index)
    expect.close(single[0], numbers[index, ..., ::-1])
    expect.equal(single[1], labels[index])
    expect.close(batch[0], numbers[..., ::-1])
    expect.equal(batch[1], labels)
    expect.close(base[0], numbers)


@test_case(
    name="augmenting one half of a split leaves the other as it was",
    points=2,
    hidden=True,
    failure_message="Both halves lie on one data set. The transform belongs to the wrapped half alone.",
)
def other_half(student, rng):
    images = _bytes(rng, 8, 4, 6)
    (train, train_labels), (validate, labels) = student.augmented_half(images, np.arange(8), int(rng.integers(1, 999)))
    expect.equal(np.sort(np.concatenate([train_labels, labels])), np.arange(8))
    expect.close(train, images[train_labels][:, None, :, ::-1] / 255)
    expect.close(validate, images[labels][:, None] / 255)


@test_case(
    name="images without labels behind a transform",
    points=1,
    hidden=True,
    failure_message="A sample may be an image alone, and not a tuple. Then the result is an image alone, too.",
)
def images_alone(student, rng):
    x = rng.normal(size=(4, 2, 5, 6)).astype("float32")
    mean = float(rng.uniform(1, 2))
    single, batch = student.wrapped_images_alone(x, mean)
    expect.close(single, x[0] - mean)
    expect.close(batch, x - mean)


@test_case(
    name="every shape of image, tensor or array",
    points=1,
    hidden=True,
    failure_message="(N, C, H, W), (C, H, W), (H, W) and (H, W, C): the result has the form and the type of the input.",
)
def shapes(student, rng):
    for shape, cropped in (
        ((4, 2, 9, 8), (4, 2, 6, 5)),
        ((2, 9, 8), (2, 6, 5)),
        ((9, 8), (6, 5)),
        ((9, 8, 3), (6, 5, 3)),
    ):
        x = rng.uniform(size=shape).astype("float32")
        for kind, settings, wanted in (
            ("Normalize", [0.5, 0.5], shape),
            ("RandomHorizontalFlip", [], shape),
            ("RandomCrop", [[6, 5]], cropped),
        ):
            names, *found = student.kind_returned(kind, settings, x)
            expect.equal(names, ["Tensor", "ndarray"])
            for one in found:
                expect.shape(one, wanted)


@test_case(
    name="the input stays as it was and the result has memory of its own",
    points=2,
    hidden=True,
    failure_message="A transform may be given the data set itself: what it writes there stays for all epochs.",
)
def inputs_left_alone(student, rng):
    x = rng.uniform(1, 2, size=(6, 1, 5, 7)).astype("float32")
    for kind, settings in (
        ("Normalize", [0.5, 0.5]),
        ("RandomHorizontalFlip", [1]),
        ("RandomHorizontalFlip", [0]),
        ("RandomCrop", [5, 1]),
        ("RandomCrop", [[5, 7]]),
    ):
        expect.equal(student.input_after(kind, settings, x), x)
