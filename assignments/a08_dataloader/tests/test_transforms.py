"""Transforms without chance: values, shapes of images, chains, and datasets behind a transform."""

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


@test_case(name="bytes become a tensor from 0 to 1 with the channels in front", points=2)
def to_tensor(student, rng):
    for x, wanted in (
        (photo := _bytes(rng, 7, 6, 3), photo.transpose(2, 0, 1) / 255),
        (grey := _bytes(rng, 7, 6), grey[None] / 255),
    ):
        result = student.transformed("ToTensor", [], x, tensor=False)
        expect.close(result, wanted)
        expect.dtype(result, "float32")


@test_case(name="composed transforms run one after the other", points=1)
def composed(student, rng):
    x = float(rng.integers(2, 100))
    expect.close(student.composed_numbers(x), (x + 1) * 3)
    images = rng.uniform(1, 2, size=(2, 1, 6, 6)).astype("float32")
    mean = float(rng.uniform(0.2, 0.6))
    result = student.composed(images, mean, 6, int(rng.integers(1, 10**6)))
    expect.close(result, images[..., ::-1] - mean)


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
