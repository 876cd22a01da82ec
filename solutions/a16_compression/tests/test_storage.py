"""Task 5: the bytes of a whole model."""

from otter.test_files import test_case

from autograder import expect

OK_FORMAT = False
name = "storage"
title = "A model in few bytes"
points = None


def _least(array, half=False):
    """[kind, dtype, bytes] of the smallest format of an array of fewer than 256 elements."""
    if half and array.ndim > 1:
        array = array.astype("float16")
    count, each = int((array != 0).sum()), array.itemsize
    sizes = {"dense": array.size * each, "bitmap": count * each + -(-array.size // 8), "gaps": count * (each + 1)}
    best = min(sizes, key=sizes.get)
    return [best, str(array.dtype), sizes[best]]


@test_case(name="everything of the state, each in its smallest format, shared arrays once", points=2)
def every_array(student, rng):
    for half in (False, True):
        state, kinds, size, dense = student.stored(int(rng.integers(99)), 0.7, half)
        shared = {"again.weight", "again.bias"}
        expected = {key: _least(array, half) for key, array in state.items() if key not in shared}
        expect.equal(kinds, expected)
        expect.equal(size, sum(bytes_ for *_, bytes_ in expected.values()))
        expect.equal(dense, sum(array.nbytes for key, array in state.items() if key not in shared))


@test_case(name="what is stored can be read into another model", points=2)
def read_back(student, rng):
    state, other, back = student.stored_and_read(int(rng.integers(99)))
    expect.equal(other, state)
    expect.equal(back, True)


@test_case(
    name="read back from float16: weights rounded, biases exact",
    points=1,
    hidden=True,
    failure_message="half is for arrays of two and more dimensions; biases, scales and running statistics stay float32.",
)
def read_half(student, rng):
    state, other, _ = student.stored_and_read(int(rng.integers(99)), half=True)
    expected = {k: a.astype("float16").astype("float32") if a.ndim > 1 else a for k, a in state.items()}
    expect.equal(other, expected)


@test_case(
    name="weights in bytes, as quantised layers have them",
    points=1,
    hidden=True,
    failure_message="Buffers count, too. Of whole numbers those that are not 0 are stored, a byte each, and the bits.",
)
def quantized(student, rng):
    values = rng.integers(1, 100, size=(20, 30)).astype("int8")
    values[rng.random(values.shape) < 0.5] = 0
    count = int((values != 0).sum())
    for half in (False, True):
        expect.equal(student.stored_quantized(values, half), [count + 75 + 4, 604])


@test_case(
    name="the sparsity that a budget of bytes needs",
    points=2,
    hidden=True,
    failure_message=(
        "The least number of thousandths for which the packed model is within the budget, biases and places counted. The"
        " model itself is not pruned by asking. A budget that cannot be met is a ValueError."
    ),
)
def budget(student, rng):
    weights = [rng.normal(size=shape).astype("float32") for shape in ((30, 40), (40, 12))]
    for share, half in ((0.25, False), (0.3, True), (0.08, False)):
        sparsity, size, one_less, total, left = student.sparsity_needed(weights, share, half)
        expect.equal(total, 4 * (1200 + 480 + 52))
        expect.close(sparsity * 1000, round(sparsity * 1000), atol=1e-6)
        expect.between(size, 1, share * total, "bytes with the sparsity that was found")
        expect.true(one_less > share * total, "a thousandth less would not be enough")
        expect.equal(left, weights)
    expect.equal(student.sparsity_needed(weights, 1.0)[0], 0.0)
    expect.raises(ValueError, student.sparsity_needed, weights, 1e-4)
