"""Task 4: the layer that holds a table."""

import numpy as np
from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "layer"
title = "Embedding"
points = None


@test_case(name="a layer looks tokens up in a table of its own", points=3)
def looks_up(student, rng):
    rows, dim = int(rng.integers(4, 9)), int(rng.integers(10, 15))
    expect.equal(student.layer_parameters(rows, dim), [[[rows, dim], "float32", True]])
    weight, tokens = rng.normal(size=(rows, dim)).astype("float32"), rng.integers(0, rows, size=(2, 3))
    expect.equal(student.layer_called(tokens, weight), weight[tokens])


@test_case(name="rows of tokens that occur are trained, the padding row is not", points=2)
def trained(student, rng):
    rows, steps = int(rng.integers(6, 10)), int(rng.integers(2, 5))
    padding, other, twice = (int(i) for i in 1 + rng.permutation(rows - 1)[:3])
    tokens = [[padding, other], [twice, twice]]
    before, after, _ = student.layer_trained(rows, 3, padding, tokens, steps, 0.25)
    moved = np.zeros((rows, 3))
    moved[other], moved[twice] = -0.25 * steps, -0.5 * steps
    expect.close(after - before, moved, atol=1e-5)
    expect.equal(after[padding], np.zeros(3, "float32"))


@test_case(
    name="the padding row begins as zeros, and so after every new draw",
    points=2,
    hidden=True,
    failure_message="reset_parameters draws all rows and then sets the row of padding_idx, and only that one, to 0.",
)
def padding_row(student, rng):
    rows = int(rng.integers(4, 9))
    for padding in (0, int(rng.integers(1, rows)), -1):
        before, _, anew = student.layer_trained(rows, 4, padding, [1, 2], 1, 0.1)
        for weight in (before, anew):
            expect.equal(weight[padding], np.zeros(4, "float32"))
            expect.equal(np.count_nonzero(weight.any(axis=1)), rows - 1)
    before, _, anew = student.layer_trained(rows, 4, None, [1, 2], 1, 0.1)
    expect.equal(np.count_nonzero(before), rows * 4)
    expect.equal(np.count_nonzero(anew == before), 0)


@test_case(
    name="rows are drawn normally with standard deviation 1",
    points=2,
    hidden=True,
    failure_message=(
        "The table begins as normal draws of mean 0 and std 1 from the framework's generator; reset_parameters(std) "
        "draws anew into the same array."
    ),
)
def drawn(student, rng):
    std = float(rng.uniform(0.01, 0.1))
    first, second, anew = student.layer_drawn(400, 50, int(rng.integers(1, 10**6)), std)
    expect.equal(first, second)
    for weight, size in ((first, 1.0), (anew, std)):
        expect.between(weight.mean() / size, -0.04, 0.04, "the mean in units of the standard deviation")
        expect.between(weight.std() / size, 0.97, 1.03, "the standard deviation, compared with what it has to be")
        expect.between((np.abs(weight) > 2 * size).mean(), 0.035, 0.057, "the share beyond two standard deviations")


@test_case(
    name="a layer tells its sizes",
    points=1,
    hidden=True,
    failure_message="num_embeddings, embedding_dim and padding_idx are attributes, padding_idx counted from the front.",
)
def described(student, rng):
    rows, dim = int(rng.integers(4, 50)), int(rng.integers(50, 99))
    expect.equal(student.layer_described(rows, dim, None), [f"Embedding({rows}, {dim})", rows, dim, None])
    for padding in (rows - 1, -1):
        text = f"Embedding({rows}, {dim}, padding_idx={rows - 1})"
        expect.equal(student.layer_described(rows, dim, padding), [text, rows, dim, rows - 1])
